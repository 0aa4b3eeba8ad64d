"""Read the sample sheet: tab-separated text, as editors and spreadsheets write it."""

import csv
import re
from difflib import get_close_matches
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from snakemake.exceptions import WorkflowError

# First bytes of files that are not text, and what they are.
NOT_TEXT = {
    b"PK\x03\x04": "a spreadsheet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x1f\x8b": "compressed",
}
SEPARATORS = {",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
# Words that others write for an empty field.
EMPTY = {".", "-", "na", "n/a", "nan", "none", "null"}


def read_sheet(path, schema, in_place=False, prefix=""):
    """Return the rows of the sheet by sample. Paths in it are relative to its folder.

    With `in_place`, jobs read sequences at addresses themselves; `prefix` is that of the default
    storage.
    """
    if is_address(path):
        raise WorkflowError(
            f"{path}: the sample sheet is read before any file is fetched; download it"
        )
    path, rows = Path(path), {}
    for number, row in sheet_rows(path, list(schema["properties"])):
        where = f"{path}, line {number}"
        row["role"] = row.get("role", "").lower()
        row = {key: field for key, field in row.items() if field}
        error = best_match(Draft202012Validator(schema).iter_errors(row))
        if error is not None:
            raise WorkflowError(f"{where}: {violation(error)}")
        where = f"{where}: sample {row['sample']}"
        if row["sample"] in rows:
            raise WorkflowError(f"{where} has two rows; rename one of them")
        files = {
            key: row.get(key)
            and file_of_sheet(
                row[key],
                path.parent,
                f"{where}: {key}",
                in_place=in_place and key == "fasta",
                prefix=prefix,
            )
            for key in ("fasta", "labels", "regions", "variants")
        }
        role = row.get("role") or ("both" if files["labels"] else "score")
        if role != "score" and not files["labels"]:
            raise WorkflowError(
                f"{where} is for training but has no labels; give it labels, or the role `score`"
            )
        rows[row["sample"]] = files | {"role": role}
    if not rows:
        raise WorkflowError(
            f"{path}: no samples; write a row for each below the names of columns"
        )
    return rows


def file_of_sheet(text, folder, where, in_place=False, prefix=""):
    """Return a file of the sheet, relative to the working directory."""
    if is_address(text):
        return located(text, where, in_place)
    file = folder / (Path(text).expanduser() if text.startswith("~/") else text)
    if text.lower() in EMPTY and not file.is_file():
        raise WorkflowError(
            f"{where}: the file {text} does not exist; leave the field empty"
        )
    if in_place and prefix:
        return located(f"{prefix.rstrip('/')}/{file}", where, in_place)
    return located(str(file), where)


def sheet_rows(path, known):
    """Yield the line number and the fields, by column, of each row that is not blank."""
    lines = [
        (number, line)
        for number, line in enumerate(re.split("\r\n|\r|\n", sheet_text(path)), 1)
        if line.strip('\t ,;"\ufeff\xa0\x1a')
    ]
    if lines and re.fullmatch('"?sep=."?', lines[0][1]):
        del lines[0]  # for Excel
    rows = [
        (number, sheet_fields(line, f"{path}, line {number}")) for number, line in lines
    ]
    comment = [fields[0].startswith("#") for _, fields in rows]
    first = comment.index(False) if False in comment else len(rows)
    columns = column_names(rows[first][1]) if first < len(rows) else []
    if first and "sample" not in columns:  # `#sample` instead of `sample`
        commented = column_names(rows[first - 1][1])
        if {"sample", "fasta"} <= {*commented}:
            first, columns = first - 1, commented
    if not columns:
        raise WorkflowError(f"{path}: empty; the first line has the names of columns")
    check_columns(columns, known, *rows[first], path)
    for (number, fields), skipped in list(zip(rows, comment, strict=True))[first + 1 :]:
        if skipped or not any(fields):
            continue
        where = f"{path}, line {number}"
        extra = [field for field in fields[len(columns) :] if field]
        if extra or any(f and not c for f, c in zip(fields, columns, strict=False)):
            raise WorkflowError(
                f"{where}: more fields than the {len([c for c in columns if c])} columns; remove "
                "the others, or separate the fields with one tab each"
            )
        row = {c: f for c, f in zip(columns, fields, strict=False) if c}
        if len([f for f in fields if f]) == 1:
            check_separator(fields[0], where, lambda words: len(words) > 1)
        missing = [key for key in ("sample", "fasta") if not row.get(key)]
        if missing:
            raise WorkflowError(
                f"{where}: the column {missing[0]} is empty; fill it, or remove the row"
            )
        yield number, row


def sheet_text(path):
    """Return the text of the sheet, which spreadsheets also write as UTF-16."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise WorkflowError(
            f"{path}: no such file; set `samples` in the config"
        ) from error
    except OSError as error:
        raise WorkflowError(
            f"{path}: {error.strerror}; set `samples` in the config"
        ) from error
    for start, what in NOT_TEXT.items():
        if data.startswith(start):
            raise WorkflowError(f"{path}: {what}; save it as tab-separated text")
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        text = data.decode(encoding).lstrip("\ufeff")
        if "\0" in text:
            raise WorkflowError(f"{path}: not text; save it as tab-separated text")
        return text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise WorkflowError(
            f"{path}, line {line}: not UTF-8 text; save it as tab-separated text in UTF-8"
        ) from error


def sheet_fields(line, where):
    """Return the fields of a line. Spreadsheets put some in quotation marks."""
    try:
        return [
            field.strip()
            for field in next(csv.reader([line], delimiter="\t", strict=True))
        ]
    except csv.Error as error:
        if "\t" not in line:
            check_separator(line.replace('"', ""), where, lambda words: len(words) > 1)
        raise WorkflowError(
            f"{where}: a quotation mark without its partner; remove it"
        ) from error


def column_names(fields):
    """Return the names of columns in lower case, without empty ones at the end."""
    names = [field.removeprefix("#").strip().lower() for field in fields]
    while names and not names[-1]:
        names.pop()
    return names


def check_columns(columns, known, number, fields, path):
    """Raise for columns that are missing, unknown or there twice."""
    where = f"{path}, line {number}"
    if len(columns) == 1:
        check_separator(fields[0], where, lambda words: "sample" in column_names(words))
    for column in filter(None, columns):
        if column not in known:
            near = get_close_matches(column, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"use {', '.join(known)}"
            raise WorkflowError(f"{where}: unknown column {column!r}; {remedy}")
        if columns.count(column) > 1:
            raise WorkflowError(f"{where}: two columns {column}; remove one of them")
    for column in ("sample", "fasta"):
        if column not in columns:
            raise WorkflowError(
                f"{where}: no column {column}; the first line has the names of columns: "
                f"{', '.join(known)}"
            )


def check_separator(text, where, splits):
    """Raise for a line that has its fields separated by something else than tabs."""
    for separator, name in SEPARATORS.items():
        if splits([word for word in text.split(separator) if word]):
            raise WorkflowError(
                f"{where}: the columns are separated by {name}; separate them with tabs"
            )

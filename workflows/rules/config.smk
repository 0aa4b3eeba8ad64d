"""Check the config: one line for the first mistake, with the key and what to write instead."""

import re
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a section with keys",
    "string": "text",
}


class AsWritten(yaml.BaseLoader):
    """Load YAML with every value as the text in the file, and refuse a key that is there twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.value != "<<":
                raise WorkflowError(
                    f"{self.name}, line {key.start_mark.line + 1}: the key {key.value} is there "
                    "twice, and only the last one would count; join them"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_schema(path):
    """Return the schema of a YAML file."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def config_as_written(paths):
    """Return the config of files with every value as text; {} for what is not plain YAML."""
    merged = {}
    for path in paths:
        with suppress(yaml.YAMLError, OSError), open(path, encoding="utf-8") as file:
            update_config(merged, yaml.load(file, AsWritten))
    return merged


def check_config(config, schema, written):
    """Raise an error of one line for the first mistake in the config.

    Before, numbers that stand for names become text, text that stands for numbers becomes numbers,
    and keys without a value are removed, so that they get their defaults.
    """
    settle(config, schema, written, schema.get("$defs", {}), [])
    check_keys(config, schema, "config")
    for section, value in config.items():
        known = schema["properties"][section]
        if isinstance(value, dict) and "properties" in known:
            check_keys(value, known, f"config: {section}", schema)
    error = best_match(Draft202012Validator(schema).iter_errors(config))
    if error is not None:
        raise WorkflowError(f"config: {violation(error)}")


def settle(value, schema, written, defs, path):
    """Return a value of the config as the schema types it, where YAML leaves one possibility."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rsplit("/", 1)[-1]] | schema
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if isinstance(value, dict):
        texts = written if isinstance(written, dict) else {}
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        for key in list(value):
            entry = value.pop(key)  # all keys in turn, which keeps their order
            name, text = key, texts.get(str(key))
            if not isinstance(key, str):
                names = [word for word in texts if value_of(word) == key]
                name = as_text(key, names[0] if names else None, path)
                text = texts.get(name)
            part = known.get(name, other if isinstance(other, dict) else {})
            if entry is None and "default" in part and not allows_null(part, defs):
                continue
            value[name] = settle(entry, part, text, defs, [*path, name])
        return value
    if isinstance(value, list):
        texts = written if isinstance(written, list) else []
        texts = texts if len(texts) == len(value) else [None] * len(value)
        items = schema.get("items", {})
        return [
            settle(entry, items, text, defs, path)
            for entry, text in zip(value, texts, strict=True)
        ]
    if isinstance(value, str):
        if types == ["boolean"] and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if {"integer", "number"} & {*types} and "string" not in types:
            with suppress(ValueError):
                value = float(value)
    if isinstance(value, float) and "integer" in types and value.is_integer():
        return int(value)
    if "string" in types and not isinstance(value, (str, type(None))):
        if not ("integer" in types and type(value) is int):
            return as_text(value, written, path)
    return value


def allows_null(schema, defs):
    """Return whether a value can be null."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rsplit("/", 1)[-1]] | schema
    return "null" in schema.get("type", []) or None in schema.get("enum", [])


def as_text(value, written, path):
    """Return the text of a number in the place of a name, if YAML did not change it.

    YAML reads 010 as 8, 1.10 as 1.1, 1:30 as 90 and yes as true.
    """
    where = ": ".join(["config", *path])
    if not isinstance(written, str) or value_of(written) != value:
        written = None  # from --config, or from another workflow
    if type(value) is int and written in (None, str(value)):
        return str(value)
    shown = plain(value) if written is None else written
    reads = f"YAML reads {shown} as {plain(value)}, which"
    raise WorkflowError(
        f"{where}: {shown if shown == plain(value) else reads} is not text; write '{shown}' in "
        "quotes if it is a name"
    )


def value_of(text):
    """Return what YAML reads text as, or None if it is not YAML."""
    with suppress(yaml.YAMLError):
        return yaml.safe_load(text)


def plain(value):
    """Return a value as it is written in YAML."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_keys(given, schema, where, whole=None):
    """Raise for a key that is not in the schema, with the key that may be meant."""
    known = schema["properties"]
    for key in given:
        if key in known:
            continue
        word = key.strip().lower().replace("-", "_")
        sections = {
            name: section["properties"]
            for name, section in (whole or schema)["properties"].items()
            if "properties" in section
        }
        homes = [name for name, keys in sections.items() if word in keys]
        near = get_close_matches(word, known, n=1)
        if word in known:
            remedy = f"did you mean {word}?"
        elif whole and word in whole["properties"]:
            remedy = f"{word} is a key outside the sections"
        elif homes:
            remedy = f"{word} is a key of {' and '.join(homes)}"
        elif near:
            remedy = f"did you mean {near[0]}?"
        else:
            remedy = f"use one of {', '.join(known)}"
        raise WorkflowError(f"{where}: unknown key {key!r}; {remedy}")


def violation(error):
    """Return one line for a value that the schema does not allow."""
    value, schema = error.instance, error.schema
    where = "".join(f"{key}: " for key in error.absolute_path if isinstance(key, str))
    text = error.message
    if error.validator == "type":
        types = error.validator_value
        types = [types] if isinstance(types, str) else types
        shown = repr(value) if isinstance(value, str) else plain(value)
        text = f"{shown} is not {' or '.join(TYPES[name] for name in types)}"
        if "array" in types and isinstance(value, (str, int, float)):
            text += f"; write [{value}]"
    elif error.validator == "enum":
        choices = [plain(choice) for choice in schema["enum"]]
        near = get_close_matches(str(value).strip().lower(), choices, n=1)
        text = f"{value!r} is not one of {', '.join(choices)}"
        text += f"; did you mean {near[0]}?" if near else ""
    about = schema.get("description")
    return f"{where}{text}" + (f" ({about})" if about else "")


def check_braces(where, text):
    """Raise for text that Snakemake would read as a wildcard."""
    if "{" in text or "}" in text:
        raise WorkflowError(
            f"{where}: {text!r} has a brace, which Snakemake reserves for wildcards; rename it"
        )


def is_address(path):
    """Return whether a path is an address on a storage, such as s3://bucket/file."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def located(path, where, in_place=False):
    """Return a local path unchanged, and an address as a file that Snakemake fetches.

    With `in_place`, the jobs read the address themselves.
    """
    check_braces(where, path)
    if path.startswith("file:///"):
        return path.removeprefix("file://")
    if not is_address(path):
        return path
    if path.startswith("file://"):
        raise WorkflowError(
            f"{where}: {path}: an address on another computer; give the path of the file"
        )
    try:
        return storage(path, retrieve=False) if in_place else storage(path)
    except WorkflowError as error:
        scheme = path.split("://")[0].lower()
        plugin = {"az": "azure", "gs": "gcs", "https": "http"}.get(scheme, scheme)
        raise WorkflowError(
            f"{where}: {path}: no installed plugin of Snakemake reads it; install one, such as "
            f"snakemake-storage-plugin-{plugin}, or download the file"
        ) from error

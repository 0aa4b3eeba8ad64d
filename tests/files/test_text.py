"""Text of files: UTF-8, Latin-1, UTF-16, and what is no text."""

from __future__ import annotations

import bz2
import gzip
import io
import logging
import lzma
import zipfile

import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError, MotifError
from dnabirnn.files.text import decoded, lenient_text, read_text, text_lines


@given(st.text())
def test_utf8_is_unchanged(text):
    assert lenient_text(text.encode("utf-8", "surrogatepass")) or not text
    if "\0" not in text and not text.startswith("\ufeff"):
        data = text.encode("utf-8", "ignore")
        assert decoded(data, "x", LabelError, "BED").wrong == 0


@pytest.mark.parametrize(
    ("data", "text", "wrong"),
    [
        (b"Ren\xe9", "René", 1),
        ("annoté\r\n".encode("latin-1"), "annoté\r\n", 1),
        ("5' “end” €".encode("cp1252"), "5' “end” €", 1),
        # UTF-8 in one line and Latin-1 in another, or both in one line.
        ("µ\n".encode() + b"\xb5\nx\n", "µ\nµ\nx\n", 1),
        ("CENP-β\t".encode() + b"M\xfcller", "CENP-β\tMüller", 1),
        (b"\x81\x8d", "\x81\x8d", 1),
        # The end that DOS gave to files, and colours of a terminal.
        (b"Ren\xe9\x1b[0m\x1a", "René\x1b[0m\x1a", 1),
        (b"plain", "plain", 0),
        (b"", "", 0),
    ],
)
def test_latin1(data, text, wrong):
    assert decoded(data, "x", LabelError, "BED") == (text, wrong)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.bed", "chr1\t1\t9\n" * 9)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped(), "x: not a text file; give BED"),
        (bz2.compress(b"chr1\t1\t9\n"), "not a text file"),
        (lzma.compress(b"chr1\t1\t9\n"), "not a text file"),
        (b"BAM\1\0\0", "not a text file"),
        (b"chr1\t1\t9\0\n", "not a text file"),
        (b"\xff\x01\xfe\x02", "not a text file"),
        ("chr1\t1\t9\n".encode("utf-16"), "x: is text in UTF-16; save it as UTF-8"),
        ("chr1\t1\t9\n".encode("utf-16-le"), "is text in UTF-16"),
        ("chr1\t1\t9\n".encode("utf-16-be"), "is text in UTF-16"),
    ],
)
def test_what_is_not_text(data, message):
    with pytest.raises(LabelError, match=message) as caught:
        decoded(data, "x", LabelError, "BED")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_lines(step, caplog):
    data = b"\xef\xbb\xbfa\r\n\n" + "é\n".encode() + b"\xe9\xe9\n\xe9"
    blocks = [data[i : i + step] for i in range(0, len(data), step)]
    assert list(text_lines(blocks, "x.gb", LabelError, "GenBank")) == [
        "a\n",
        "\n",
        "é\n",
        "éé\n",
        "é",
    ]
    assert [record.getMessage()[:29] for record in caplog.records] == [
        "x.gb: 2 of 5 lines are not UT"
    ]
    caplog.clear()
    list(text_lines(blocks, "x.gb", LabelError, "GenBank", warn=False))
    assert not caplog.records


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_whole_file(tmp_path, pack, caplog):
    path = tmp_path / "m.jaspar"
    path.write_bytes(pack(b"\xef\xbb\xbf>MA1 Ren\xe9\nA [1]\n"))
    with caplog.at_level(logging.WARNING):
        assert read_text(path, MotifError, "motifs") == ">MA1 René\nA [1]\n"
    assert "1 of 2 lines are not UTF-8; they are read as Latin-1" in caplog.text
    path.write_bytes(pack(">MA1\n".encode("utf-16")))
    with pytest.raises(MotifError, match="is text in UTF-16"):
        read_text(path, MotifError, "motifs")

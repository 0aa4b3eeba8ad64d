"""Small files that would fill the memory: they are told of, and memory is bounded.

Gigabytes out of four megabytes of gzip. All commands run one after the other in a process of its
own, whose memory is limited: what takes too much gets none, and says so instead of what is wanted.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import make_material

PIECE_BYTES = 1 << 26
PIECES = 48
"""Three gigabytes in all; what is wrong is to be told of within the first hundred megabytes."""
HEADROOM_BYTES = 1 << 30
"""What a process may take beyond what it has when all of its modules are loaded."""
MOST_RSS_BYTES = 450 << 20
"""What it took at most: 290 MiB of modules and material, and some lines of 16 MiB."""


class Bomb(NamedTuple):
    """A file BAD that begins with a text and goes on with a letter, for ever or nearly so."""

    command: str
    message: str
    head: str
    letter: bytes = b"A"


LONG_LINE = "a line of over 16,777,216 bytes"
TOO_LARGE = "over 134,217,728 bytes of text"
SCORE = "score BAD -m m.safetensors -o out.bed"
ENCODE = "encode genome.fa --labels BAD -o out"
ALIASES = "encode genome.fa --labels sites.bed --chrom-alias BAD -o out"
CALL = "call BAD -m m.safetensors -o out.bed"
LOCUS = "LOCUS       b 9 bp DNA linear BCT 01-JAN-2020\n"
MASK = "mask genome.fa --calls BAD -o out.fa"
BOMBS = {
    "FASTA name": Bomb(SCORE, LONG_LINE, ">a"),
    "FASTA header": Bomb(SCORE, LONG_LINE, ">a "),
    "FASTA header of a mask": Bomb("mask BAD --calls sites.bed -o out.fa", LONG_LINE, ">a"),
    "FASTQ name": Bomb(SCORE, LONG_LINE, "@r"),
    "FASTQ second name": Bomb(SCORE, LONG_LINE, "@r\nACGT\n+"),
    "FASTQ qualities": Bomb(SCORE, LONG_LINE, "@r\nACGT\n+\n"),
    "GenBank": Bomb(
        SCORE, LONG_LINE, "LOCUS       b 9 bp DNA linear BCT 01-JAN-2020\nDEFINITION  "
    ),
    "BED": Bomb(ENCODE, LONG_LINE, "a\t1\t20\t"),
    "BED comment": Bomb(ENCODE, LONG_LINE, "a\t1\t20\tM\n#"),
    "BED regions": Bomb("score genome.fa -m m.safetensors --regions BAD -o out.bed", LONG_LINE, ""),
    "BED mask": Bomb(MASK, LONG_LINE, "a\t1\t20\t"),
    "GFF3": Bomb(ENCODE, LONG_LINE, "##gff-version 3\na\tx\tM\t1\t9\t.\t+\t.\tID="),
    "GTF": Bomb(ENCODE + " --label-format gtf", LONG_LINE, "a\tx\tM\t1\t9\t.\t+\t.\tgene_id "),
    "EMBL": Bomb(ENCODE, LONG_LINE, "ID   X; SV 1; linear; DNA; STD; PRO; 9 BP.\n"),
    "GenBank labels": Bomb(ENCODE, LONG_LINE, f"{LOCUS}X"),
    "RepeatMasker": Bomb(ENCODE, LONG_LINE, "   SW   perc perc perc\n\n"),
    "labelled FASTQ": Bomb(ENCODE, LONG_LINE, "@a"),
    "labelled FASTQ labels": Bomb(ENCODE, LONG_LINE, "@a\nACGT\n+\n"),
    "motifs": Bomb("scan genome.fa --motifs BAD --gc 0.5 -o out.bed", TOO_LARGE, ">M\nA [1 "),
    "motifs to encode": Bomb("encode genome.fa --motifs BAD --gc 0.5 -o out", TOO_LARGE, ">M\nA ["),
    "aliases": Bomb(
        "encode genome.fa --labels sites.bed --chrom-alias BAD -o out", TOO_LARGE, "a\t"
    ),
    "sizes": Bomb("call scores.bed -m m.safetensors -o out.bb --sizes BAD", TOO_LARGE, "a\t9\n"),
    "scores": Bomb(
        "call BAD -m m.safetensors -o out.bed", "a line of more than", "a\t1\t9\tM\t500\t+\t"
    ),
    "shard": Bomb("merge BAD -o out.bed --format bed", LONG_LINE, "a\t1\t9\t"),
    "metrics": Bomb("report --metrics BAD -o out.html", TOO_LARGE, '{"a": "'),
    "curves": Bomb("report --curves BAD -o out.html", TOO_LARGE, '{"a": "'),
    "log": Bomb("report --log BAD -o out.html", TOO_LARGE, "step,"),
    "commands": Bomb("report --command-log BAD -o out.html", TOO_LARGE, ""),
    "provenance": Bomb("verify BAD.gz", "not JSON", '{"a": "'),
    "no text": Bomb(ENCODE, "not a text file", "a\t1\t20\tM\n", b"\0"),
    # What is passed over takes time, and no memory.
    "2bit inside": Bomb(SCORE, "2bit inside gzip", "\x43\x27\x41\x1a", b"\x1a"),
}


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is told of in /proc"
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder = make_material(tmp_path_factory.mktemp("material"))
    pieces = {
        letter: gzip.compress(letter * PIECE_BYTES, 1, mtime=0)
        for letter in {b.letter for b in BOMBS.values()}
    }
    for number, bomb in enumerate(BOMBS.values()):
        head = gzip.compress(bomb.head.encode("latin-1"))
        for name in (f"BAD{number}", f"BAD{number}.gz"):
            (folder / name).write_bytes(head + pieces[bomb.letter] * PIECES)
    commands = {
        name: bomb.command.replace("BAD", f"BAD{number}").split()
        for number, (name, bomb) in enumerate(BOMBS.items())
    }
    script = Path(__file__).parents[1] / "support" / "limited.py"
    done = subprocess.run(
        [sys.executable, script, str(HEADROOM_BYTES)],
        input=json.dumps(commands),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    left = {path.name for path in folder.iterdir() if path.name.startswith("out")}
    assert not left
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_told_of(outcomes: dict[str, dict[str, object]], name: str) -> None:
    outcome = outcomes[name]
    assert outcome["exit_code"] == 1, outcome
    (line,) = str(outcome["stderr"]).splitlines()
    assert re.search(BOMBS[name].message, line), line
    assert outcome["rss_bytes"] < MOST_RSS_BYTES
    assert outcome["seconds"] < 30

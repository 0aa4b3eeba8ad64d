"""Motifs as counts of bases: read from JASPAR, MEME and TRANSFAC files, and two built in."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.errors import MotifError
from dnabirnn.files import read_text
from dnabirnn.names import is_printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike

__all__ = ["Motif", "built_in_motifs", "find_motif", "parse_motifs", "read_motifs"]

_BUILT_IN = """\
>MA0139.1 CTCF
A [ 87 167 281  56   8 744  40 107 851   5 333  54  12  56 104 372  82 117 402 ]
C [291 145  49 800 903  13 528 433  11   0   3  12   0   8 733  13 482 322 181 ]
G [ 76 414 449  21   0  65 334  48  32 903 566 504 890 775   5 507 307  73 266 ]
T [459 187 134  36   2  91  11 324  18   3   9 341   8  71  67  17  37 396  59 ]
>MA0095.2 YY1
A [1126 6975 6741 2506 7171    0   11   13  812  867  899 1332 ]
C [4583    0   99 1117    0   12    0    0 5637 1681  875 4568 ]
G [ 801  181  268 3282    0    0 7160 7158   38 2765 4655  391 ]
T [ 661   15   63  266    0 7159    0    0  684 1858  742  880 ]
"""
"""From JASPAR CORE (https://jaspar.elixir.no), CC BY 4.0: Rauluseviciute et al. 2024, Nucleic
Acids Research 52, D174, doi:10.1093/nar/gkad1059. In vertebrate cells, YY1 is a partner of CTCF."""

_MAX_SITES = 1e15
"""Limit for counts; above it, sums of counts are no longer exact in float64."""
_MEME_SITES = 1_000_000
"""Number of sites by which MEME's shares are multiplied. Biopython rounds the products to whole
counts. Its default of 20 sites would round a share of 0.02 to a count of 0."""

_TRANSFAC_MATRIX = r"^P[0O][ \t]+A[ \t]+C[ \t]+G[ \t]+T\b.*"
_TRANSFAC_END = r"^//.*$"


class Motif(NamedTuple):
    """Motif, read on its own strand.

    Attributes
    ----------
    name : str
    identifier : str
        Identifier such as JASPAR's MA0139.1; the name if the motif has no identifier.
    counts : ndarray, (W, 4) float64
        Number of times that each of A, C, G and T occurs in each column.
    """

    name: str
    identifier: str
    counts: NDArray[np.float64]

    @property
    def width_bp(self) -> int:
        """Number of columns of the motif."""
        return len(self.counts)

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Share of each base in each column: (W, 4)."""
        shares: NDArray[np.float64] = self.counts / self.counts.sum(axis=1, keepdims=True)
        return shares

    def sample(self, draws: NDArray[np.float64]) -> Codes:
        """Draw sites from the motif, column by column.

        Parameters
        ----------
        draws : ndarray, (n, W) float64
            Random numbers in [0, 1), one per base.

        Returns
        -------
        sites : ndarray, (n, W) uint8

        Examples
        --------
        >>> motif = Motif("m", "m", np.array([[1.0, 0, 0, 1], [0, 2, 0, 0]]))
        >>> motif.sample(np.array([[0.4, 0.9], [0.6, 0.1]])).tolist()
        [[0, 1], [3, 1]]
        """
        ends = np.cumsum(self.frequencies, axis=1)
        # Make the last base that occurs end at exactly 1, in spite of rounding in the sum.
        ends[ends >= ends[:, -1:]] = 1
        sites: Codes = (draws[:, :, None] >= ends).sum(axis=2).astype(np.uint8)
        return sites

    def log_odds(
        self, sites: Codes, background: NDArray[np.float64], pseudocount: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the log-odds of sites, motif versus background, in bits.

        Parameters
        ----------
        sites : ndarray, (n, W) uint8
            Codes of the sites, without code 4.
        background : ndarray, (4,) float64
        pseudocount : float
            Total added to each column, divided among the bases in proportion to the background.

        Returns
        -------
        bits : ndarray, (n,) float64
        """
        counts = self.counts + pseudocount * background
        shares = counts / counts.sum(axis=1, keepdims=True)
        columns = np.log2(shares / background)
        bits: NDArray[np.float64] = columns[np.arange(self.width_bp), sites].sum(axis=1)
        return bits


def built_in_motifs() -> list[Motif]:
    """Return CTCF (MA0139.1) and YY1 (MA0095.2) from JASPAR CORE.

    Examples
    --------
    >>> [(motif.name, motif.identifier, motif.width_bp) for motif in built_in_motifs()]
    [('CTCF', 'MA0139.1', 19), ('YY1', 'MA0095.2', 12)]
    """
    return parse_motifs(_BUILT_IN, "built-in motifs")


def read_motifs(path: PathLike, *, digests: dict[str, str] | None = None) -> list[Motif]:
    """Read the motifs of a file, in its order.

    Parameters
    ----------
    path : str or PathLike
        File in JASPAR, MEME (minimal) or TRANSFAC format, plain or gzip; "-" is standard input.
    digests : dict, optional
        `digests[basename]` is set to the SHA-256 (hex) of the file's bytes as stored.

    Raises
    ------
    MotifError
        If the file cannot be read, or is in none of the formats.
    """
    text = read_text(path, MotifError, "JASPAR, MEME or TRANSFAC motifs", digests)
    return parse_motifs(text, str(path))


def parse_motifs(text: str, source: str) -> list[Motif]:
    """Parse the motifs of a text in JASPAR, MEME or TRANSFAC format.

    Parameters
    ----------
    text : str
    source : str
        Name of the text, for error messages.

    Raises
    ------
    MotifError
        If the text is in none of the formats, or a motif is damaged.
    """
    from Bio import motifs

    parse: Any = motifs.parse  # Biopython has no type hints for it

    text = text.replace("\r\n", "\n").lstrip("\ufeff\n ")
    if not text:
        raise MotifError(f"{source}: no motifs; the file is empty")
    if text.startswith(">"):
        kind, heads = "jaspar", re.findall(r"^>", text, re.MULTILINE)
    elif re.search(r"^MEME version", text, re.MULTILINE):
        kind, heads = "minimal", re.findall(r"^MOTIF\b.*", text, re.MULTILINE)
        text = _regular_meme(text)
    elif re.search(_TRANSFAC_MATRIX, text, re.MULTILINE):
        kind, heads = "transfac", _transfac_heads(text)
        text = _regular_transfac(text)
    else:
        raise MotifError(
            f"{source}: not in JASPAR, MEME or TRANSFAC format; give motifs in one of these formats"
        )
    try:
        found = [_motif(motif) for motif in parse(io.StringIO(text), kind, strict=False)]
    # On invalid text, Biopython's parsers raise errors of many classes, or plain Exception.
    except Exception as cause:
        raise MotifError(f"{source}: damaged motifs ({cause}); fetch the file again") from cause
    if len(found) != len(heads):
        raise MotifError(
            f"{source}: {len(found)} of {len(heads)} motifs can be read; fetch the file again"
        )
    if kind == "minimal":  # Biopython leaves out the names in this format
        found = [
            motif._replace(name=_alternate_name(head) or motif.name)
            for motif, head in zip(found, heads, strict=True)
        ]
    _check(found, source)
    return found


def _alternate_name(head: str) -> str:
    """Name after the identifier in a MOTIF line of MEME's format; "" if there is none.

    Examples
    --------
    >>> _alternate_name("MOTIF MA0139.1 CTCF"), _alternate_name("MOTIF 1 width = 7 sites = 9")
    ('CTCF', '')
    """
    _, _, name, *rest = [*head.split(), "", "", ""]
    return "" if "=" in name + rest[0] else name


def _regular_meme(text: str) -> str:
    """Rewrite MEME's format so that Biopython's parser reads it correctly.

    The parser needs an alphabet and a background, although they are optional in the format. It
    takes the line after a matrix as its end, so it loses a motif that begins on that line. And it
    rounds shares to whole sites, so the number of sites is set to a large one.
    """
    head, *bodies = re.split(r"^(?=MOTIF\b)", text, flags=re.MULTILINE)
    letters = re.search(r"^ALPHABET\s*=?\s*(\S+)", head, re.MULTILINE)
    alphabet = letters[1] if letters else "ACGT"
    head = (
        f"MEME version 4\n\nALPHABET= {alphabet}\n\n"
        "Background letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
    )
    matrix = re.compile(r"^[ \t]*letter-probability matrix:.*$", re.MULTILINE)
    regular = []
    for body in bodies:
        found = matrix.search(body)
        width = re.search(r"\bw= *(\d+)", found[0]) if found else None
        line = f"letter-probability matrix: nsites= {_MEME_SITES}" + (
            f" w= {width[1]}" if width is not None else ""
        )
        regular.append(matrix.sub(line, body) + "\n\n")
    return head + "".join(regular)


def _transfac_heads(text: str) -> list[str]:
    """Return one line per motif that should be found: heads of matrices, or names of records."""
    heads: list[str] = []
    for record in re.split(_TRANSFAC_END, text, flags=re.MULTILINE):
        matrices = re.findall(_TRANSFAC_MATRIX, record, re.MULTILINE)
        heads += matrices or re.findall(r"^(?:AC|ID|NA)\b.*", record, re.MULTILINE)[:1]
    return heads


def _regular_transfac(text: str) -> str:
    """Rewrite TRANSFAC's format so that Biopython's parser reads it correctly.

    The parser loses a last record without an end. It gives a record without a matrix the matrix of
    the record before. And it fails on references.
    """
    wanted = re.compile(r"(?:AC|ID|NA|P[0O]|\d+)\s")
    records = re.split(_TRANSFAC_END, text, flags=re.MULTILINE)
    return "".join(
        "\n".join(line for line in record.splitlines() if wanted.match(line)) + "\nXX\n//\n"
        for record in records
        if re.search(_TRANSFAC_MATRIX, record, re.MULTILINE)
    )


def _transfac_names(motif: Mapping[str, str]) -> tuple[str, str]:
    """Return name and identifier, such as MyoD and M00001, or CTCF and MA0139.1 from JASPAR."""
    identifier = motif.get("AC") or motif.get("ID") or motif.get("NA") or "motif"
    return motif.get("NA") or motif.get("ID") or identifier, identifier


def _motif(motif: object) -> Motif:
    counts = getattr(motif, "counts")  # noqa: B009
    letters = "ACGT" if "T" in counts.alphabet else "ACGU"
    if isinstance(motif, dict):  # a TRANSFAC motif
        name, identifier = _transfac_names(motif)
    else:
        identifier = getattr(motif, "matrix_id", None) or getattr(motif, "name")  # noqa: B009
        name = getattr(motif, "name", None) or identifier
    columns = np.array([counts[letter] for letter in letters], dtype=np.float64).T
    return Motif("_".join(str(name).split()), str(identifier), columns)


def _check(found: Sequence[Motif], source: str) -> None:
    """Raise if there are no motifs, or if names or counts are invalid."""
    if not found:
        raise MotifError(f"{source}: no motifs in it; give at least one")
    for name, _, counts in found:
        if name.strip() in ("", ".") or not is_printable(name):
            raise MotifError(
                f"{source}: motif {name!r}: the name must consist of printable characters, and "
                "must not be '.'; rename it"
            )
        wrong = counts.ndim != 2 or not len(counts) or not (counts < _MAX_SITES).all()
        if wrong or (counts < 0).any() or not (counts.sum(axis=1) > 0).all():
            raise MotifError(
                f"{source}: motif {name!r} has a column without valid counts; fix or remove it"
            )


def find_motif(found: Sequence[Motif], wanted: str, source: str) -> Motif:
    """Find a motif by name or identifier, ignoring case.

    Raises
    ------
    MotifError
        If there is no such motif; the message lists the names of the motifs.

    Examples
    --------
    >>> find_motif(built_in_motifs(), "ma0095.2", "built-in motifs").name
    'YY1'
    """
    for motif in found:
        if wanted.lower() in (motif.name.lower(), motif.identifier.lower()):
            return motif
    names = ", ".join(motif.name for motif in found[:8]) + (", ..." if len(found) > 8 else "")
    raise MotifError(f"{source}: no motif {wanted!r}; the motifs are {names}")

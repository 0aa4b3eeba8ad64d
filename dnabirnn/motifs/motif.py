"""Motifs as counts of bases: read from files of many tools, and two built in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.errors import MotifError
from dnabirnn.files import file_name, is_stream, read_text
from dnabirnn.motifs.meme import is_meme, read_meme
from dnabirnn.motifs.plain import read_plain
from dnabirnn.motifs.transfac import is_transfac, read_transfac
from dnabirnn.names import is_printable, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike
    from dnabirnn.motifs.matrix import MatrixEntry

__all__ = [
    "BACKGROUND_SHARE",
    "Motif",
    "built_in_motifs",
    "find_motif",
    "parse_motifs",
    "read_motifs",
]

logger = logging.getLogger(__name__)

_FORMATS = "JASPAR, HOMER, HOCOMOCO, MEME or TRANSFAC"

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

BACKGROUND_SHARE = 0.01
"""Weight of the background in each column. A base that a motif never has costs 6.6 bits. The weight
does not depend on the number of sites of the motif, because formats and tools do not agree on how
to give that number."""
_IUPAC = {
    **{base: base for base in "ACGT"},
    **{"AC": "M", "AG": "R", "AT": "W", "CG": "S", "CT": "Y", "GT": "K"},
    **{"ACG": "V", "ACT": "H", "AGT": "D", "CGT": "B", "ACGT": "N"},
}
_MAX_SITES = 1e15
"""Limit for counts; above it, sums of counts are no longer exact in float64."""
_SITES = 1_000_000
"""Number of sites by which probabilities are multiplied, as if they were counts, so that the
pseudocount of `Motif.log_odds` does not outweigh them."""
_SHARES = 0.02
"""Largest deviation from 1 of the sum of probabilities, for rounding."""


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

    @property
    def bits(self) -> NDArray[np.float64]:
        """Information of each column, for a background of equal shares: (W,), from 0 to 2.

        It is 2 + sum of p log2 p over the four bases, without a correction for few sites.

        Examples
        --------
        >>> Motif("m", "m", np.array([[5.0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]])).bits.tolist()
        [2.0, 1.0, 0.0]
        """
        shares = self.frequencies
        logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
        return np.asarray(2 + (shares * logs).sum(axis=1), dtype=np.float64)

    @property
    def consensus(self) -> str:
        """Consensus in IUPAC letters, by the rules of TRANSFAC (Cavener 1987).

        One base if it has more than half of a column, and more than twice the share of the next;
        two if they have more than three quarters together; three if the fourth does not occur; else
        N. doi:10.1093/nar/15.4.1353

        Examples
        --------
        >>> counts = [[9.0, 1, 0, 0], [4, 0, 4, 1], [3, 3, 3, 0], [1, 1, 1, 1], [0, 0, 6, 4]]
        >>> Motif("m", "m", np.array(counts)).consensus
        'ARVNK'
        """
        letters = []
        for column in self.frequencies:
            order = np.argsort(-column, kind="stable")
            first, second, _, last = column[order]
            kept = 4
            if first > 0.5 and first > 2 * second:
                kept = 1
            elif first + second > 0.75:
                kept = 2
            elif last == 0:
                kept = 3
            letters.append(_IUPAC["".join(sorted("ACGT"[base] for base in order[:kept]))])
        return "".join(letters)

    def shares(self, background: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of each base in each column, with 1 % of the background: (W, 4).

        Parameters
        ----------
        background : ndarray, (4,) float64
            Shares of A, C, G and T.

        Examples
        --------
        >>> Motif("m", "m", np.array([[9.0, 0, 0, 0]])).shares(np.full(4, 0.25)).round(6).tolist()
        [[0.9925, 0.0025, 0.0025, 0.0025]]
        """
        mixed = (1 - BACKGROUND_SHARE) * self.frequencies + BACKGROUND_SHARE * background
        return np.asarray(mixed, dtype=np.float64)

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
        File in a format that docs/motifs.md lists, plain or gzip; "-" is standard input.
    digests : dict, optional
        `digests[basename]` is set to the SHA-256 (hex) of the file's bytes as stored.

    Raises
    ------
    MotifError
        If the file cannot be read, or is in none of the formats.
    """
    text = read_text(path, MotifError, f"motifs in {_FORMATS} format", digests)
    return parse_motifs(text, str(path))


def parse_motifs(text: str, source: str) -> list[Motif]:
    """Parse the motifs of a text, whose format is detected.

    Motifs without a matrix are left out, with a warning.

    Parameters
    ----------
    text : str
    source : str
        Name of the text, for messages. A single motif without a name gets that of the file.

    Raises
    ------
    MotifError
        If the text is in none of the formats, or a motif is damaged or ambiguous.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if not text.strip():
        raise MotifError(f"{source}: no motifs; the file is empty")
    _check_kind(text, source)
    entries: list[MatrixEntry] | None
    if text.lstrip().startswith(">"):
        entries = read_plain(text, source)
    elif is_meme(text):
        entries = read_meme(text, source)
    elif is_transfac(text):
        entries = read_transfac(text, source)
    else:
        entries = read_plain(text, source)
    if entries is None:
        raise MotifError(
            f"{source}: not in {_FORMATS} format, or without a matrix; give motifs in one of these "
            "formats"
        )
    found = [_motif(entry) for entry in _with_matrix(_named(entries, source), source)]
    _check(found, source)
    return found


def _check_kind(text: str, source: str) -> None:
    """Raise if a text is a page or a data format in which tools offer their motifs as well."""
    for start, kind in (
        ("<!doctype html", "a web page (HTML)"),
        ("<html", "a web page (HTML)"),
        ("<", "XML"),
        ("{", "JSON"),
        ("[{", "JSON"),
    ):
        if text.lstrip()[:20].lower().startswith(start):
            raise MotifError(
                f"{source}: {kind}; give the text file of the motifs, such as meme.txt of MEME or "
                "the JASPAR format of JASPAR"
            )


def _named(entries: Sequence[MatrixEntry], source: str) -> list[MatrixEntry]:
    """Name a single motif after its file, if the file has no name for it."""
    named = source != "/dev/stdin" and not is_stream(source)
    if len(entries) == 1 and not entries[0].name and named:
        name = file_name(source).removesuffix(".gz")
        name = name.rpartition(".")[0] or name
        return [entries[0]._replace(name=name, identifier=name)]
    nameless = [number for number, entry in enumerate(entries, 1) if not entry.name]
    if nameless:
        raise MotifError(
            f"{source}: {len(nameless)} of {len(entries)} motifs have no name (the first is number "
            f"{nameless[0]}); put a line >NAME above each matrix, or in TRANSFAC's format a line ID"
        )
    return list(entries)


def _with_matrix(entries: Sequence[MatrixEntry], source: str) -> list[MatrixEntry]:
    """Leave out motifs without a matrix, with a warning."""
    kept = [entry for entry in entries if entry.rows]
    if len(kept) < len(entries):
        names = shortened([printable(entry.name) for entry in entries if not entry.rows])
        count = f"{len(entries) - len(kept)} of {len(entries)} motifs"
        if not kept:
            raise MotifError(
                f"{source}: {count} have no matrix ({names}); give a file with counts or "
                "probabilities"
            )
        logger.warning("%s: %s have no matrix and are left out: %s", source, count, names)
    return kept


def _motif(entry: MatrixEntry) -> Motif:
    counts = np.array(entry.rows, dtype=np.float64)
    sums = counts.sum(axis=1)
    if (abs(sums - 1) < _SHARES).all() or (counts.min() >= 0 and counts.max() <= 1):
        counts *= _SITES
    name = "_".join(entry.name.split())
    return Motif(name, entry.identifier or name, counts)


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
        if (counts < 0).any():
            raise MotifError(
                f"{source}: motif {name!r} has negative numbers, so they are weights (log-odds); "
                "give counts or probabilities, such as HOCOMOCO's .pcm file"
            )
        wrong = counts.ndim != 2 or not len(counts) or not (counts < _MAX_SITES).all()
        if wrong or not (counts.sum(axis=1) > 0).all():
            raise MotifError(
                f"{source}: motif {name!r} has a column without valid counts; fix or remove it"
            )


def find_motif(found: Sequence[Motif], wanted: str, source: str) -> Motif:
    """Find a motif by identifier or name, ignoring case.

    If several have the name, the first is used, and a warning names them.

    Raises
    ------
    MotifError
        If there is no such motif; the message lists the names of the motifs.

    Examples
    --------
    >>> find_motif(built_in_motifs(), "ma0095.2", "built-in motifs").name
    'YY1'
    """
    for matches in (
        [motif for motif in found if motif.identifier.lower() == wanted.lower()],
        [motif for motif in found if motif.name.lower() == wanted.lower()],
    ):
        if len(matches) > 1:
            logger.warning(
                "%s: %d motifs are %s (%s); the first is used",
                source,
                len(matches),
                printable(wanted),
                shortened([printable(motif.identifier) for motif in matches]),
            )
        if matches:
            return matches[0]
    names = ", ".join(motif.name for motif in found[:8]) + (", ..." if len(found) > 8 else "")
    raise MotifError(f"{source}: no motif {wanted!r}; the motifs are {names}")

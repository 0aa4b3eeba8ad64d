"""E-values and q-values of calls, from the calls of decoys.

Genome and decoys are searched apart, class by class. Let T(t) be the number of calls of a class
with evidence of t or more, D(t) that of the decoys, and s the bases of the decoys divided by those
of the genome. Then

    E(t) = (D(t) + 1) / s                 calls expected in the genome if it were decoys throughout
    FDR(t) = E(t) / T(t)                  share of false calls among those with evidence >= t

The 1 makes up for the decoys being a sample: without it, thresholds that no decoy happens to reach
would have no false call at all. The E-value of a call is E at its evidence. Its q-value is the
least FDR(t) of all t up to its evidence, and at most 1: the least false discovery rate at which the
call is among those that are called.

With few calls, no q-value is low: of nine calls, each is at least 1 / (9 s). Calls of a class that
cannot reach 0.05 have the note "too few calls". Their E-value still says how often such a call is
expected by chance.

What this is not. Decoys show what composition gives. Sequence that resembles sites and is none,
such as decayed copies or relatives of a family, is not in them, and calls of it have low q-values.

Shards. The calls of a shard, the evidence of its decoys and the two numbers of bases are kept in a
file beside its calls, from which `dnabirnn merge` computes the values of the whole genome.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.errors import OptionError, TrackError
from dnabirnn.files import MOST_BYTES, OutputFiles, beside, check_readable, local_copy, parse_json
from dnabirnn.motif_classes import Output
from dnabirnn.tracks import (
    EVIDENCE_ENDING,
    Rows,
    Target,
    TrackFormat,
    format_of_shards,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = [
    "CallEvidence",
    "Limits",
    "merge_calls",
    "significance",
]

_LOW = 0.05
_TOO_FEW = "too few calls"
_NO_DECOYS = "no decoys"
_KEY = "dnabirnn_evidence"
_COLUMNS = {
    "contig": np.int32,
    "output": np.uint8,
    "start": np.int64,
    "end": np.int64,
    "score": np.int16,
    "summit": np.int64,
    "evidence": np.int64,
    "period": np.int64,
    "copies": np.float64,
}


class Limits(NamedTuple):
    """Calls to keep.

    Attributes
    ----------
    max_q, max_evalue : float, optional
        Largest q-value and E-value. By default there is no limit.
    """

    max_q: float | None = None
    max_evalue: float | None = None

    def check(self) -> None:
        """Raise OptionError for limits that make no sense."""
        if self.max_q is not None and not 0 < self.max_q <= 1:
            raise OptionError(f"--max-q {self.max_q:g}: must be above 0 and at most 1")
        if self.max_evalue is not None and not self.max_evalue > 0:
            raise OptionError(f"--max-evalue {self.max_evalue:g}: must be above 0")


def significance(
    target: NDArray[np.int64], decoys: NDArray[np.int64], share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the E-values and q-values of calls.

    Parameters
    ----------
    target : ndarray, (n,) int64
        Evidence of all calls of a class.
    decoys : ndarray, (m,) int64
        Evidence of the calls of decoys.
    share : float
        Bases of the decoys divided by those of the genome, above 0.

    Returns
    -------
    evalue, qvalue : ndarray, (n,) float64

    Examples
    --------
    >>> e, q = significance(np.array([9, 5, 9]), np.array([6, 4]), 1.0)
    >>> e.tolist(), q.round(3).tolist()
    ([1.0, 2.0, 1.0], [0.5, 0.667, 0.5])
    """
    values, place = np.unique(target, return_inverse=True)
    found, false = (
        of.size - np.searchsorted(np.sort(of), values, side="left") for of in (target, decoys)
    )
    expected = (false + 1) / share
    rates = np.minimum.accumulate(np.minimum(expected / np.maximum(found, 1), 1))
    return expected[place], rates[place]


@dataclass
class CallEvidence:
    """Calls of a genome or of a shard, and the evidence of the calls of its decoys.

    Attributes
    ----------
    outputs : sequence of Output
    calls : list of Rows
        Contig by contig.
    decoys : dict of class name to ndarray, int64
    target_bp, decoy_bp : int
    sizes : dict of str to int
        Length of each contig.
    made : dict
        How calls and decoys were made. Shards that differ in it do not belong together.
    """

    outputs: Sequence[Output]
    calls: list[Rows] = field(default_factory=list)
    decoys: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    target_bp: int = 0
    decoy_bp: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    def columns(self) -> tuple[str, ...]:
        """Return the further columns of the calls, with those that `assessed` adds."""
        own = self.calls[0].extra if self.calls else None
        return (*(own or ("evidence",)), "evalue", "qvalue", "note")

    def assessed(self, limits: Limits) -> Iterator[Rows]:
        """Yield the calls of each contig with their E-values and q-values."""
        share = self.decoy_bp / max(self.target_bp, 1)
        sizes = [rows.start.size for rows in self.calls]
        evidence = np.concatenate([np.empty(0, np.int64), *map(_evidence, self.calls)])
        output = np.concatenate([np.empty(0, np.uint8), *(rows.output for rows in self.calls)])
        evalue, qvalue = np.full(evidence.size, np.inf), np.ones(evidence.size)
        note = np.full(evidence.size, _NO_DECOYS if not share else "", dtype="U16")
        for name in dict.fromkeys(one.class_name for one in self.outputs):
            columns = [n for n, one in enumerate(self.outputs) if one.class_name == name]
            own = np.flatnonzero(np.isin(output, columns))
            if not own.size or not share:
                continue
            decoys = self.decoys.get(name, np.empty(0, np.int64))
            evalue[own], qvalue[own] = significance(evidence[own], decoys, share)
            if 1 / (share * own.size) > _LOW:
                note[own] = _TOO_FEW
        first = 0
        for rows, size in zip(self.calls, sizes, strict=True):
            part = slice(first, first + size)
            first += size
            added = {"evalue": evalue[part], "qvalue": qvalue[part], "note": note[part]}
            found = rows._replace(extra={**(rows.extra or {}), **added})
            kept = np.ones(size, dtype=np.bool_)
            if limits.max_q is not None:
                kept &= qvalue[part] <= limits.max_q
            if limits.max_evalue is not None:
                kept &= evalue[part] <= limits.max_evalue
            yield found.take(kept)

    def lines(self) -> list[str]:
        """Return a short report."""
        share = self.decoy_bp / max(self.target_bp, 1)
        counts = ", ".join(
            f"{name} {self.decoys[name].size if name in self.decoys else 0:,}"
            for name in dict.fromkeys(output.class_name for output in self.outputs)
        )
        return [
            f"decoys: {self.decoy_bp:,} bases, {share:.3g} of those searched; calls in them: "
            f"{counts}"
        ]

    def to_bytes(self) -> bytes:
        """Return the content of the file beside the calls of a shard."""
        from safetensors.numpy import save

        sizes = [rows.start.size for rows in self.calls]
        arrays: dict[str, Any] = {
            "contig": np.repeat(np.arange(len(self.calls), dtype=np.int32), sizes)
        }
        for name, kind in _COLUMNS.items():
            parts = [column for rows in self.calls if (column := _column(rows, name)) is not None]
            if parts:
                arrays[name] = np.concatenate(parts).astype(kind)
        arrays |= {f"decoys.{n}": self.decoys[name] for n, name in enumerate(self.decoys)}
        description = {
            "outputs": [list(output) for output in self.outputs],
            "contigs": [rows.chrom for rows in self.calls],
            "classes": list(self.decoys),
            "target_bp": self.target_bp,
            "decoy_bp": self.decoy_bp,
            "sizes": self.sizes,
            "made": self.made,
        }
        return save(arrays, {_KEY: json.dumps(description, sort_keys=True)})


def _evidence(rows: Rows) -> NDArray[np.int64]:
    assert rows.extra is not None
    evidence: NDArray[np.int64] = rows.extra["evidence"]
    return evidence


def _column(rows: Rows, name: str) -> NDArray[Any] | None:
    if name in ("output", "start", "end", "score", "summit"):
        column: NDArray[Any] | None = getattr(rows, name)
        return column
    return (rows.extra or {}).get(name)


def _read(path: str) -> CallEvidence:
    """Read the file beside the calls of a shard."""
    check_readable(path, TrackError)
    with local_copy(path, TrackError) as file:
        return _read_file(file)


def _read_file(path: Path) -> CallEvidence:
    from safetensors import SafetensorError, safe_open

    if path.stat().st_size > MOST_BYTES * 16:
        raise TrackError(f"{path}: far too large; score the shard again")
    try:
        with safe_open(path, framework="numpy") as file:
            plain = parse_json((file.metadata() or {})[_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _from_plain(plain, arrays)
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise TrackError(
            f"{path}: not the evidence of a shard's calls, or damaged ({error}); score the shard "
            "again"
        ) from error


def _from_plain(plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> CallEvidence:
    for name, kind in _COLUMNS.items():
        if name in arrays and (arrays[name].dtype != kind or arrays[name].ndim != 1):
            raise ValueError(f"column {name} is not of {np.dtype(kind)}")
    contig = arrays["contig"]
    outputs = [Output(str(name), str(strand)) for name, strand in plain["outputs"]]
    counts = np.bincount(contig, minlength=len(plain["contigs"]))
    if (np.diff(contig) < 0).any() or counts.size != len(plain["contigs"]):
        raise ValueError("contigs that do not follow one another")
    if contig.size and ("evidence" not in arrays or int(arrays["output"].max()) >= len(outputs)):
        raise ValueError("calls of an output that there is not")
    extra = {n: arrays[n] for n in ("evidence", "period", "copies") if n in arrays}
    if not extra:
        extra = {"evidence": np.empty(0, np.int64)}
    empty = {name: np.empty(0, kind) for name, kind in _COLUMNS.items()}
    own = {name: arrays.get(name, empty[name]) for name in ("output", "start", "end", "score")}
    if any(column.size != contig.size for column in (*own.values(), *extra.values())):
        raise ValueError("columns of different lengths")
    calls, first = [], 0
    for chrom, count in zip(plain["contigs"], counts.tolist(), strict=True):
        part = slice(first, first + count)
        first += count
        summit = arrays["summit"][part] if "summit" in arrays else None
        columns = {name: column[part] for name, column in own.items()}
        calls.append(
            Rows(
                str(chrom),
                **columns,
                frontier=0,
                last=True,
                summit=summit,
                extra={name: column[part] for name, column in extra.items()},
            )
        )
    decoys = {str(name): arrays[f"decoys.{n}"] for n, name in enumerate(plain["classes"])}
    return CallEvidence(
        outputs,
        calls,
        decoys,
        int(plain["target_bp"]),
        int(plain["decoy_bp"]),
        {str(name): int(size) for name, size in plain["sizes"].items()},
        dict(plain["made"]),
    )


def _check_places(shard: PathLike, evidence: CallEvidence, form: TrackFormat) -> None:
    """Raise if the calls of a shard are not where its evidence says: it was scored again since."""
    from dnabirnn.tracks import read_calls

    found = read_calls(shard, form=form.value).select("chrom", "start", "end").rows()
    expected = [
        (rows.chrom, start, end)
        for rows in evidence.calls
        for start, end in zip(rows.start.tolist(), rows.end.tolist(), strict=True)
    ]
    if sorted(found) != sorted(expected):
        raise TrackError(
            f"{beside(shard, EVIDENCE_ENDING)}: of other calls than {shard}, which was written "
            "without it; score the shard again with --qvalue, or remove this file"
        )


def merge_calls(
    shards: Sequence[PathLike],
    out: PathLike,
    limits: Limits,
    *,
    form: str | None = None,
    index: bool = False,
) -> CallEvidence:
    """Merge the calls of shards that were scored with `--qvalue`, in the given order.

    Parameters
    ----------
    shards : sequence of str or PathLike
        Files of calls, with their evidence beside them.
    out : str or PathLike
        File of calls of the same format.
    limits : Limits
    form, index
        As for `dnabirnn.tracks.merge_shards`.

    Returns
    -------
    merged : CallEvidence

    Raises
    ------
    OptionError, TrackError, OutputError
        Shards that do not belong together or are damaged; an output that cannot be written.
    """
    limits.check()
    for shard in shards:
        check_readable(shard, TrackError)
    target = format_of_shards(shards, out, form, calls=True)
    merged: CallEvidence | None = None
    seen: dict[str, PathLike] = {}
    for shard in shards:
        part = _read(beside(shard, EVIDENCE_ENDING))
        _check_places(shard, part, target)
        for chrom in part.sizes:
            if chrom in seen:
                raise TrackError(
                    f"{shard}: calls of {chrom}, which {seen[chrom]} has too; give each shard of "
                    "one run once"
                )
            seen[chrom] = shard
        if merged is None:
            merged = part
            continue
        if (part.outputs, part.made) != (merged.outputs, merged.made):
            raise TrackError(
                f"{shard}: scored with another model or other options than {shards[0]}; give "
                "shards of one run"
            )
        merged.calls += part.calls
        merged.target_bp += part.target_bp
        merged.decoy_bp += part.decoy_bp
        merged.sizes |= part.sizes
        for name, values in part.decoys.items():
            before = merged.decoys.get(name, np.empty(0, np.int64))
            merged.decoys[name] = np.concatenate([before, values])
    assert merged is not None, "there is a shard"
    target_to = Target(out, target, index, merged.made.get("so_type"))
    with OutputFiles() as files:
        track = target_to.open(files, merged.outputs, merged.sizes, merged.columns())
        for rows in merged.assessed(limits):
            track.add(rows)
        track.close()
    return merged

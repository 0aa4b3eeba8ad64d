"""`dnabirnn summary`: count the calls of assemblies, and compare them side by side."""

from __future__ import annotations

import click

from dnabirnn.cli import options
from dnabirnn.cli.command import command, option
from dnabirnn.cli.output_names import check_ending
from dnabirnn.errors import OptionError

__all__ = ["summary"]

_VALUES = ("calls", "bases", "share", "longest", "n50")


@command(
    """Summarize calls: number, bases, share of the contig, longest and N50.

    CALLS are the calls of one or more assemblies, in any format that `dnabirnn score --calls`
    writes. Each file is a sample, named after the file. The table has a row per sample, contig,
    class and strand.
    """,
    "dnabirnn summary k12.bed o157.gff3 --sizes k12.fa.fai --sizes o157.fa -o summary.tsv",
)
@click.argument("calls", nargs=-1, required=True, metavar="CALLS...")
@option(
    "-o",
    "--out",
    group=options.OUTPUT,
    metavar="TABLE",
    help="Table to write, ending in .tsv, .csv or .parquet, or a summary by class for other "
    "programs, ending in .dnabirnn.json; - writes TSV to standard output.  [default: print aligned "
    "text]",
)
@option(
    "--sizes",
    group=options.INPUT,
    multiple=True,
    metavar="FILE",
    help="Contig lengths, for the shares: a chrom.sizes or .fai file, or the sequences. Give it "
    "once for all CALLS, or once per file, in their order.",
)
@option(
    "-m",
    "--model",
    group=options.INPUT,
    metavar="MODEL",
    help="Model that made the calls, to be named in a summary in JSON.",
)
@option(
    "--metrics",
    group=options.INPUT,
    multiple=True,
    metavar="FILE",
    help="Metrics of `dnabirnn evaluate` for a summary in JSON. Give it once per file of calls, in "
    "their order.",
)
@options.comma_list(
    "--names",
    group=options.INPUT,
    default=(),
    metavar="NAME,..",
    help="Names of the samples, in the order of CALLS. Can be repeated.  [default: from the file "
    "names]",
)
@options.comma_list(
    "--by",
    group=options.OUTPUT,
    metavar="contig,class,strand",
    help="What the calls of a sample are grouped by: any of contig, class and strand, or sample "
    "for one row per sample. Bases in several calls of a group count once.  [default: all three in "
    "a table, class and strand on the terminal]",
)
@option(
    "--wide",
    group=options.OUTPUT,
    type=click.Choice(_VALUES),
    help="Put samples side by side: one column per sample, with this figure.",
)
@option(
    "--format",
    "form",
    group=options.INPUT,
    type=click.Choice(options.CALL_FORMATS),
    help="Format of the calls.  [default: from the file name]",
)
def summary(
    calls: tuple[str, ...],
    out: str | None,
    sizes: tuple[str, ...],
    model: str | None,
    metrics: tuple[str, ...],
    names: tuple[str, ...],
    by: tuple[str, ...] | None,
    wide: str | None,
    form: str | None,
) -> None:
    """Run `dnabirnn summary`."""
    from dnabirnn.files import check_target
    from dnabirnn.report import (
        contig_sizes,
        sample_names,
        summarize_calls,
        summarize_run,
        summary_text,
        wide_summary,
        write_run_summary,
        write_summary,
    )
    from dnabirnn.tracks import read_calls

    options.check_apart([out], [*calls, *sizes, model, *metrics])
    as_json = out is not None and out.lower().endswith(".json")
    if out is not None:
        check_target(out)
        check_ending("-o", out, "a table", ".tsv", ".csv", ".parquet", ".txt", ".json")
    if as_json and (by or wide is not None):
        raise OptionError(f"--by, --wide: {out} is by sample and class; leave these options out")
    if not as_json and (model is not None or metrics):
        raise OptionError(
            "-m, --metrics: only a summary in JSON has these; give -o NAME.dnabirnn.json"
        )
    if metrics and len(metrics) != len(calls):
        raise OptionError(
            f"--metrics: {len(metrics)} files for {len(calls)} files of calls; give one for each"
        )
    if calls.count("-") > 1:
        raise OptionError("-: standard input is given twice; give files")
    if names and (len(names) != len(calls) or len(set(names)) != len(names)):
        raise OptionError(
            f"--names {','.join(names)}: {len(set(names))} different names for {len(calls)} files "
            "of calls; give one per file"
        )
    if len(sizes) > 1 and len(sizes) != len(calls):
        raise OptionError(
            f"--sizes: {len(sizes)} files for {len(calls)} files of calls; give one for all, or "
            "one per file of calls"
        )
    samples = list(names) or sample_names(calls)
    lengths = {path: contig_sizes(path) for path in dict.fromkeys(sizes)}
    given = sizes * len(calls) if len(sizes) == 1 else sizes
    own = {name: read_calls(path, form=form) for name, path in zip(samples, calls, strict=True)}
    contigs = {name: lengths[path] for name, path in zip(samples, given, strict=False)}
    if as_json:
        assert out is not None
        measured = dict(zip(samples, metrics, strict=False))
        write_run_summary(summarize_run(own, contigs, model, measured), out)
        return
    if by is None:
        by = ("class", "strand") if out is None else ("contig", "class", "strand")
    table = summarize_calls(own, contigs, [name for name in by if name != "sample"])
    if wide is not None:
        table = wide_summary(table, wide)
    if out is None:
        click.echo(summary_text(table))
    else:
        write_summary(table, out)

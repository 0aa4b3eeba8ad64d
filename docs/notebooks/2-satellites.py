# %% [markdown]
# # Which satellites does an assembly have?
#
# Centromeres are made of satellites: short sequences, repeated thousands of times. Where do they lie in an
# assembly, and does a model that comes with dnabirnn agree with the published annotation of a chromosome that
# it was not trained on?
#
# **Data.** Put these files in `data/human_satellites`, or set `DNABIRNN_DATA` to another folder than `data`:
#
# - `chm13_chrY_cen.fa.gz`, the centromere of human chromosome Y: bases 9,586,663 to 11,690,972 of chrY in
#   T2T-CHM13v2.0 (GenBank GCA_009914755.4, chrY is CP086569.2), as a record named `chm13_chrY_cen`
# - `satellites.strand.bed`, the satellites that CenSat annotates there (track `SatelliteStrandv2.1` of
#   CHM13v2.0), with the first base of the record as position 0, and the names alpha, HSat1A, HSat3 and bSat
#
# Any other assembly works as well; then there is no annotation to compare with.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import polars as pl

import dnabirnn

data = Path(os.environ.get("DNABIRNN_DATA", "data")) / "human_satellites"
if not (data / "satellites.strand.bed").exists():
    raise SystemExit(
        f"{data / 'satellites.strand.bed'} is missing; get the data as described above"
    )
os.environ["DATA"] = str(data)

# %% [markdown]
# ## Score, call and summarize
#
# `satellites` is the name of the model.

# %% language="bash"
# set -e
# dnabirnn -q score $DATA/chm13_chrY_cen.fa.gz -m satellites -o scores.bw --calls calls.bed
# dnabirnn -q summary calls.bed --by class -o summary.tsv
# cut -f 2-4,6 summary.tsv

# %% [markdown]
# ## Compare with the annotation
#
# The share of annotated bases that calls of the same class cover, and the other way round.

# %%
classes = ["alpha", "HSat3", "bSat", "HSat1A"]
chromosome = "chm13_chrY_cen"
(record,) = dnabirnn.read_fasta(data / f"{chromosome}.fa.gz")
calls = dnabirnn.read_calls("calls.bed")
labels = dnabirnn.read_bed(data / "satellites.strand.bed").rename({"name": "class"})
labels = labels.filter(pl.col("chrom") == chromosome)


def covered(table: pl.DataFrame) -> pl.DataFrame:
    """Return one row per base and class that the intervals of a table cover."""
    bases = table.select("class", base=pl.int_ranges("start", "end")).explode("base")
    return bases.filter(pl.col("class").is_in(classes)).unique()


both = covered(calls).join(covered(labels), on=["class", "base"])
rows = []
for name in classes:
    called, labelled, agreed = (
        table.filter(pl.col("class") == name).height
        for table in (covered(calls), covered(labels), both)
    )
    shares = [agreed / whole if whole else None for whole in (labelled, called)]
    rows.append((name, labelled, called, *shares))
print(pl.DataFrame(rows, ["class", "annotated", "called", "recall", "precision"], orient="row"))

# %% [markdown]
# ## Look

# %%
figure, panel = plt.subplots(figsize=(9, 2.6))
for colour, name in enumerate(classes):
    for row, table in enumerate([calls, labels]):
        parts = table.filter(pl.col("class") == name).select("start", "end")
        bars = [(start / 1e6, (end - start) / 1e6) for start, end in parts.iter_rows()]
        panel.broken_barh(bars, (row - 0.35, 0.7), color=f"C{colour}", label=name if row else None)
panel.set_yticks([0, 1], ["calls", "annotation"])
panel.set(xlabel="position in the centromere of chrY, Mb", xlim=(0, len(record.codes) / 1e6))
panel.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
figure.tight_layout()

# %% [markdown]
# ## A control
#
# Centromeres of plants have other satellites, so the model should call nothing there. If you have centromere 1
# of *Arabidopsis thaliana* (Col-CEN) as `data/arabidopsis_cen1/Ath_CEN1.fa.gz`, this shows the number of calls.

# %%
control = data.parent / "arabidopsis_cen1" / "Ath_CEN1.fa.gz"
if control.exists():
    print(dnabirnn.load("satellites", threads=2).calls(control).height, "calls in", control.name)

# %% [markdown]
# [Bundled models](../models.md) has the accuracy of the model on this chromosome in full.

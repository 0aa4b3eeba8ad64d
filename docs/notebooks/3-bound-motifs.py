# %% [markdown]
# # Which of these motifs are bound?
#
# The genome of yeast has 1,244 copies of the consensus of the factor Rap1, ACCCANNCA, that were either bound or
# not in one experiment; 164 were. All of them look the same to a search for the consensus. Does the sequence
# around a copy tell which ones are bound?
#
# **Data.** Put these files in `data/yeast_chipexo`, or set `DNABIRNN_DATA` to another folder than `data`:
#
# - `S288C_R64.fa.gz`, the genome of *S. cerevisiae* S288C, R64 (GenBank GCA_000146045.2), with the names chr1 to
#   chr16
# - `sites.bed`, copies of the consensus within 15 bp of a binding event, with the factor in column 4. Events are
#   those of ChExMix in the ChIP-exo data of Rossi 2021 (GEO GSE147927; the authors' repository
#   CEGRcode/2021-Rossi_Nature)
# - `unbound_matches.bed`, copies that are more than 100 bp from any event
# - `ambiguous.bed`, the 20 bp on either side of events without a copy, and `blacklist.bed`, the regions that the
#   authors excluded

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import dnabirnn

data = Path(os.environ.get("DNABIRNN_DATA", "data")) / "yeast_chipexo"
if not (data / "sites.bed").exists():
    raise SystemExit(f"{data / 'sites.bed'} is missing; get the data as described above")
os.environ["DATA"] = str(data)

# %% [markdown]
# ## Train
#
# Chromosomes 12 and 15 are kept for the test. The labels are the bound copies; everything else, the unbound
# copies included, is background.

# %% language="bash"
# set -e
# cut -f 1-3 $DATA/ambiguous.bed $DATA/blacklist.bed > exclude.bed
# dnabirnn -q encode $DATA/S288C_R64.fa.gz --labels $DATA/sites.bed --classes Rap1 --exclude exclude.bed \
#     --val-chroms chr4,chr7 --test-chroms chr12,chr15 -o rap1.enc
# dnabirnn -q train rap1.enc -o rap1.safetensors

# %% [markdown]
# ## Score the copies
#
# The score of a copy is the mean of the log-odds of its bases, on its strand. The baseline is a position weight
# matrix of the bound copies of the other chromosomes, with ten bases on either side.

# %%
test, flank = ["chr12", "chr15"], 10
genome = {record.name: record.codes for record in dnabirnn.read_fasta(data / "S288C_R64.fa.gz")}
files = [("bound", "sites.bed"), ("unbound", "unbound_matches.bed")]
copies = pl.concat(
    dnabirnn.read_bed(data / file).with_columns(bound=pl.lit(kind == "bound"))
    for kind, file in files
).filter(pl.col("name") == "Rap1")
print(copies.group_by("bound", test=pl.col("chrom").is_in(test)).len().sort("test", "bound"))


def bases(chrom: str, start: int, end: int, strand: str) -> np.ndarray:
    """Return the bases of a copy and its flanks, read on its strand."""
    codes = genome[chrom][max(0, start - flank) : end + flank]
    return codes if strand == "+" else dnabirnn.reverse_complement(codes)


places = ["chrom", "start", "end", "strand"]
training = copies.filter(pl.col("bound") & ~pl.col("chrom").is_in(test))
sites = np.stack([dnabirnn.one_hot(bases(*row)) for row in training.select(places).iter_rows()])
matrix = np.log((sites.mean(axis=0) * len(sites) + 0.25) / (len(sites) + 1) / 0.25)  # (W, 4)

model = dnabirnn.load("rap1.safetensors", threads=2)
rows = []
for chrom in test:
    p = model.score(genome[chrom]).astype(float)  # (L, 2)
    log_odds = np.log(p / (1 - p))
    for _, start, end, strand, bound in (
        copies.filter(pl.col("chrom") == chrom).select(*places, "bound").iter_rows()
    ):
        hot = dnabirnn.one_hot(bases(chrom, start, end, strand))
        if len(hot) == len(matrix):
            network = log_odds[start:end, "+-".index(strand)].mean()
            rows.append((bound, network, (hot * matrix).sum()))
scored = pl.DataFrame(rows, ["bound", "network", "matrix"], orient="row")

# %% [markdown]
# ## Look
#
# Left: bound and unbound copies by the score of the network. Right: precision and recall of both scores.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
bins = np.linspace(scored["network"].min(), scored["network"].max(), 30)
for bound, name, colour in [(False, "unbound", "C7"), (True, "bound", "C0")]:
    values = scored.filter(pl.col("bound") == bound)["network"]
    left.hist(values, bins, density=True, alpha=0.7, color=colour, label=f"{name} ({len(values)})")
left.set(xlabel="mean log-odds of the copy", ylabel="density")
left.legend()
for name, colour in [("network", "C0"), ("matrix", "C1")]:
    true = scored.sort(name, descending=True)["bound"].to_numpy()
    precision = true.cumsum() / np.arange(1, len(true) + 1)
    average = precision[true].mean()
    recall = true.cumsum() / true.sum()
    right.step(recall, precision, color=colour, label=f"{name}, average precision {average:.2f}")
right.axhline(scored["bound"].mean(), color="C7", linestyle=":", label="the consensus alone")
right.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))
right.legend()
figure.tight_layout()

# %% [markdown]
# [Accuracy](../accuracy.md#yeast_chipexo) has the same comparison for eight factors, each with several seeds.
# For some of them, the network is hardly better than a matrix. To see what the network reads around the copies,
# use [`dnabirnn discover`](../discover.md).

# %% [markdown]
# # Where are the REP elements of E. coli?
#
# REP elements are imperfect palindromes of about 35 bases. *E. coli* has hundreds of copies of them between
# its genes; the annotation lists 697. Does a network that has learned four fifths of the genome find those in
# the last fifth? And what does it find that the annotation lacks?
#
# **Data.** Put two files in the folder `data/ecoli_k12`, or set `DNABIRNN_DATA` to another folder than `data`:
#
# - `NC_000913.3.fa.gz`, the genome of *E. coli* K-12 MG1655 (RefSeq NC_000913.3)
# - `rep.bed`, the features `repeat_region` that are REP elements in RefSeq's annotation of 2020, as BED with
#   strands. They should begin with GCC[GT]GATG on their own strand: coordinates of some releases are one base
#   too high.

# %%
import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import polars as pl

import dnabirnn

data = Path(os.environ.get("DNABIRNN_DATA", "data")) / "ecoli_k12"
if not (data / "rep.bed").exists():
    raise SystemExit(f"{data / 'rep.bed'} is missing; get the data as described above")
os.environ["DATA"] = str(data)

# %% [markdown]
# ## Train
#
# The network learns from the first 3.3 Mb. The next 0.4 Mb are for validation, and the rest is for the test.
# `encode` warns that some elements are nearly palindromes. They are, so the strand of these is hard to tell.

# %% language="bash"
# set -e
# printf 'NC_000913.3\t0\t3300000\ttrain\n' > split.bed
# printf 'NC_000913.3\t3300000\t3713322\tval\n' >> split.bed
# printf 'NC_000913.3\t3713322\t4641652\ttest\n' >> split.bed
# dnabirnn -q encode $DATA/NC_000913.3.fa.gz --labels $DATA/rep.bed --split split.bed -o rep.enc
# dnabirnn -q train rep.enc -o rep.safetensors

# %% [markdown]
# ## Evaluate
#
# The baseline is a position weight matrix of the same training sites.

# %% language="bash"
# set -e
# grep test split.bed > test.bed
# dnabirnn -q evaluate $DATA/NC_000913.3.fa.gz --labels $DATA/rep.bed -m rep.safetensors --regions test.bed \
#     --baseline rep.enc --curves curves.json -o metrics.json

# %%
metrics = json.loads(Path("metrics.json").read_text())
print(f"average precision of the network: {metrics['classes']['REP']['ap']:.3f}")
print(f"average precision of the matrix:  {metrics['baseline']['REP']['ap']:.3f}")
calls = metrics["calls"]["REP"]
print(f"{calls['matched']} of {calls['truth']} elements are called; {calls['calls']} calls in all")

# %% [markdown]
# ## Score the whole genome, and call
#
# The chromosome is a circle, so the first and the last base have neighbours as all others do.

# %% language="bash"
# set -e
# dnabirnn -q score $DATA/NC_000913.3.fa.gz -m rep.safetensors --circular all -o scores.bw --calls calls.bed
# head -n 3 calls.bed

# %%
test_start = 3_713_322
labels = dnabirnn.read_bed(data / "rep.bed").filter(pl.col("start") >= test_start)
calls = dnabirnn.read_calls("calls.bed").filter(pl.col("start") >= test_start)
new = calls.filter(
    ~pl.struct("start", "end").map_elements(
        lambda call: ((labels["start"] < call["end"]) & (labels["end"] > call["start"])).any(),
        return_dtype=pl.Boolean,
    )
)
print("calls in the test sequence that no label touches:")
print(new)

# %% [markdown]
# ## Look
#
# A cluster of elements in the test sequence. Labels and calls stand above the probabilities, those of the
# + strand above those of the - strand.

# %%
start, end, around = 4_325_700, 4_326_500, 2_000
(genome,) = dnabirnn.read_fasta(data / "NC_000913.3.fa.gz")
model = dnabirnn.load("rep.safetensors")
scores = model.score(genome.codes[start - around : end + around])[around:-around]  # (L, 2)

figure, panels = plt.subplots(2, figsize=(9, 3.6), sharex=True, height_ratios=[1, 2])
for row, (table, colour) in enumerate([(calls, "C0"), (labels, "C1")]):
    for strand, shift in (("+", 0.22), ("-", -0.22)):
        shown = table.filter(
            (pl.col("strand") == strand) & (pl.col("end") > start) & (pl.col("start") < end)
        )
        bars = [(s, e - s) for s, e in shown.select("start", "end").iter_rows()]
        panels[0].broken_barh(bars, (row + shift - 0.18, 0.36), color=colour)
panels[0].set_yticks([0, 1], ["calls", "labels"])
panels[1].fill_between(range(start, end), scores[:, 0], color="C0")
panels[1].fill_between(range(start, end), -scores[:, 1], color="C0")
panels[1].set_yticks([-1, 0, 1], ["1 on -", "0", "1 on +"])
panels[1].set(ylabel="probability", xlabel="position in NC_000913.3", xlim=(start, end))
panels[1].ticklabel_format(axis="x", style="plain", useOffset=False)
figure.tight_layout()

# %% [markdown]
# Precision and recall per base in the test sequence, beside those of the matrix.

# %%
curves = json.loads(Path("curves.json").read_text())
figure, panel = plt.subplots(figsize=(4.5, 3.5))
for key, name, colour in [("network", "network", "C0"), ("baseline", "matrix", "C7")]:
    curve = next(curve for curve in curves[key] if not curve["stranded"])
    label = f"{name}, average precision {curve['ap']:.3f}"
    panel.plot(curve["recall"], curve["precision"], color=colour, label=label)
panel.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
panel.legend(loc="lower left")
figure.tight_layout()

# %% [markdown]
# The network finds nearly all of the elements with their ends and strands, and adds few calls that have no
# label. Those few are candidates: [`dnabirnn review`](../labels.md#reviewing-labels) lists such
# disagreements with evidence.

# %% [markdown]
# # What do these variants change?
#
# The promoter mutants of *E. coli* were among the first mutations whose effect on transcription was measured.
# Four of those below make a promoter stronger; the fifth weakens the site of an activator beside it. Does a model
# that has only seen where promoters are predict that?
#
# | name | change | effect | source |
# |---|---|---|---|
# | lacUV5 | two bases of the -10 box of lac: TATGTT to TATAAT | stronger, needs no activator | Silverstone 1970, PNAS 66, 773 |
# | lacL8 | a base of the site of the activator CAP | weaker, as CAP binds less | Silverstone 1970 |
# | lacIq | a base of the -35 box of lacI: GCGCAA to GTGCAA | stronger | Calos 1978, Nature 274, 762 |
# | ampC-42 | a new -35 box of ampC: CTGACA to TTGACA | stronger | Caroff 2000, J. Antimicrob. Chemother. 45, 783 |
# | ampC-32 | the -35 box of ampC: TTGTCA to TTGACA | stronger | Jaurin 1982, EMBO J. 1, 875 |
#
# **Data.** `NC_000913.3.fa.gz`, the genome of *E. coli* K-12 MG1655 (RefSeq NC_000913.3), in the folder
# `data/ecoli_k12`; or set `DNABIRNN_DATA` to another folder than `data`.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import dnabirnn

data = Path(os.environ.get("DNABIRNN_DATA", "data")) / "ecoli_k12"
if not (data / "NC_000913.3.fa.gz").exists():
    raise SystemExit(f"{data / 'NC_000913.3.fa.gz'} is missing; get the data as described above")
os.environ["DATA"] = str(data)

# %% [markdown]
# ## Write the variants as VCF
#
# All three promoters are on the - strand, so bases are complemented, and the position is that of the last base.

# %%
promoters = {
    "lac": "AATTAATGTGAGTTAGCTCACTCATTAGGCACCCCAGGCTTTACACTTTATGCTTCCGGCTCGTATGTTGTGTGGAATTG",
    "lacI": "GCGCAAAACCTTTCGCGGTATGGCATGATAGCG",
    "ampC": "CTGACAGTTGTCACGCTGATTGGTGTCGTTACAATCTAACGC",
}
changes = [  # name, promoter, first base that changes, bases before, bases after
    ("lacL8", "lac", 9, "G", "A"),
    ("lacUV5", "lac", 66, "GT", "AA"),
    ("lacIq", "lacI", 1, "C", "T"),
    ("ampC-42", "ampC", 0, "C", "T"),
    ("ampC-32", "ampC", 10, "T", "A"),
]


def opposite(bases: str) -> str:
    """Return the bases of the other strand."""
    return dnabirnn.decode(dnabirnn.reverse_complement(dnabirnn.encode(bases)))


(genome,) = dnabirnn.read_fasta(data / "NC_000913.3.fa.gz")
text = dnabirnn.decode(genome.codes)
rows = []
for name, promoter, first, before, after in changes:
    bases = promoters[promoter]
    assert bases[first:].startswith(before)
    end = text.index(opposite(bases)) + len(bases) - first
    rows.append((end - len(before) + 1, name, opposite(before), opposite(after)))
lines = [
    f"NC_000913.3\t{pos}\t{name}\t{ref}\t{alt}\t.\t.\t." for pos, name, ref, alt in sorted(rows)
]
head = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
Path("variants.vcf").write_text("\n".join([*head, *lines]) + "\n")
print("\n".join(lines))

# %% [markdown]
# ## Compute what they change
#
# Probabilities of a promoter on the - strand, within 100 bases of the variant.

# %% language="bash"
# set -e
# dnabirnn -q variants variants.vcf --fasta $DATA/NC_000913.3.fa.gz -m bacterial-promoters --max-distance 100 \
#     -o effects.tsv

# %%
table = pl.read_csv("effects.tsv", separator="\t").filter(pl.col("strand") == "-")
print(table.select("id", "ref", "alt", "gain", "loss", "calls_gained", "calls_lost"))

# %% [markdown]
# The four mutations in the boxes of promoters gain, and lacUV5, which restores the whole -10 box, gains a call.
# lacL8 changes little, as it should for this model: it is in the site of an activator, and the model knows only
# the promoter itself.
#
# ## Look
#
# How large is that beside all other substitutions? Top: for each base of the lac promoter and each of its three
# substitutions, the largest gain (red) or loss (blue) of probability within 60 bases. The boxes of the promoter
# and the bases of lacUV5 are marked. Bottom: all of these substitutions, and the mutations of the table.

# %%
around, bases = 1_000, promoters["lac"]
start = text.index(opposite(bases))
stretch = dnabirnn.reverse_complement(genome.codes[start - around : start + len(bases) + around])
model = dnabirnn.load("bacterial-promoters", threads=2)
found = model.effects(stretch, around, around + len(bases), reach=60).substitutions
gain, loss = found.gain[..., 0], found.loss[..., 0]  # (L, 4)
change = np.where(gain >= loss, gain, -loss)
own = dnabirnn.one_hot(stretch[around:-around]).astype(bool)
change[own] = 0

figure, (top, bottom) = plt.subplots(2, figsize=(9, 4.2), height_ratios=[2, 1])
most = np.abs(change).max()
image = top.imshow(change.T, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
top.set_xticks(range(len(bases)), bases, fontsize=7)
top.set_yticks(range(4), "ACGT")
for box in ("TTTACA", "TATGTT"):
    first = bases.index(box)
    top.axvspan(first - 0.5, first + 5.5, fill=False, linewidth=1.2)
top.plot([66, 67], [0, 0], "k*", markersize=7)
figure.colorbar(image, ax=top, label="change of probability")
bottom.plot(change[~own], np.zeros((~own).sum()), "|", color="C7", markersize=14)
shown = table.with_columns(
    change=pl.max_horizontal("gain", "loss") * (pl.col("gain") - pl.col("loss")).sign()
)
for row, (name, value) in enumerate(shown.sort("change").select("id", "change").iter_rows()):
    bottom.plot(value, row + 1, "o", color="C3" if value > 0 else "C0")
    bottom.annotate(name, (value, row + 1), (6, -3), textcoords="offset points", fontsize=8)
bottom.set(xlabel="largest change of probability", yticks=[], ylim=(-1, len(shown) + 1))
figure.tight_layout()

# %% [markdown]
# The largest change by a single base of lac (dark red) is that of G to A behind the -10 box. It makes TGGAAT
# TAGAAT, which differs from a perfect box, TATAAT, in one base.
#
# The model was trained on the promoters of *E. coli* as they are in this genome, among others, and on no mutant.
# It predicts where promoters are; how much RNA they make is another question.
# [Effects](../effects.md) and [variants](../variants.md) describe the numbers.

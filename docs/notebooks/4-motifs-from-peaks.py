# %% [markdown]
# # What do peaks have in common?
#
# A ChIP-seq experiment gives peaks: stretches of about a hundred bases that a factor binds somewhere. Nobody has
# marked the sites. Which motif does a network learn from them, and does it lie where the peaks are highest?
#
# **Data.** Put two files in `data/ctcf_pu1_peaks`, or set `DNABIRNN_DATA` to another folder than `data`:
#
# - `ctcf.fa.gz`, peaks of human CTCF: 100 bases around the summit, with names like `chr1:17036408-17036508`
# - `pu1.fa.gz`, peaks of human PU.1, as a control
#
# Both are in the folder `DeepSTARR/Neural_Network_DNA_Demo/data` of the repository
# bernardo-de-almeida/DeepSTARR. Peaks of your own work as well; see
# [labels of whole sequences](../sequence-labels.md).

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from IPython.display import SVG, display

import dnabirnn

data = Path(os.environ.get("DNABIRNN_DATA", "data")) / "ctcf_pu1_peaks"
if not (data / "ctcf.fa.gz").exists():
    raise SystemExit(f"{data / 'ctcf.fa.gz'} is missing; get the data as described above")
os.environ["DATA"] = str(data)

# %% [markdown]
# ## Train
#
# Negatives are shuffles of the peaks that keep pairs of neighbouring bases. A network of one layer is enough for
# one motif.

# %% language="bash"
# set -e
# dnabirnn -q encode --positives CTCF=$DATA/ctcf.fa.gz --negatives shuffled --val-chroms chr8 --test-chroms chr9 \
#     -o ctcf.enc
# dnabirnn -q train ctcf.enc -o ctcf.safetensors --layers 1 --kmer 3 --dropout 0.1 --bases 8M

# %% [markdown]
# ## Find motifs
#
# In the peaks of chr9, which the network has not seen.


# %%
def of_chromosome(path: Path, name: str, out: str, limit: int | None = None) -> None:
    """Write the records of one chromosome into another FASTA file."""
    records = [r for r in dnabirnn.read_fasta(path) if r.name.startswith(f"{name}:")]
    text = (f">{record.name}\n{dnabirnn.decode(record.codes)}\n" for record in records[:limit])
    Path(out).write_text("".join(text))


of_chromosome(data / "ctcf.fa.gz", "chr9", "ctcf.chr9.fa")
of_chromosome(data / "pu1.fa.gz", "chr9", "pu1.chr9.fa")

# %% language="bash"
# set -e
# dnabirnn -q discover ctcf.chr9.fa -m ctcf.safetensors -o motifs.meme --sites sites.bed --table motifs.tsv \
#     --logos logos --max-sites 1000
# cut -f 1-6 motifs.tsv

# %%
display(SVG(filename=sorted(Path("logos").iterdir())[0]))

# %% [markdown]
# The motif of CTCF in JASPAR (MA0139) has the core CCNSYAGRKGGC.
#
# ## Look
#
# Where the best interval of each peak lies, and how probable a site is in peaks of CTCF and of PU.1.

# %% language="bash"
# set -e
# for name in ctcf pu1; do
#     dnabirnn -q score $name.chr9.fa -m ctcf.safetensors -o scores.$name.bed --per-sequence $name.tsv
# done

# %%
tables = {
    name: pl.read_csv(f"{name.lower().replace('.', '')}.tsv", separator="\t")
    for name in ("CTCF", "PU.1")
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
for name, colour in [("CTCF", "C0"), ("PU.1", "C7")]:
    table = tables[name]
    middles = (table["start"] + table["end"]) / 2 - table["length"] / 2
    left.hist(middles, range(-50, 51, 4), density=True, alpha=0.7, color=colour, label=name)
    right.hist(
        table["probability"],
        np.linspace(0, 1, 26),
        density=True,
        alpha=0.7,
        color=colour,
        label=name,
    )
    print(f"{table['called'].mean():.0%} of {table.height} peaks of {name} are called")
left.set(xlabel="middle of the best interval, bp from the summit", ylabel="density")
right.set(xlabel="probability that the peak has a site", ylabel="density")
right.legend()
figure.tight_layout()

# %% [markdown]
# Sites of CTCF lie at the summit, though no label said where they are. Some peaks of PU.1 are called too: the
# network has only learned to tell peaks from shuffles. With [`--negatives genomic`](../sequence-labels.md), it
# learns what other parts of the genome look like.

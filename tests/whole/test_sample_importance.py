"""What a network reads in sample_data: the site and its partner, and no partner where none is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import succeed

from dnabirnn.explanation.importance import site_effects
from dnabirnn.intervals.bed import read_bed
from dnabirnn.scoring.model import load
from dnabirnn.sequences.read import read_fasta

SAMPLE = Path(__file__).parents[2] / "sample_data"
# A partner of 12 bp begins 5 to 15 bp downstream of its site.
UPSTREAM_BP, SITE_BP, DOWNSTREAM_BP, PARTNER_BP = 40, 19, 27, 12


@pytest.mark.slow
def test_importance_stands_on_site_and_partner_and_not_beside_lonely_decoys(tmp_path: Path) -> None:
    encoded, model = tmp_path / "sample.enc", tmp_path / "sample.safetensors"
    genome = SAMPLE / "genome.fa.gz"
    succeed("encode", genome, "--labels", SAMPLE / "sites.bed", "-o", encoded)
    succeed("train", encoded, "-o", model, "--bases", "6M", "--lr", "0.02")
    loaded = load(model, device="cpu")
    contig = next(record for record in read_fasta(genome) if record.name == "sim8")
    strands = [output.strand for output in loaded.outputs]

    def medians(name: str, kind: str) -> dict[str, float]:
        """Medians over 100 motifs, read 5' to 3': importance, and loss by the worst change."""
        rows = read_bed(SAMPLE / name).filter(
            (pl.col("chrom") == "sim8") & (pl.col("name") == kind) & (pl.col("start") > 100)
        )
        found = []
        for start, end, strand in rows.select("start", "end", "strand").head(100).rows():
            output = strands.index(strand)
            left, right = start - UPSTREAM_BP, end + UPSTREAM_BP
            effects = site_effects(contig, loaded, output, (start, end), left, right)
            turn = 1 if strand == "+" else -1
            importance, loss = effects.importance[::turn], effects.loss.max(axis=1)[::turn]
            site = slice(UPSTREAM_BP, UPSTREAM_BP + SITE_BP)
            after = slice(site.stop, site.stop + DOWNSTREAM_BP)
            far = slice(0, UPSTREAM_BP - 10)
            found.append(
                {
                    "site": importance[site].mean(),
                    "downstream": importance[after].mean(),
                    "partner": np.sort(importance[after])[-PARTNER_BP:].mean(),
                    "elsewhere": np.abs(importance[far]).mean(),
                    "site loss": loss[site].mean(),
                    "partner loss": np.sort(loss[after])[-PARTNER_BP:].mean(),
                }
            )
        middle = pl.DataFrame(found).median().row(0, named=True)
        return {key: float(value) for key, value in middle.items()}

    sites, lonely = medians("sites.bed", "CTCF"), medians("decoys.bed", "CTCF_alone")
    assert sites["site"] > 10 * sites["elsewhere"]
    assert sites["partner"] > 5 * sites["elsewhere"]
    # Bases downstream of a lonely decoy speak against a site: most changes would help.
    assert sites["downstream"] > 0 > lonely["downstream"]
    assert sites["partner"] > 2 * lonely["partner"]
    # In probability, nothing stands there to be lost.
    assert sites["site loss"] > 3 * lonely["site loss"]
    assert sites["partner loss"] > 3 * lonely["partner loss"]

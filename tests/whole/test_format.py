"""File formats as docs/format.md describes them, read by readers that follow only that page."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import encoded_set
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.alphabet import reverse_complement
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell, MatrixShape
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.model import Model
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.processes import Hardware
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.training_run import train

DOCUMENT = Path(__file__).parents[2] / "docs" / "format.md"
COMPLEMENT = np.array([3, 2, 1, 0, 4])
ONE_HOT = np.eye(5, 4)

Weights = dict[str, np.ndarray]


def read_model(path: Path) -> tuple[dict[str, Any], Weights]:
    """Description and weights of a model file."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    metadata = header.pop("__metadata__")
    assert list(metadata) == ["dnabirnn"]
    weights = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32"
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[end + first : end + last], "<f4")
        weights[name] = values.reshape(entry["shape"]).astype(np.float64)
    return json.loads(metadata["dnabirnn"]), weights


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normalize(products: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    """Layer normalization of the products of three gates."""
    gates = products.reshape(3, -1)
    centred = gates - gates.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    deviation[deviation == 0] = 1
    return list(centred / deviation * gain.reshape(3, -1) + bias.reshape(3, -1))


def kmer_terms(shape: dict[str, Any], weights: Weights, number: int, lane: np.ndarray) -> Any:
    """Terms of the k-mers around each base of a lane (L, G H); zeros without k-mers."""
    table = weights.get(f"recurrent.{number}.weight_kmer_l0")
    terms = np.zeros((len(lane), len(weights[f"recurrent.{number}.bias_ih_l0"])))
    k = shape.get("kmer", 1)
    for base in range(k // 2, len(lane) - k // 2 if k > 1 else 0):
        kmer = lane[base - k // 2 : base + k // 2 + 1].tolist()
        if 4 not in kmer:
            terms[base] = table[int("".join(map(str, kmer)), 4)]
    return terms


def run_normalized(
    weights: Weights, number: int, inputs: np.ndarray, terms: np.ndarray, h: np.ndarray | None
) -> np.ndarray:
    """States (L, H) of a `gru-ln` over inputs (L, C), with terms of k-mers, from a state."""
    own = {n.split(".")[2]: w for n, w in weights.items() if n.startswith(f"recurrent.{number}.")}
    h = own["state_l0"] if h is None else h
    w_h, scale = own["weight_hh_l0"], (own["gain_hh_l0"], own["bias_hh_l0"])
    states = []
    for x, term in zip(inputs, terms, strict=True):
        a = normalize(own["weight_ih_l0"] @ x, own["gain_ih_l0"], own["bias_ih_l0"])
        a = list(np.array(a) + term.reshape(3, -1))
        u = normalize(w_h @ h, *scale)
        r, z = sigmoid(a[0] + u[0]), sigmoid(a[1] + u[1])
        n = np.tanh(a[2] + normalize(w_h @ (r * h), *scale)[2])
        h = (1 - z) * n + z * h
        states.append(h)
    return np.array(states)


def run_cell(
    cell: str,
    weights: Weights,
    number: int,
    inputs: np.ndarray,
    terms: np.ndarray,
    before: np.ndarray | None = None,
) -> np.ndarray:
    """States (L, H) of one set of recurrent weights over inputs (L, C), with terms of k-mers."""
    if cell == "gru-ln":
        return run_normalized(weights, number, inputs, terms, before)
    prefix = f"recurrent.{number}."
    w_x, w_h = weights[f"{prefix}weight_ih_l0"], weights[f"{prefix}weight_hh_l0"]
    b_x, b_h = weights[f"{prefix}bias_ih_l0"], weights[f"{prefix}bias_hh_l0"]
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    h = np.zeros(w_h.shape[1])
    c = np.zeros(w_h.shape[1])
    states = []
    for x, term in zip(inputs, terms, strict=True):
        a, u = np.split(w_x @ x + b_x + term, gates), np.split(w_h @ h + b_h, gates)
        if cell == "rnn":
            h = np.tanh(a[0] + u[0])
        elif cell == "gru":
            r, z = sigmoid(a[0] + u[0]), sigmoid(a[1] + u[1])
            h = (1 - z) * np.tanh(a[2] + r * u[2]) + z * h
        else:
            i, f, o = (sigmoid(a[k] + u[k]) for k in (0, 1, 3))
            c = f * c + i * np.tanh(a[2] + u[2])
            h = o * np.tanh(c)
        states.append(h)
    return np.array(states)


def features(shape: dict[str, Any], weights: Weights, codes: np.ndarray) -> np.ndarray:
    """Features [f, r] of a window: (L, 2H)."""
    lane_f, lane_r = ONE_HOT[codes], ONE_HOT[COMPLEMENT[codes[::-1]]]
    for layer in range(shape["layers"]):
        numbers = (layer, layer) if shape["tied"] else (2 * layer, 2 * layer + 1)
        lanes = (codes, COMPLEMENT[codes[::-1]])
        terms = [
            kmer_terms({} if layer else shape, weights, number, lane)
            for number, lane in zip(numbers, lanes, strict=True)
        ]
        f = run_cell(shape["cell"], weights, numbers[0], lane_f, terms[0])
        before = None if shape["tied"] else f[-1]
        r = run_cell(shape["cell"], weights, numbers[1], lane_r, terms[1], before)[::-1]
        lane_f = np.hstack([f, r])
        lane_r = (np.hstack([r, f]) if shape["tied"] else lane_f)[::-1]
    return lane_f


def log_odds(shape: dict[str, Any], weights: Weights, codes: np.ndarray) -> np.ndarray:
    """One column per output; in an exclusive network, the background comes first."""
    plus = features(shape, weights, codes)
    hidden = shape["hidden"]
    minus = np.hstack([plus[:, hidden:], plus[:, :hidden]])
    on_plus, on_minus = (x @ weights["head.weight"].T + weights["head.bias"] for x in (plus, minus))
    if not shape["tied"]:
        return on_plus
    mean = (on_plus + on_minus) / 2
    columns = [mean[:, 0]] if shape["exclusive"] else []
    for row, motif_class in enumerate(shape["classes"], len(columns)):
        strands = [on_plus, on_minus] if motif_class["stranded"] else [mean]
        columns += [strand[:, row] for strand in strands]
    return np.column_stack(columns)


def matrix_terms(shape: dict[str, Any], weights: Weights, codes: np.ndarray) -> np.ndarray:
    """What the matrices add to the log-odds of a window: (L, R)."""
    columns = [np.zeros(len(codes))] * int(shape["exclusive"])
    for number, motif_class in enumerate(shape["classes"]):
        matrix = (shape.get("matrices") or [None] * (number + 1))[number]
        of_strands = np.zeros((2, len(codes)))
        if matrix is not None:
            slope, least, shift = weights[f"matrix.{number}.map"].astype(float)
            table = np.column_stack(
                [weights[f"matrix.{number}.log_odds"], np.zeros(matrix["width"])]
            )
            of_strands[:] = least
            for i in range(len(codes) - matrix["width"] + 1):
                site = codes[i : i + matrix["width"]]
                covered = slice(i + matrix["flank_bp"], i + matrix["width"] - matrix["flank_bp"])
                for strand, read in enumerate((site, reverse_complement(site))):
                    score = table[np.arange(matrix["width"]), read].sum()
                    here = of_strands[strand, covered]
                    np.maximum(here, score, out=here)
            of_strands = np.exp(weights[f"matrix.{number}.scale"]) * (slope * of_strands + shift)
        columns += list(of_strands) if motif_class["stranded"] else [of_strands.max(axis=0)]
    return np.column_stack(columns)


def mean_log_odds(model: dict[str, Any], weights: Weights, codes: np.ndarray) -> np.ndarray:
    """Log-odds of the only network, or the mean over the networks that have the class."""
    shape = model["architecture"]
    if "members" not in shape:
        return log_odds(shape, weights, codes) + matrix_terms(shape, weights, codes)
    total, times = np.zeros((2, len(codes), len(model["outputs"]) + shape["exclusive"]))
    for number, member in enumerate(shape["members"]):
        prefix = f"member.{number}."
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        names = [motif_class["name"] for motif_class in member["classes"]]
        here = [0] * shape["exclusive"] + [
            column
            for column, (name, _) in enumerate(model["outputs"], shape["exclusive"])
            if name in names
        ]
        total[:, here] += log_odds(member, own, codes) + matrix_terms(member, own, codes)
        times[:, here] += 1
    return np.asarray(total / times)


def window_scores(model: dict[str, Any], weights: Weights, codes: np.ndarray) -> np.ndarray:
    """Probabilities of a window read alone: (L, O)."""
    shape = model["architecture"]
    logits = mean_log_odds(model, weights, codes)
    maps = [model["log_odds"][name] for name, _ in model["outputs"]]
    slope, shift = (np.array([log_odds[key] for log_odds in maps]) for key in ("slope", "shift"))
    if shape["exclusive"]:
        odds = np.exp(slope * (logits[:, 1:] - logits[:, :1]) + shift)
        p = odds / (1 + odds.sum(axis=1, keepdims=True))
    else:
        p = sigmoid(slope * logits + shift)
    return np.where(codes[:, None] == 4, 0.0, np.clip(p, 1e-6, 1 - 1e-6))


def contig_scores(model: dict[str, Any], weights: Weights, codes: np.ndarray) -> np.ndarray:
    """Probabilities of a contig, by the formula of its grid: (L, O)."""
    length = len(codes)
    window, halo = model["scoring_window"]["length_bp"], model["scoring_window"]["halo_bp"]
    core = window - 2 * halo
    if length <= window:
        return window_scores(model, weights, codes)
    total, times = np.zeros((length, len(model["outputs"]))), np.zeros((length, 1))
    for k in range(-((2 * halo - length) // (2 * core))):
        start, end = k * core, k * core + window
        keep_start, keep_end = (start + halo if k else 0), end - halo
        left = window_scores(model, weights, codes[start:end])
        total[keep_start:keep_end] += left[keep_start - start : keep_end - start]
        times[keep_start:keep_end] += 1
        start, keep_start, keep_end = length - end, length - keep_end, length - keep_start
        right = window_scores(model, weights, codes[start : start + window])
        total[keep_start:keep_end] += right[keep_start - start : keep_end - start]
        times[keep_start:keep_end] += 1
    assert set(times.ravel()) <= {1, 2}
    return total / times


CLASSES = (MotifClass("A", True), MotifClass("B", False), MotifClass("C", True))
SHAPES = [
    {"cell": cell, "tied": tied, "exclusive": exclusive, "layers": layers}
    for cell, tied, exclusive, layers in itertools.product(
        Cell, (True, False), (False, True), (1, 2)
    )
]
SHAPES += [
    {"cell": cell, "tied": tied, "layers": layers, "kmer": 3 if tied else 5}
    for cell, tied, layers in itertools.product(Cell, (True, False), (1, 2))
]
SHAPES += [
    {"exclusive": exclusive, "matrices": (MatrixShape(7, 2), None, MatrixShape(9, 0)), "kmer": 3}
    for exclusive in (False, True)
]
SHAPES += [{"matrices": (None, MatrixShape(8, 0), None), "tied": False}]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_from_the_document_alone(shape: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = random_checkpoint(CLASSES, scoring=ScoringWindow(40, 8), **shape)
    checkpoint = dataclasses.replace(
        checkpoint, maps=(LogOddsMap(0.8, -1.5), LogOddsMap(1.2, 0.7), LogOddsMap(1.0, -0.2))
    )
    checkpoint.save(tmp_path / "m.safetensors")
    model, weights = read_model(tmp_path / "m.safetensors")
    rng = np.random.default_rng(7)
    # One window; a pair that overlaps, then just meets; two pairs that overlap most; several.
    for length in (1, 40, 41, 64, 65, 133):
        codes = random_codes(rng, length, ambiguous=0.1)
        theirs = Model(checkpoint, device="cpu").score(codes)
        np.testing.assert_allclose(contig_scores(model, weights, codes), theirs, atol=1e-5)


@pytest.mark.parametrize("exclusive", [False, True])
def test_scores_of_several_networks_from_the_document_alone(
    exclusive: bool, tmp_path: Path
) -> None:
    matrices = (None, MatrixShape(7, 2), None)
    shapes: list[dict[str, Any]] = [{"kmer": 3}, {"cell": Cell.LSTM, "tied": False}]
    shapes += [{"matrices": matrices if exclusive else matrices[1:], "hidden": 3}]
    groups = (CLASSES, CLASSES, CLASSES) if exclusive else (CLASSES[:2], CLASSES[2:], CLASSES[1:])
    members = [
        random_checkpoint(
            group, seed=seed, exclusive=exclusive, scoring=ScoringWindow(40, 8), **shape
        )
        for seed, (group, shape) in enumerate(zip(groups, shapes, strict=True))
    ]
    checkpoint = dataclasses.replace(
        combined(members, CLASSES),
        maps=(LogOddsMap(0.8, -1.5), LogOddsMap(1.2, 0.7), LogOddsMap(1.0, -0.2)),
    )
    checkpoint.save(tmp_path / "m.safetensors")
    model, weights = read_model(tmp_path / "m.safetensors")
    rng = np.random.default_rng(7)
    for length in (1, 40, 65, 133):
        codes = random_codes(rng, length, ambiguous=0.1)
        theirs = Model(load_checkpoint(tmp_path / "m.safetensors"), device="cpu").score(codes)
        np.testing.assert_allclose(contig_scores(model, weights, codes), theirs, atol=1e-5)


def examples() -> list[dict[str, Any]]:
    return [
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.S)
    ]


def keys_of(value: Any, names: frozenset[str]) -> Any:
    """Keys of nested objects; names chosen by the user are all replaced by NAME."""
    if isinstance(value, dict):
        return {
            "NAME" if key in names else key: keys_of(inner, names) for key, inner in value.items()
        }
    return [keys_of(value[0], names)] if isinstance(value, list) and value else type(value)


def test_a_trained_model_and_its_encoded_set_are_as_documented(tmp_path: Path) -> None:
    encoded = encoded_set(tmp_path)
    path = tmp_path / "m.safetensors"
    train(
        encoded,
        path,
        Architecture(encoded.classes, hidden=4),
        SamplingSettings(window_bp=50),
        FitSettings(bases=20_000),
        hardware=Hardware("cpu"),
        validations=1,
    )
    model, weights = read_model(path)
    codes = random_codes(np.random.default_rng(1), 900)
    theirs = Model(load_checkpoint(path), device="cpu").score(codes)
    np.testing.assert_allclose(contig_scores(model, weights, codes), theirs, atol=1e-5)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    names = frozenset({"M", "REP"})
    shown_manifest, shown_model, *_ = examples()
    assert keys_of(shown_manifest, names) == keys_of(manifest, names)
    # A threshold is a number, or null if no threshold reaches the rate.
    for thresholds in model["discoveries"]["M"].values():
        assert {type(value) for value in thresholds.values()} <= {int, type(None)}
        thresholds.update(dict.fromkeys(thresholds, 500))
    shown_model["discoveries"]["REP"]["calls"]["0.01"] = 500
    assert keys_of(shown_model, names) == keys_of(model, names)


def test_the_digest_of_an_encoded_set_covers_what_the_document_says(tmp_path: Path) -> None:
    encoded_set(tmp_path)
    folder = tmp_path / "set"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    arrays = [np.load(folder / name) for name in ("codes.npy", "labels.npy")]
    said = {key: manifest[key] for key in ("classes", "contigs", "mask", "splits")}
    hashes = [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]
    text = json.dumps([said, hashes], sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == manifest["digest"]


def test_bits_of_labels_are_as_documented(tmp_path: Path) -> None:
    encoded_set(tmp_path)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    labels = np.load(tmp_path / "set" / "labels.npy")
    offsets = {contig["name"]: contig["offset"] for contig in manifest["contigs"]}
    expected = np.zeros_like(labels)
    for line in (tmp_path / "sites.bed").read_text().splitlines():
        chrom, start, end, _, _, strand = line.split("\t")
        place = slice(offsets[chrom] + int(start), offsets[chrom] + int(end))
        expected[place] |= 1 << {"+": 1, "-": 2}[strand]
    np.testing.assert_array_equal(labels, expected)

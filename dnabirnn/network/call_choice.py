"""How calls are made: the rules of a model, changed by the options that the user gave."""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dnabirnn.errors import OptionError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.names import shortened
from dnabirnn.network.call_rules import CallMethod, CallRule, CallSettings

if TYPE_CHECKING:
    from dnabirnn.network.checkpoint import Checkpoint

__all__ = ["call_settings"]

logger = logging.getLogger(__name__)


def call_settings(
    checkpoint: Checkpoint,
    method: str | None = None,
    *,
    threshold: float | Mapping[str, float] | None = None,
    fdr: float | None = None,
    min_length_bp: int | None = None,
    merge_gap_bp: int | None = None,
) -> CallSettings:
    """Return the rules of a model, changed by the options that the user gave.

    A class without a threshold gets no calls: one that the model has not learned, or one that does
    not keep to the false discovery rate. A warning names such classes.

    Parameters
    ----------
    checkpoint : Checkpoint
    method : str, optional
        "threshold", "mss" or "evidence", for all classes. By default that of the model, by class.
    threshold : float, or mapping of class name to float, optional
        Probability at or above which a base counts as its class; rounded to thousandths. A mapping
        changes only the classes that it has.
    fdr : float, optional
        False discovery rate of the thresholds, as measured on validation sequence.
    min_length_bp, merge_gap_bp : int, optional

    Raises
    ------
    OptionError
        If the method or a class does not exist, a value is out of range, or no class keeps to the
        false discovery rate.
    """
    if method is not None and method not in list(CallMethod):
        raise OptionError(f"--method {method}: must be {', '.join(CallMethod)}")
    names = [motif_class.name for motif_class in checkpoint.architecture.classes]
    given = _thresholds(threshold, names)
    rules = dict(checkpoint.calls)
    if fdr is not None:
        if isinstance(threshold, float | int):
            raise OptionError(
                "--fdr and --threshold: both set the threshold; give only one of them, or "
                "--threshold CLASS=P for single classes"
            )
        rules = _rules_at(checkpoint, fdr, given)
    unlearned = [name for name in checkpoint.unlearned if name not in given]
    if checkpoint.sequences is not None:
        logger.warning(
            "the model learned labels of whole sequences: its scores of bases are not calibrated, "
            "and %s; see the best intervals of score --per-sequence",
            f"{shortened(unlearned)} gets no calls without --threshold CLASS=P"
            if unlearned
            else "calls are by the given thresholds alone",
        )
    elif unlearned:
        logger.warning(
            "%s: no calls, because the model has not learned this on validation sequence; train "
            "with more sites or bases, or give --threshold CLASS=P",
            shortened(unlearned),
        )
    chosen = {}
    for name in names:
        rule = rules.get(name)
        if name in given:
            known = checkpoint.calls.get(name)
            rule = (
                CallRule(given[name], *checkpoint.unlearned[name])
                if known is None
                else replace(known, threshold=given[name])
            )
        if rule is not None:
            chosen[name] = replace(
                rule,
                min_length_bp=rule.min_length_bp if min_length_bp is None else min_length_bp,
                merge_gap_bp=rule.merge_gap_bp if merge_gap_bp is None else merge_gap_bp,
            )
    by_evidence = any(rule.least_evidence is not None for rule in checkpoint.calls.values())
    return CallSettings(
        chosen,
        None if method is None else CallMethod(method),
        checkpoint.evidence_scales(),
        # Other methods, and older models, keep the calls that they made before calls had evidence.
        exclusive=checkpoint.architecture.exclusive
        and (by_evidence if method is None else method == CallMethod.EVIDENCE),
    )


def _thresholds(given: float | Mapping[str, float] | None, names: Sequence[str]) -> dict[str, int]:
    """Return the integer thresholds of the classes for which one was given."""
    if given is None:
        return {}
    by_class = given if isinstance(given, Mapping) else dict.fromkeys(names, given)
    for name, value in by_class.items():
        if name not in names:
            raise OptionError(
                f"--threshold {name}={value:g}: the model has no class of this name; it has "
                f"{shortened(names)}"
            )
        if not 0 <= value <= 1:
            raise OptionError(f"--threshold {value:g}: must be from 0.001 to 1, a probability")
    return {name: math.floor(value * MAX_SCORE + 0.5) for name, value in by_class.items()}


def _rules_at(checkpoint: Checkpoint, rate: float, given: Container[str]) -> dict[str, CallRule]:
    """Return rules that keep to a false discovery rate, as measured on validation sequence.

    A class gets its threshold for calls. A class with too few calls has none; it gets its
    threshold for bases instead, but not one below its default threshold. A lower threshold calls
    more bases, and each isolated base is a call. Classes that are `given` a threshold are left out.
    """
    rules, faults = {}, {}
    for name, rule in checkpoint.calls.items():
        if name in given:
            continue
        kinds = checkpoint.discoveries.get(name, {})
        thresholds = [kinds.get(kind, {}).get(str(float(rate))) for kind in ("calls", "bases")]
        threshold = thresholds[0] or (thresholds[1] and max(thresholds[1], rule.threshold))
        if threshold is not None:
            rules[name] = replace(rule, threshold=threshold)
        elif not kinds:
            faults[name] = (
                f"the model has no false discovery rates for class {name}, which come from "
                "validation sequence; choose a --threshold"
            )
        else:
            rates = [r for r, value in kinds.get("bases", {}).items() if value is not None]
            remedy = f"choose one of {', '.join(rates)}" if rates else "choose a --threshold"
            faults[name] = (
                f"no threshold of class {name} keeps to this rate on validation sequence; {remedy}"
            )
    if faults and not rules and not any(name in given for name in checkpoint.calls):
        raise OptionError(f"--fdr {rate:g}: {next(iter(faults.values()))}")
    if faults:
        logger.warning(
            "--fdr %g: no calls of %s, because no threshold keeps to this rate on validation "
            "sequence; choose another rate, or give --threshold CLASS=P",
            rate,
            shortened([*faults]),
        )
    return rules

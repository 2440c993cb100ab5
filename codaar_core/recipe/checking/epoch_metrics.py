"""Compares ``run.best`` with the values that a run can have: names of losses are known before it, their terms not."""

from __future__ import annotations

from collections.abc import Collection

from codaar_core.registry import did_you_mean

WHOLE = ("total", "grad_norm", "lr")
BEGINNINGS = (
    *("lr", "loss_weight", "used", "perplexity", "agreement"),
    *("epoch_used", "epoch_perplexity", "epoch_largest_share"),
)
HELD_OUT = "validation"


def metric_fault(metric: str, losses: Collection[str], benchmarks: Collection[str]) -> tuple[str, str] | None:
    """Return what is wrong with ``run.best`` and what helps; None if a run may have this value.

    Args:
        metric: ``run.best``; empty: none.
        losses: Names of the losses that are switched on.
        benchmarks: Names of the benchmarks that are switched on.
    """
    value = metric.removeprefix(f"{HELD_OUT}.")
    beginning, dot, _ = value.partition(".")
    if not metric or (beginning in {*BEGINNINGS, *losses} if dot else value in WHOLE):
        return None
    message = f"run.best = {metric!r} is not an epoch metric"
    if beginning in benchmarks:
        return message, 'scores of test clips choose no epoch; write for example run.best = "validation.total"'
    known = [*WHOLE, *(f"{name}." for name in (*losses, *BEGINNINGS)), f"{HELD_OUT}.total"]
    return message, did_you_mean(metric, WHOLE) or f"a metric is, or begins with, one of {', '.join(known)}"

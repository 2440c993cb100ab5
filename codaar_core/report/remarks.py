"""What a reader of scores must know besides: caveats, clips seen in pretraining, an unfair control."""

from __future__ import annotations

from collections.abc import Iterable

from codaar_core.engine.results import Results, TransferScore

WHERE = {"training": "the training of their heads"}
SAME_IN_CONTROL = ("mode", "data", "modalities", "seeds")


def caveats(scores: Iterable[TransferScore]) -> dict[str, int]:
    """Number the different caveats from 1, in order of appearance."""
    different = dict.fromkeys(score.caveat for score in scores if score.caveat)
    return {caveat: number for number, caveat in enumerate(different, 1)}


def carriers(results: Results, caveat: str) -> str:
    """The transfers that carry a caveat: ``benchmark: a → b, b → a; ...``."""
    transfers: dict[str, list[str]] = {}
    for score in results.transfers:
        if score.headline and score.caveat == caveat:
            transfers.setdefault(score.benchmark, []).append(f"{score.train} → {score.test}")
    return "; ".join(f"{name}: {', '.join(pairs)}" for name, pairs in transfers.items())


def differences(results: Results, control: Results) -> list[str]:
    """Entries in which a control must be the same as the run, and is not."""
    return [name for name in SAME_IN_CONTROL if getattr(results, name) != getattr(control, name)]


def remarks(results: Results) -> list[str]:
    """Warnings about data files, and the splits whose clips were seen in pretraining or in the training of heads."""
    return [*results.notes, *_seen_before(results)]


def _seen_before(results: Results) -> list[str]:
    return [
        f"{each.benchmark}, {each.role}, {each.modality}: {each.seen} of {each.clips} clips "
        f"were seen in {WHERE.get(each.used_in, each.used_in)}{' and are left out' if each.dropped else ''}"
        for each in results.overlap
        if each.seen
    ]

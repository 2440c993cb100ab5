"""Clips held out of pretraining: which ones they are, and the model's values on them after an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256

import torch
from torch import Tensor

from codaar_core.api import CodaarError, Split, StepView
from codaar_core.engine.devices.runtime import derive_seed, to_numbers
from codaar_core.engine.training.batches import Share, own_clips, ranks_of_batch
from codaar_core.engine.training.codebook_update import by_level, codeword_counts, usage
from codaar_core.engine.training.passes.unchanged import unchanged
from codaar_core.engine.training.session import Session
from codaar_core.features.clips.split_subset import SplitSubset

VALIDATION = "validation."  # prefix of values on held-out clips


def divide(split: Split, share: float) -> tuple[Split, Split | None]:
    """Divide a split into clips that are trained on and clips that are held out.

    The checksum of a recording's name decides, or that of a clip's number where the split names no recordings. So clips
    of one recording stay together, and further clips do not change where the others are.

    Args:
        split: The pretraining split.
        share: Expected share of held-out recordings; 0: none.

    Returns:
        The clips to train on, and those held out; None with a share of 0.

    Raises:
        CodaarError: One of the two has no clips.
    """
    if not share:
        return split, None
    names = split.ids or [f"clip {number}" for number in range(len(split))]
    out = [_uniform(name) < share for name in names]
    trained, held_out = ([index for index, each in enumerate(out) if each == which] for which in (False, True))
    if not trained or not held_out:
        what = "none" if trained else "all"
        clips = f"{len(split)} clips ({len(set(names))} recordings)"
        raise CodaarError(
            f"data.validation_share = {share} holds out {what} of the {clips}",
            f"{'raise' if trained else 'lower'} data.validation_share",
        )
    return SplitSubset(split, trained), SplitSubset(split, held_out)


def _uniform(name: str) -> float:
    """Return a number in [0, 1) that depends on the name only."""
    return int.from_bytes(sha256(name.encode()).digest()[:6], "big") / 2**48


def held_out_values(session: Session, split: Split, epoch: int, step: int) -> dict[str, float]:
    """Return the losses and the use of codebooks on held-out clips, without any effect on the training.

    The model is in evaluation mode, and losses have the weights of the last step. Each batch has random numbers of its
    own, equal in every epoch.

    Args:
        session: The run.
        split: The held-out clips.
        epoch: Number of the epoch, from 0.
        step: Number of its last step, from 0.

    Returns:
        ``validation.total``, ``validation.LOSS.TERM``: means of batches, weighted by their clips;
        ``validation.used.M``, ``validation.perplexity.M``: use of the codebook over all held-out clips, as in
        ``codebook_update.usage``.

    Raises:
        CodaarError: A value is not finite.
    """
    plan, model, runtime, ranks = session.plan, session.model, session.runtime, session.runtime.ranks
    order = range(len(split))
    keys = [(start, order[start : start + plan.batch]) for start in range(0, len(split), plan.batch)]
    sums: dict[str, Tensor] = {}
    counts: dict[str, Tensor] = {}
    with unchanged(model, runtime.device), torch.no_grad(), runtime.autocast():
        read = partial(own_clips, split, Share(ranks.rank, ranks.size))
        for (start, clips), batch in runtime.batches(read, keys, model.modalities, split.reads_files):
            torch.manual_seed(derive_seed(plan.run.seed, "validation", start, ranks.rank))
            host, device = runtime.shared_generators(derive_seed(plan.run.seed, "shared validation", start))
            encoded = model.encode(batch.inputs)
            quantized = model.quantizer.quantize(encoded)
            decoded = model.decode(encoded, quantized)
            batch_ranks = ranks_of_batch(ranks, len(clips))
            view = StepView(batch.inputs, encoded, quantized, decoded, epoch, step, host, batch_ranks, device)
            terms = model.terms(view)
            own = {**terms, "total": torch.stack(list(terms.values())).sum()}
            sums = {name: sums.get(name, 0) + value * len(clips) for name, value in own.items()}
            selected = codeword_counts(quantized, model.quantizer.size, ranks)
            counts = {m: counts.get(m, 0) + each for m, each in selected.items()}
    used = usage(by_level(counts, model.quantizer.levels))
    means = ranks.sum(torch.stack(list(sums.values()))) / (ranks.size * len(split))
    values = to_numbers({**dict(zip(sums, means.unbind(), strict=True)), **used})
    _refuse_nonfinite(values, epoch)
    return {f"{VALIDATION}{name}": value for name, value in values.items()}


def _refuse_nonfinite(values: Mapping[str, float], epoch: int) -> None:
    bad = [f"{VALIDATION}{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise CodaarError(
            f"{', '.join(bad)} after epoch {epoch + 1}; the checkpoint before this epoch is kept",
            "check the features of the held-out clips; data.validation_share = 0 trains on all clips",
        )


def out_of_patience(rows: Sequence[Mapping[str, float]], metric: str, patience: int) -> bool:
    """Return whether ``patience`` epochs have passed since the lowest value of a metric.

    Args:
        rows: Values of the finished epochs.
        metric: ``run.best``.
        patience: ``run.patience``; 0: never.
    """
    values = [row[metric] for row in rows if metric in row]
    return bool(patience and values) and len(values) - 1 - values.index(min(values)) >= patience

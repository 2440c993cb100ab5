"""Training-free choice of code channels (TOC, code of Huang et al., ACL 2025 Findings).

Channels of codewords are scored by how much they differ between codewords; a head then reads some channels only.
Neither the model nor the codebook is trained or changed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from codaar_core.api import ComponentError, HeadContext

SIMILARITY, VARIANCE = -0.7, 0.3  # weights of the released code


def channel_scores(codewords: Tensor) -> Tensor:
    """Score the channels of a codebook: low similarity and high variance over codewords are good.

    With codewords E (K, D): ``sim_d = ((sum_i E_id)^2 - sum_i E_id^2) / (K (K - 1))``, the mean product of two
    different codewords, and ``score_d = -0.7 sim_d + 0.3 var_d`` with the unbiased variance over codewords.

    Args:
        codewords: The codewords (K, D), K > 1.

    Returns:
        Scores (D,), float64.
    """
    wide = codewords.detach().cpu().double()
    count = len(wide)
    similarity = (wide.sum(0).square() - wide.square().sum(0)) / (count * (count - 1))
    return SIMILARITY * similarity + VARIANCE * wide.var(0, correction=1)


def choose_channels(scores: Tensor, channels: int, highest: int, lowest: int) -> Tensor:
    """Choose channels by score, in the proportion ``highest`` : ``lowest`` as released.

    Args:
        scores: Scores (D,).
        channels: Number of channels; ``channels // (highest + lowest)`` parts are taken, so fewer if that has a rest.
        highest: Channels with the highest scores in each part.
        lowest: Channels with the lowest scores in each part.

    Returns:
        Different channels in ascending order, int64; of equal scores the first channel counts as higher.
    """
    parts = channels // (highest + lowest)
    order = scores.argsort(descending=True, stable=True)
    chosen = torch.cat([order[: parts * highest], order[len(order) - parts * lowest :]])
    return chosen.sort().values


def head_channels(context: HeadContext, code: str, channels: int, highest: int, lowest: int) -> Tensor:
    """Choose the channels that a head reads, by the mean score over the modalities of the quantizer.

    Args:
        context: Passed to the head; its quantizer has the codebooks.
        code: "full" or "own", the code that the head reads.
        channels: As in ``choose_channels``, from 1.
        highest: As in ``choose_channels``.
        lowest: As in ``choose_channels``.

    Raises:
        ComponentError: There is no quantizer, it gives several codes a step, or the number of channels does not fit
            the code.
    """
    width = (context.code_space if code == "full" else context.latent).width
    if channels > width:
        raise ComponentError(f"channels = {channels}, but the code has {width} channels", "write at most that many")
    if channels < highest + lowest or not highest + lowest:
        raise ComponentError(
            f"channels = {channels} cannot be divided {highest} : {lowest}",
            "channels_highest + channels_lowest must be between 1 and channels",
        )
    if context.quantizer is None:
        raise ComponentError("the choice of channels needs the quantizer, and this head was built without one")
    if (levels := context.quantizer.levels) > 1:
        raise ComponentError(
            f"channels are chosen by codewords, but each code of this quantizer is a sum of {levels} of them",
            "leave out channels: the head then reads all of them",
        )
    scores = [channel_scores(each) for each in codes_of_modalities(context, code)]
    return choose_channels(torch.stack(scores).mean(0), channels, highest, lowest)


@torch.no_grad()
def codes_of_modalities(context: HeadContext, code: str) -> list[Tensor]:
    """Look up the codes (K, W) of all indices, for each modality."""
    quantizer = context.quantizer
    assert quantizer is not None
    codebooks = quantizer.codebooks()
    if code == "own":
        return list(codebooks.values())
    device = next(iter(codebooks.values())).device
    indices = torch.arange(quantizer.size, device=device).unsqueeze(0)
    return [quantizer.lookup(modality, indices).full[0] for modality in codebooks]

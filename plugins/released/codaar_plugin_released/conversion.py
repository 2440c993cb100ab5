"""Released tensors <-> tensors of the assembled model; tensors are renamed, split and concatenated, not computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from codaar_core.api import CodaarError
from codaar_plugin_released.layout import Row, count_of, layout, shape_of, sizes_of

QUANTIZER = "Encoder/Cross_quantizer"
CODEBOOKS = ("codewords", "sums", "counts", "idle")  # buffers of the quantizer "codebooks"
CLASSES = 142  # outputs of the unused class heads


def to_ours(released: Mapping[str, Tensor], modalities: Sequence[str]) -> dict[str, Tensor]:
    """Give the tensors of a checkpoint our names, and leave out those without effect.

    Raises:
        CodaarError: A tensor is missing, unknown or has a wrong shape.
    """
    rows = layout(modalities)
    sizes_of(released, rows)
    counts = [released[f"{QUANTIZER}.{count_of(modality)}"] for modality in modalities]
    return {row.ours: released[row.released] for row in rows if row.ours} | {
        "quantizer.codewords": released[f"{QUANTIZER}.embedding"].unflatten(1, (len(modalities), -1)),
        "quantizer.sums": released[f"{QUANTIZER}.ema_weight"].unflatten(1, (len(modalities), -1)),
        "quantizer.counts": torch.stack(counts, dim=1),
        "quantizer.idle": released[f"{QUANTIZER}.unactivated_count"].long(),
    }


def to_released(ours: Mapping[str, Tensor], modalities: Sequence[str]) -> dict[str, Tensor]:
    """Give the tensors of a model their released names.

    Tensors without effect are added: zeros, and for unused template layers a copy of the first layer.

    Raises:
        CodaarError: The model has a tensor that is not in the released layout, or lacks one.
    """
    rows = layout(modalities)
    _check_complete(ours, rows, len(modalities))
    tensors = {row.released: ours[row.ours] for row in rows if row.ours in ours} | _codebooks(ours, modalities)
    used = [row for row in rows if row.released in tensors]
    sizes = sizes_of(tensors, used)
    sizes |= {"attention": sizes["dim"], "classes": CLASSES}
    return {row.released: _tensor(row, tensors, sizes) for row in rows}


def _codebooks(ours: Mapping[str, Tensor], modalities: Sequence[str]) -> dict[str, Tensor]:
    counts = ours["quantizer.counts"]
    columns = {count_of(modality): counts[:, column].clone() for column, modality in enumerate(modalities)}
    buffers = {
        "embedding": ours["quantizer.codewords"].flatten(1),
        "ema_weight": ours["quantizer.sums"].flatten(1),
        "ema_count": counts.sum(dim=1),
        "unactivated_count": ours["quantizer.idle"].to(counts.dtype),
        **columns,
    }
    return {f"{QUANTIZER}.{name}": buffer for name, buffer in buffers.items()}


def _check_complete(ours: Mapping[str, Tensor], rows: Sequence[Row], books: int) -> None:
    placed = {row.ours for row in rows if row.ours}
    strange = sorted(name for name in ours if name not in placed and not name.startswith("quantizer."))
    lacking = sorted({*placed, *(f"quantizer.{name}" for name in CODEBOOKS)} - ours.keys())
    shared = not lacking and ours["quantizer.counts"].shape[1:] != (books,)
    faults = [f"{each} is not in the layout" for each in strange] + [f"the model lacks {each}" for each in lacking]
    if faults or shared:
        what = faults[0] if faults else "its modalities do not have a codebook each"
        raise CodaarError(
            f"this model cannot be exported to the released layout: {what}",
            "train with a recipe of recipes/as-published",
        )


def _tensor(row: Row, tensors: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Tensor:
    if row.released in tensors:
        return tensors[row.released]
    if ".encoder_layer." in row.released:
        return tensors[row.released.replace(".encoder_layer.", ".encoder.layers.0.")].clone()
    return tensors[f"{QUANTIZER}.embedding"].new_zeros(shape_of(row, sizes))

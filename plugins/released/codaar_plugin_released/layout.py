"""Tensors of a released checkpoint: name, shape, and name in the assembled model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from codaar_core.api import CodaarError

COLUMNS = ("video", "audio", "text")
"""Order of the modalities' columns in the released codebook matrix."""


class Row(NamedTuple):
    """One tensor.

    Attributes:
        released: Name in the checkpoint, ``module/name``.
        shape: Sizes separated by spaces, e.g. ``3*dim dim``; a name stands for the same size in all rows.
        ours: Name in the assembled model; empty if the tensor has no effect, or if several tensors become one.
    """

    released: str
    shape: str
    ours: str = ""


def layout(modalities: Sequence[str]) -> list[Row]:
    """All tensors of a checkpoint of ``modalities``, which are the first of ``COLUMNS``."""
    rows = [row for modality in modalities for row in _of_modality(modality)] + list(_codebooks(modalities))
    return [row._replace(shape=row.shape.replace("row", f"{len(modalities)}*dim")) for row in rows]


def _of_modality(modality: str) -> Iterator[Row]:
    if modality == "text":
        yield from _words()
    yield from _temporal(modality)
    yield from {"video": _video, "audio": _audio, "text": _text}[modality]()
    yield from _prediction(modality)
    yield from _classifier(modality)


def _temporal(modality: str) -> Iterator[Row]:
    released, ours = f"Encoder/{modality}_self_att", f"encoders.{modality}.temporal"
    features = "2*lstm" if modality == "text" else f"features.{modality}"
    yield from _linear(f"{released}.affine_matrix", f"dim {features}", f"{ours}.widen")
    yield from _layer(f"{released}.encoder_layer", modality)  # the template of the layers, not used itself
    yield from _layer(f"{released}.encoder.layers.0", modality, f"{ours}.layers.0")
    yield from _layer(f"{released}.encoder.layers.1", modality, f"{ours}.layers.1")


def _layer(released: str, modality: str, ours: str = "") -> Iterator[Row]:
    feedforward = f"feedforward.{modality}"
    shapes = {
        "self_attn.in_proj_weight": "3*dim dim",
        "self_attn.in_proj_bias": "3*dim",
        "self_attn.out_proj.weight": "dim dim",
        "self_attn.out_proj.bias": "dim",
        "linear1.weight": f"{feedforward} dim",
        "linear1.bias": feedforward,
        "linear2.weight": f"dim {feedforward}",
        "linear2.bias": "dim",
        "norm1.weight": "dim",
        "norm1.bias": "dim",
        "norm2.weight": "dim",
        "norm2.bias": "dim",
    }
    for name, shape in shapes.items():
        yield Row(f"{released}.{name}", shape, ours and f"{ours}.{name}")


def _linear(released: str, shape: str, ours: str = "") -> Iterator[Row]:
    yield Row(f"{released}.weight", shape, ours and f"{ours}.weight")
    yield Row(f"{released}.bias", shape.split()[0], ours and f"{ours}.bias")


def _video() -> Iterator[Row]:
    encoder, ours = "Encoder/video_semantic_encoder", "encoders.video"
    strength = f"{ours}.channel_attention.strength"
    yield Row(f"{encoder}.se_layer.0.weight", "squeezed features.video", f"{strength}.0.weight")
    yield Row(f"{encoder}.se_layer.2.weight", "features.video squeezed", f"{strength}.2.weight")
    # Spatial attention has no effect: its softmax runs over an axis of size one.
    yield from _linear(f"{encoder}.affine_video_ave", "attention features.video")
    yield from _linear(f"{encoder}.affine_video_self", "attention features.video")
    yield from _linear(f"{encoder}.ave_v_att", "1 attention")
    stack, private = f"{encoder}.spatial_conv_stack", f"{ours}.private_map"
    yield Row(f"{stack}.0.weight", "first features.video 3 3", f"{private}.convolutions.0.weight")
    yield Row(f"{stack}.0.bias", "first", f"{private}.convolutions.0.bias")
    yield from _batch_norm(f"{stack}.1", "first", f"{private}.norms.0")
    yield Row(f"{stack}.3.weight", "private.video first 3 3", f"{private}.convolutions.1.weight")
    yield Row(f"{stack}.3.bias", "private.video", f"{private}.convolutions.1.bias")
    yield from _batch_norm(f"{stack}.4", "private.video", f"{private}.norms.1")

    decoder, ours = "Decoder/Video_decoder", "decoders.video"
    yield from _linear(f"{decoder}.video_linear_1", "code.video row", f"{ours}.code.0")
    yield from _linear(f"{decoder}.video_linear", "code.video code.video", f"{ours}.code.1")
    stack, ours = f"{decoder}.inverse_conv_block", f"{ours}.enlarge"
    yield Row(f"{stack}.0.weight", "code.video+private.video hidden 3 3", f"{ours}.0.weight")
    yield Row(f"{stack}.0.bias", "hidden", f"{ours}.0.bias")
    residual = f"{stack}.1.stack.0.res_block"
    yield Row(f"{residual}.1.weight", "hidden hidden 3 3", f"{ours}.1.branches.0.0.weight")
    yield Row(f"{residual}.3.weight", "hidden hidden 1 1", f"{ours}.1.branches.0.2.weight")
    yield Row(f"{stack}.2.weight", "hidden output 3 3", f"{ours}.2.weight")
    yield Row(f"{stack}.2.bias", "output", f"{ours}.2.bias")
    yield Row(f"{stack}.4.weight", "output features.video 1 1", f"{ours}.4.weight")
    yield Row(f"{stack}.4.bias", "features.video", f"{ours}.4.bias")


def _batch_norm(released: str, width: str, ours: str) -> Iterator[Row]:
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield Row(f"{released}.{name}", width, f"{ours}.{name}")
    yield Row(f"{released}.num_batches_tracked", "", f"{ours}.num_batches_tracked")


def _audio() -> Iterator[Row]:
    private = "private.audio features.audio"
    yield from _linear("Encoder/Audio_encoder.audio_linear", private, "encoders.audio.private_map.0")
    yield from _sequence_decoder("audio", "features.audio")


def _words() -> Iterator[Row]:
    sizes = {"weight_hh": "4*lstm lstm", "bias_ih": "4*lstm", "bias_hh": "4*lstm"}
    for way, suffix in {"forth": "", "back": "_reverse"}.items():
        for layer, read in enumerate(("words", "2*lstm")):
            for name, shape in {**sizes, "weight_ih": f"4*lstm {read}"}.items():
                ours = f"encoders.text.words.layers.{layer}.{way}.{name}_l0"
                yield Row(f"Text_ar_lstm/{name}_l{layer}{suffix}", shape, ours)


def _text() -> Iterator[Row]:
    private = "private.text 2*lstm"
    yield from _linear("Encoder/Text_encoder.text_linear", private, "encoders.text.private_map.0")
    yield from _sequence_decoder("text", "2*lstm")


def _sequence_decoder(modality: str, output: str) -> Iterator[Row]:
    released, ours, code = f"Decoder/{modality.title()}_decoder", f"decoders.{modality}.sequence", f"code.{modality}"
    yield from _linear(f"{released}.{modality}_linear_1", f"{code} row", f"{ours}.code.0")
    yield from _linear(f"{released}.{modality}_linear", f"{code} {code}", f"{ours}.code.1")
    yield from _linear(f"{released}.{modality}_rec", f"{output} {code}+private.{modality}", f"{ours}.output")


def _prediction(modality: str) -> Iterator[Row]:
    shapes = {"weight_ih": "4*dim dim", "weight_hh": "4*dim dim", "bias_ih": "4*dim", "bias_hh": "4*dim"}
    for layer in (0, 1):
        for name, shape in shapes.items():
            tensor = f"{name}_l{layer}"
            yield Row(f"CPC/{modality}_ar_lstm.{tensor}", shape, f"losses.cpc.contexts.{modality}.{tensor}")
    yield from _linear(f"CPC/{modality}_predictors.0", "dim dim", f"losses.cpc.predictors.{modality}")


def _classifier(modality: str) -> Iterator[Row]:
    """Class heads, which no loss trains."""
    yield from _linear(f"Decoder/{modality}_semantic_decoder.linear", "row row")
    yield from _linear(f"Decoder/{modality}_semantic_decoder.event_classifier", "classes row")


def _codebooks(modalities: Sequence[str]) -> Iterator[Row]:
    quantizer = "Encoder/Cross_quantizer"
    yield Row(f"{quantizer}.ema_count", "codes")
    for modality in modalities:
        yield Row(f"{quantizer}.{count_of(modality)}", "codes")
    yield Row(f"{quantizer}.unactivated_count", "codes")
    yield Row(f"{quantizer}.embedding", "codes row")
    yield Row(f"{quantizer}.ema_weight", "codes row")


def count_of(modality: str) -> str:
    """Name of the buffer that counts the assignments to the columns of a modality."""
    return f"ema_count_{modality[0]}"


def sizes_of(tensors: Mapping[str, Tensor], rows: Sequence[Row]) -> dict[str, int]:
    """Sizes of a checkpoint by name; the first tensor with a size sets it.

    Raises:
        CodaarError: A tensor is missing or unknown, has no elements, or its shape does not fit the others.
    """
    _check_names(tensors, rows)
    sizes: dict[str, int] = {}
    for row in rows:
        shape, terms = tuple(tensors[row.released].shape), row.shape.split()
        if 0 in shape:
            raise CodaarError(f"{row.released} has the shape {shape}: an axis without elements")
        if len(shape) == len(terms):
            sizes |= {term: size for term, size in zip(terms, shape, strict=True) if _is_new(term, sizes)}
            if shape == shape_of(row, sizes):
                continue
            expected = str(shape_of(row, sizes))
        else:
            expected = f"{len(terms)} axes"
        raise CodaarError(f"{row.released} has the shape {shape}, but by the other tensors it must be {expected}")
    return sizes


def shape_of(row: Row, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Shape of a tensor from known sizes."""
    return tuple(sum(_product(part, sizes) for part in term.split("+")) for term in row.shape.split())


def _product(part: str, sizes: Mapping[str, int]) -> int:
    factor, _, name = part.rpartition("*")
    return int(factor or 1) * (int(name) if name.isdigit() else sizes[name])


def _is_new(term: str, sizes: Mapping[str, int]) -> bool:
    return not (term in sizes or term.isdigit() or "*" in term or "+" in term)


def _check_names(tensors: Mapping[str, Tensor], rows: Sequence[Row]) -> None:
    known = {row.released for row in rows}
    missing, unknown = sorted(known - tensors.keys()), sorted(tensors.keys() - known)
    if missing:
        raise CodaarError(f"the checkpoint lacks {missing[0]}" + _and_more(missing))
    if unknown:
        raise CodaarError(f"the checkpoint has {unknown[0]}, which is not in the released layout" + _and_more(unknown))


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""

"""Small sizes of a model with three modalities."""

from __future__ import annotations

from codaar_core.api import Space

SPACES = {"video": Space((7, 7, 16), 10), "audio": Space((12,), 10), "text": Space((9,), 10)}
_SHARED = [
    "quantizer.codes=24",
    "quantizer.dim=8",
    "encoders.video.channels=[6, 10]",
    "decoders.video.hidden=8",
    "decoders.video.output_hidden=8",
]
_PER_MODALITY = {
    "video": ["encoders.video.feedforward=16", "decoders.video.code=7"],
    "audio": ["encoders.audio.feedforward=16", "decoders.audio.code=7", "encoders.audio.private=6"],
    "text": [
        "encoders.text.feedforward=16",
        "decoders.text.code=7",
        "encoders.text.private=6",
        "encoders.text.lstm_hidden=4",
    ],
}


def overrides(modalities: tuple[str, ...]) -> list[str]:
    """Overrides that make a recipe small."""
    return [*_SHARED, *(each for modality in modalities for each in _PER_MODALITY[modality])]


SIZES = {
    "attention": 5,
    "classes": 4,
    "codes": 24,
    "dim": 8,
    "features.video": 16,
    "features.audio": 12,
    "words": 9,
    "lstm": 4,
    "squeezed": 2,
    "first": 6,
    "private.video": 10,
    "private.audio": 6,
    "private.text": 6,
    "hidden": 8,
    "output": 8,
    "code.video": 7,
    "code.audio": 7,
    "code.text": 7,
    "feedforward.video": 16,
    "feedforward.audio": 16,
    "feedforward.text": 16,
}
"""The same sizes by the names of the released layout; those of tensors without effect are arbitrary."""

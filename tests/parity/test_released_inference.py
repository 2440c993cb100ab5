"""Codes of one modality alone, from features to codebook rows, against the released inference path."""

from __future__ import annotations

import pytest
import torch
from assembled import assemble, close
from torch import nn

from codaar_core.api import Space
from codaar_core.engine import TrainedModel

conversion = pytest.importorskip("codaar_plugin_released.conversion")
layout = pytest.importorskip("codaar_plugin_released.layout")

SPACES = {"video": Space((7, 7, 16), 10), "audio": Space((12,), 10), "text": Space((20,), 10)}
SIZES = ["quantizer.codes=30", "quantizer.dim=16", "encoders.video.channels=[16, 32]", "encoders.audio.private=16"]
TEXT = ["encoders.text.private=16", "encoders.text.lstm_hidden=10"]


class WordsAreGiven(nn.Module):
    """The stored inputs of text are what the BiLSTM gave."""

    def forward(self, values, mask):
        return values


@pytest.mark.parametrize("recipe", ["av", "avt"])
def test_encoding(recipe, released_numbers):
    released = released_numbers(f"encoder_infer_{recipe}")
    modalities = layout.COLUMNS[: len(recipe)]
    overrides = SIZES + (TEXT if "text" in modalities else [])
    _, model = assemble(f"as-published/{recipe}.toml", {m: SPACES[m] for m in modalities}, overrides)
    if "text" in modalities:
        model.encoders["text"].words = WordsAreGiven()
    given = {f"Encoder/{key[2:]}": value for key, value in released.items() if key.startswith("w_")}
    used = {row.ours: given[row.released] for row in layout.layout(modalities) if row.ours and row.released in given}
    columns = [given[f"{conversion.QUANTIZER}.{layout.count_of(m)}"] for m in modalities]
    codebooks = {
        "quantizer.codewords": given[f"{conversion.QUANTIZER}.embedding"].unflatten(1, (len(modalities), -1)),
        "quantizer.sums": given[f"{conversion.QUANTIZER}.ema_weight"].unflatten(1, (len(modalities), -1)),
        "quantizer.counts": torch.stack(columns, dim=1),
    }
    left = model.load_state_dict({**used, **codebooks}, strict=False)
    assert not left.unexpected_keys
    assert all(name.startswith(("decoders.", "losses.", "quantizer.idle")) for name in left.missing_keys)

    trained = TrainedModel(model)
    for modality in modalities:
        codes = trained.encode({modality: released[f"in_{modality[0]}"]})[modality]
        close(codes.full, released[f"full_{modality[0]}"], 1e-10, modality)
        close(codes.own, released[f"q_{modality[0]}"], 1e-10, modality)

"""Small files in public formats, to try a recipe or test a benchmark without the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
POSITIONS = 40  # longest sentence in word pieces


def write_random_bert(folder: Path, words: Sequence[str], width: int) -> Path:
    """Write a BERT of one layer with fixed random weights in the format of Hugging Face; needs ``transformers``.

    Args:
        folder: Folder of the weights; must not exist.
        words: Vocabulary besides the special tokens, in lower case.
        width: Size of the vectors; a multiple of two.

    Returns:
        ``folder``.
    """
    import transformers

    folder.mkdir(parents=True)
    vocabulary = [*SPECIAL, *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    sizes = {"hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": width}
    config = transformers.BertConfig(vocab_size=len(vocabulary), max_position_embeddings=POSITIONS, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    return folder

"""Fixed vectors of words: sums of a random vector per piece, so that similar words have similar vectors."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NOTHING = "nothing"
PIECES = (2, 3, 4)  # letters


def embed(words: Sequence[str], width: int) -> Tensor:
    """Give a (len(words), width) table of vectors with a mean square of about one; the same on every machine."""
    return torch.from_numpy(np.stack([vector(word, width) for word in words]))


def vector(word: str, width: int) -> np.ndarray:
    """Sum of the vectors of a word's pieces, each drawn with the hash of the piece as seed."""
    drawn = [np.random.default_rng(crc32(piece.encode())).standard_normal(width) for piece in pieces(word)]
    return (np.sum(drawn, axis=0) / len(drawn) ** 0.5).astype(np.float32)


def pieces(word: str) -> list[str]:
    """All sequences of two to four letters, with marked word ends, and the word itself."""
    marked = f"<{word}>"
    return [marked, *(marked[i : i + size] for size in PIECES for i in range(len(marked) - size + 1))]

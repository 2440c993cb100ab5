"""A frozen BERT: sentences -> the vectors of their word pieces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from codaar_core.api import DataError

if TYPE_CHECKING:
    from transformers import BertModel, PreTrainedTokenizerBase

NAME = "bert-base-uncased"
PUBLISHED = (NAME, f"google-bert/{NAME}")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
VOCABULARY = ("tokenizer.json", "vocab.txt")
OPTIONAL = ("tokenizer_config.json", "special_tokens_map.json")
GET_IT = (
    "download it once: hf download bert-base-uncased --include config.json '*.txt' '*.json' model.safetensors; or name "
    "a folder with config.json, vocab.txt and model.safetensors as weights"
)
BATCH = 64


class Pieces(NamedTuple):
    """The word pieces of one sentence, without [CLS] and [SEP]."""

    tokens: np.ndarray  # (n,) int64: ids in the vocabulary
    vectors: np.ndarray  # (n, F) float32: last hidden state


class FrozenBert:
    """BERT as a function of sentences; each process reads the files on first use.

    Args:
        folder: With config.json, vocabulary and weights in the layout of Hugging Face.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[type[FrozenBert], tuple[Path]]:
        """Pickle the folder only: other processes read the files themselves."""
        return FrozenBert, (self.folder,)

    @cached_property
    def width(self) -> int:
        """F of the vectors."""
        config = self.folder / "config.json"
        try:
            return int(json.loads(config.read_text("utf-8"))["hidden_size"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{config} is not a configuration of BERT: {error}", GET_IT) from error

    @property
    def files(self) -> list[Path]:
        """The files that the vectors depend on.

        Raises:
            DataError: Weights or vocabulary are missing.
        """
        return _files(self.folder)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of weights, vocabulary and settings: equal hashes mean equal vectors."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(path.name.encode())
            for block in _blocks(path):
                digest.update(block)
        return digest.hexdigest()

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[Pieces]:
        """Give the pieces of each text; only texts of equal length share a batch, so that there is no padding."""
        tokenizer, model = self._loaded
        tokens = [tokenizer(text, truncation=True)["input_ids"] for text in texts]
        found: dict[int, Pieces] = {}
        for rows in _of_equal_length([len(each) for each in tokens]):
            ids = torch.tensor([tokens[row] for row in rows])
            vectors = model(input_ids=ids).last_hidden_state.float().numpy()
            found |= {row: Pieces(ids[i, 1:-1].numpy(), vectors[i, 1:-1]) for i, row in enumerate(rows)}
        return [found[row] for row in range(len(texts))]

    @cached_property
    def _loaded(self) -> tuple[PreTrainedTokenizerBase, BertModel]:
        _files(self.folder)
        try:
            from transformers import AutoTokenizer, BertModel
        except ImportError as error:
            raise DataError("reading text needs transformers", "pip install 'codaar-plugin-bert[words]'") from error
        try:
            with _quiet():
                tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
                loaded: Any = BertModel.from_pretrained(
                    self.folder, local_files_only=True, add_pooling_layer=False, output_loading_info=True
                )
        except Exception as error:  # transformers and its readers raise many types
            told = " ".join(str(error).split())[:200]
            raise DataError(f"transformers cannot read {self.folder} as BERT: {told}", GET_IT) from error
        model, report = loaded
        if report["missing_keys"]:
            missing = sorted(report["missing_keys"])
            raise DataError(f"{self.folder}: the weights lack {missing[0]} and {len(missing) - 1} more", GET_IT)
        tokenizer.model_max_length = model.config.max_position_embeddings
        return tokenizer, model.eval().float()


def find_bert(weights: str | None) -> Path:
    """Give the folder that ``weights`` names; for None, bert-base-uncased in the user's Hugging Face cache.

    Raises:
        DataError: The folder does not exist; nothing is downloaded.
    """
    if weights is not None:
        folder = Path(weights).expanduser()
        if not folder.is_dir():
            raise DataError(f"the folder {folder} for the weights of BERT does not exist", GET_IT)
        return folder
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError as error:
        raise DataError("finding BERT needs huggingface_hub", "pip install 'codaar-plugin-bert[words]'") from error
    for name in PUBLISHED:
        config = try_to_load_from_cache(name, "config.json")
        if isinstance(config, str):
            return Path(config).parent
    raise DataError("bert-base-uncased is not in the Hugging Face cache of this machine", GET_IT)


def made_by(weights: str | None) -> str:
    """Name of the weights, so that vectors of different weights are not mixed: "bert-base-uncased", or with a checksum.

    Published weights have the plain name, whether in the Hugging Face cache or in a folder. So has a folder without
    weights: the error is raised when sentences are read.
    """
    named = None if weights is None else _checksum(weights)
    return NAME if named in (None, _checksum(None)) else f"{NAME}-{named}"


def _checksum(weights: str | None) -> str | None:
    """Checksum of the file of weights; None if there is none."""
    try:
        folder = find_bert(weights)
        path = next(folder / name for name in WEIGHTS if (folder / name).is_file())
        status = path.stat()
        return _checksum_of_file(path, status.st_size, status.st_mtime_ns)
    except (DataError, OSError, StopIteration):
        return None


@lru_cache
def _checksum_of_file(path: Path, size: int, changed: int) -> str:
    """First digits of SHA-256; cached by size and time of the file."""
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()[:8]


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            yield block


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress progress bars of transformers and its list of unused heads."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def _files(folder: Path) -> list[Path]:
    """The files that the vectors depend on."""
    files = [folder / "config.json"]
    for names, what in ((WEIGHTS, "weights"), (VOCABULARY, "vocabulary")):
        there = [folder / name for name in names if (folder / name).is_file()]
        if not there:
            raise DataError(f"{folder} has no {what} of BERT: neither {' nor '.join(names)}", GET_IT)
        files.append(there[0])
    return files + [folder / name for name in OPTIONAL if (folder / name).is_file()]


def _of_equal_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions in batches of texts of equal length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for _, group in groupby(order, key=lengths.__getitem__):
        rows = list(group)
        yield from (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))

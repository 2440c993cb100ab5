"""Folders of models: where they are, which files matter, and loading without code from the folder or the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from codaar_core.api import DataError

CONFIG = "config.json"
WHOLE = ("model.safetensors", "pytorch_model.bin")
SHARDED = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
PREPARING = (
    *("preprocessor_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt"),
    *("spiece.model", "sentencepiece.bpe.model", "tokenizer.model"),
)
POOLING = "pooler"  # part of the names of tensors that published weights may lack
TRAINING_ONLY = ("masked_spec_embed", "mask_token")
INSTALL = "codaar-plugin-transformers[models]"


def get_it(model: str) -> str:
    """The help of every error about the files of a model."""
    return f"download it once: hf download {model}; or name a folder with {CONFIG}, model.safetensors and its processor"


def find_folder(model: str, revision: str | None) -> Path:
    """The folder of a model: the named one, or that of a model of the hub in the local cache.

    Raises:
        DataError: There is no such folder, and the cache does not have the model; nothing is downloaded.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise DataError(f"{folder} is a folder, which has no revision {revision!r}", "leave revision out")
        return folder
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DataError("finding models needs huggingface_hub", f"pip install '{INSTALL}'") from error
    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except Exception as error:  # huggingface_hub raises many types
        named = model if revision is None else f"{model} ({revision})"
        raise DataError(
            f"there is no folder {named}, and no such model in the Hugging Face cache of this machine", get_it(model)
        ) from error


def files_of(folder: Path, model: str) -> list[Path]:
    """The files that the features depend on: settings, weights, and what prepares inputs.

    Raises:
        DataError: Settings or weights are missing, the folder is an adapter, or an index names files elsewhere.
    """
    if not (folder / CONFIG).is_file():
        raise DataError(f"{folder} has no {CONFIG}", get_it(model))
    if (folder / "adapter_config.json").exists():
        raise DataError(f"{folder} is an adapter of another model", "merge it into the model, and save the whole model")
    preparing = [folder / name for name in PREPARING if (folder / name).is_file()]
    return [folder / CONFIG, *_weights(folder, model), *preparing]


def _weights(folder: Path, model: str) -> list[Path]:
    for whole, index in zip(WHOLE, SHARDED, strict=True):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            return [folder / index, *_shards(folder / index, model)]
    raise DataError(f"{folder} has no weights: neither {' nor '.join(WHOLE)}", get_it(model))


def _shards(index: Path, model: str) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        shards = [index.parent / name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{index} is no index of weights: {error}", get_it(model)) from error
    for name, shard in zip(names, shards, strict=True):
        if Path(name).name != name or not shard.is_file():
            raise DataError(f"{index} names {name!r}, which is not in its folder", get_it(model))
    return shards


class Loaded(NamedTuple):
    """A model, and whether the weights of its pooling layer are missing and therefore random."""

    network: nn.Module
    lacks_pooling: bool


def load_model(folder: Path, model: str, dtype: torch.dtype) -> Loaded:
    """Load a model, frozen, without any code of the folder.

    Safetensors are preferred; other weights are read as tensors only.

    Raises:
        DataError: The files are damaged, of an unknown architecture, lack tensors, or transformers is not installed.
    """
    weights = files_of(folder, model)[1]
    with _read(folder, model):
        from transformers import MODEL_MAPPING, AutoConfig, AutoModel

        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        made: Any = MODEL_MAPPING.get(type(config), None)
        made = made[0] if isinstance(made, tuple) else made
        # named here, because a configuration could name code of the hub
        attention = "sdpa" if getattr(made, "_supports_sdpa", False) else "eager"
        loaded, report = AutoModel.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=".safetensors" in weights.name,
            weights_only=True,
            attn_implementation=attention,
            dtype=dtype,
            output_loading_info=True,
        )
    missing = sorted(report["missing_keys"])
    _refuse_missing(folder, model, missing)
    return Loaded(loaded.eval().requires_grad_(False), any(POOLING in name for name in missing))


def _refuse_missing(folder: Path, model: str, missing: Sequence[str]) -> None:
    """Refuse weights without some tensors that would be random, except those that are not used or refused on use."""
    lacking = [name for name in missing if not any(each in name for each in (POOLING, *TRAINING_ONLY))]
    if lacking:
        raise DataError(f"{folder}: the weights lack {lacking[0]} and {len(lacking) - 1} more tensors", get_it(model))


def load_part(folder: Path, model: str, kind: str) -> Any:
    """Load what prepares inputs.

    Args:
        folder: Folder of the model.
        model: Name of the model for messages.
        kind: "AutoImageProcessor", "AutoFeatureExtractor" or "AutoTokenizer".

    Raises:
        DataError: The folder has none, or it is damaged.
    """
    with _read(folder, model):
        import transformers

        load: Callable[..., Any] = getattr(transformers, kind).from_pretrained
        return load(folder, local_files_only=True, trust_remote_code=False)


@contextmanager
def _read(folder: Path, model: str) -> Iterator[None]:
    """Quiet the library, and turn its errors into one that names the folder."""
    try:
        from transformers.utils import logging
    except ImportError as error:
        raise DataError("models need transformers", f"pip install '{INSTALL}'") from error
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # transformers and its readers raise many types
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"transformers cannot read {folder}: {told}", get_it(model)) from error
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()

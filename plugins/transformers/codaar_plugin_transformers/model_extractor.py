"""Base of the extractors: settings, loading, layers and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn

from codaar_core.api import DataError, Extractor, Space, setting
from codaar_plugin_transformers.model_files import Loaded, files_of, find_folder, load_model, load_part

LAST = -1


@attrs.frozen(kw_only=True)
class ModelSettings:
    """Settings of all extractors here."""

    model: str = setting(help="folder of a model, or name of a model of the hub in the Hugging Face cache")
    revision: str | None = setting(None, "branch, tag or commit of a model of the hub")
    layer: int = setting(
        LAST,
        "layer whose output is taken: -1 the model's last hidden state, 0 the embeddings, n after block n",
        ge(LAST),
    )
    dtype: Literal["float32", "float16", "bfloat16"] = setting(
        "float32", "precision of the model; features are float32"
    )
    batch: int = setting(32, "inputs computed at a time, of several recordings if they are short", ge(1))
    made_by: str | None = setting(None, "tag of the features, or unset for one of model, layer and pool")


class ModelExtractor(Extractor):
    """A model of the transformers library, or the part of it for one kind of input.

    Attributes:
        prepares: Class of transformers that prepares the inputs.
        parts: Names of the submodule to take of models with several.
    """

    prepares: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]

    @property
    def made_by(self) -> str:
        """The setting ``made_by``, or a tag of model, layer and pool."""
        config = self.config
        layer = "last" if config.layer == LAST else f"layer{config.layer}"
        return config.made_by or f"{Path(config.model).name}-{layer}-{config.pool}"

    @property
    def weights(self) -> Sequence[Path]:
        """Files of settings, weights and of what prepares inputs."""
        return files_of(self.folder, self.config.model)

    @cached_property
    def folder(self) -> Path:
        """Folder of the model."""
        return find_folder(self.config.model, self.config.revision)

    @cached_property
    def processor(self) -> Any:
        """What prepares inputs, as the model was trained."""
        return load_part(self.folder, self.config.model, self.prepares)

    @cached_property
    def loaded(self) -> Loaded:
        """The whole model."""
        return load_model(self.folder, self.config.model, getattr(torch, self.config.dtype))

    @cached_property
    def network(self) -> nn.Module:
        """The model, or its part for these inputs, on the device."""
        loaded: Any = self.loaded.network
        part = next((getattr(loaded, name) for name in self.parts if hasattr(loaded, name)), loaded)
        if part is loaded and getattr(loaded.config, "is_encoder_decoder", False):
            part = loaded.get_encoder()
        return part.to(self.device)

    @cached_property
    def output(self) -> Space:
        """Space of the features: what the model gives for an empty input."""
        return Space(tuple(self.example_features().shape[1:]))

    def example_features(self) -> Tensor:
        """Features (T, *shape) of an empty input, which show their shape."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Load the model and what prepares its inputs, and try them.

        Raises:
            DataError: Files are missing or damaged, a library is not installed, or the model has no such layer or pool.
        """
        assert self.processor is not None and self.network is not None
        assert self.output is not None

    def extract(self, source: Path | str) -> Tensor:
        """Turn one source into features (T, *shape)."""
        (found,) = self.extract_each([source])
        if isinstance(found, DataError):
            raise found
        return found

    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each source into features; inputs of several share a batch."""
        raise NotImplementedError

    # Layers and pooling

    def run(self, inputs: dict[str, Tensor]) -> Any:
        """Compute a batch; floating-point inputs take the precision of the model.

        Raises:
            DataError: The inputs do not fit the model.
        """
        dtype = getattr(torch, self.config.dtype)
        moved = {
            name: each.to(self.device, dtype if each.is_floating_point() else None) for name, each in inputs.items()
        }
        try:
            return self.network(**moved, output_hidden_states=self.config.layer != LAST, return_dict=True)
        except (TypeError, ValueError, IndexError) as error:
            raise self.refused(f"does not take such inputs: {' '.join(str(error).split())[:200]}") from error

    def hidden(self, found: Any) -> Tensor:
        """Output of the chosen layer: (B, N, C), or (B, C, H, W) of convolutional models.

        Raises:
            DataError: The model has no such layer.
        """
        layer = self.config.layer
        if layer == LAST:
            return found.last_hidden_state.float()
        layers = found.hidden_states
        if layer >= len(layers):
            raise self.refused(f"has no layer {layer}", f"choose one of 0 to {len(layers) - 1}, or -1")
        return layers[layer].float()

    def pooled(self, found: Any) -> Tensor:
        """Output (B, C) of the model's own pooling.

        Raises:
            DataError: The model has none, or its weights lack it.
        """
        output = getattr(found, "pooler_output", None)
        if output is None or self.config.layer != LAST:
            raise self.refused("has no pooling of its own for this layer", 'set pool = "mean"')
        if self.loaded.lacks_pooling:
            raise self.refused("has no weights of its pooling layer", 'set pool = "mean" or "cls"')
        return output.flatten(1).float()

    def refused(self, what: str, help: str = "choose another model") -> DataError:
        """The error about a model that cannot do what the settings ask for."""
        return DataError(f"the model {self.config.model} {what}", help)

"""Extractor hf-image: a model of pictures, for films and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import torch
from attrs.validators import gt
from torch import Tensor

from codaar_core.api import DataError, setting
from codaar_core.features import FILMS, PICTURES, ClockSettings, first_picture, pyav, timed_frames
from codaar_core.nn import step_means
from codaar_plugin_transformers.model_extractor import ModelExtractor, ModelSettings
from codaar_plugin_transformers.model_files import INSTALL


class ImageExtractor(ModelExtractor):
    """Features of a model of pictures (CLIP, SigLIP, DINOv2, ViT, ResNet, ...), averaged over frames of each step.

    Raises:
        DataError: On first use: files are missing, or the model has no such layer or pool; nothing is downloaded.
    """

    suffixes = (*PICTURES, *FILMS)
    example = {"model": "openai/clip-vit-base-patch32"}
    examples = ({"pool": "map", "layer": 2}, {"pool": "cls", "seconds": 0.5})
    prepares = "AutoImageProcessor"
    parts = ("vision_model", "vision_tower")

    @attrs.frozen(kw_only=True)
    class Config(ModelSettings, ClockSettings):
        """Settings of the hf-image extractor."""

        pool: Literal["mean", "cls", "pooler", "map"] = setting(
            "mean", '"mean" of all cells, "cls" token, "pooler" of the model, or "map" of cells (H, W, C)'
        )
        rate: float = setting(2.0, "frames read of each second", gt(0))

    @property
    def seconds_per_step(self) -> float:
        """The setting ``seconds``."""
        return self.config.seconds

    def prepare(self) -> None:
        """Load the model, and check that PyAV is installed."""
        pyav(INSTALL)
        super().prepare()

    @torch.inference_mode()
    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each film into (T, *shape), each picture into (1, *shape); frames of several share a batch."""
        yield from step_means([Path(source) for source in sources], self._frames, self._features, self.config.batch)

    @torch.inference_mode()
    def example_features(self) -> Tensor:
        """Features of a dark picture."""
        return self._features(self._prepared(np.zeros((64, 64, 3), np.uint8))[None])

    def _frames(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and prepared picture (3, H, W)."""
        if path.suffix.lower() in PICTURES:
            yield 0, self._prepared(first_picture(path, INSTALL))
            return
        samples = max(round(self.config.rate * self.config.seconds), 1)
        last, prepared = None, None
        for step, picture in timed_frames(path, self.config.seconds, samples, INSTALL):
            if picture is not last:
                last, prepared = picture, self._prepared(picture)
            assert prepared is not None
            yield step, prepared

    def _prepared(self, picture: np.ndarray) -> Tensor:
        prepared = self.processor(images=picture, input_data_format="channels_last", return_tensors="pt")
        return prepared["pixel_values"][0]

    def _features(self, pictures: Tensor) -> Tensor:
        found = self.run({"pixel_values": pictures})
        if self.config.pool == "pooler":
            return self.pooled(found)
        hidden = self.hidden(found)
        if hidden.ndim == 4:  # (B, C, H, W) of convolutional models
            return self._of_map(hidden.movedim(1, -1))
        grid = self._grid(pictures)
        first = hidden.shape[1] - grid[0] * grid[1]  # number of tokens before the cells
        if first < 0:
            raise self.refused(
                f"has {hidden.shape[1]} tokens, less than {grid[0]} x {grid[1]} cells", 'set pool="pooler"'
            )
        if self.config.pool == "cls":
            if not first:
                raise self.refused("has no cls token", 'set pool = "mean" or "pooler"')
            return hidden[:, 0]
        return self._of_map(hidden[:, first:].unflatten(1, grid))

    def _of_map(self, cells: Tensor) -> Tensor:
        """Pool cells (B, H, W, C)."""
        if self.config.pool == "cls":
            raise self.refused("has no cls token", 'set pool = "mean" or "pooler"')
        return cells if self.config.pool == "map" else cells.mean((1, 2))

    def _grid(self, pictures: Tensor) -> tuple[int, int]:
        """Rows and columns of cells of prepared pictures (B, 3, H, W)."""
        size: Any = getattr(self.network.config, "patch_size", None)
        if size is None:
            raise self.refused("does not say how large its cells are", 'set pool = "pooler"')
        height, width = (size, size) if isinstance(size, int) else size
        return pictures.shape[-2] // height, pictures.shape[-1] // width

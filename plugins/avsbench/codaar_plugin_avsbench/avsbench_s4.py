"""Benchmark "avsbench-s4" (Zhou et al., ECCV 2022): segment the sounding object, told by audio or by text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import attrs
import numpy as np
import torch
from attrs.validators import ge
from codaar_plugin_bert.frozen_bert import made_by
from codaar_plugin_cmg.modes import TwoModes
from codaar_plugin_cmg.settings import PRETRAINING_EXAMPLES, PublishedSettings
from torch import Tensor

from codaar_core.api import BenchmarkContext, Card, DataError, Metric, Space, setting
from codaar_core.features import FileTrack, RootSettings, RowTrack, Track, agreed_extractor, read_table
from codaar_plugin_avsbench.mask_metrics import LEVELS, batch_mean, f_score, mean_iou
from codaar_plugin_avsbench.random_steps import STEPS, random_steps
from codaar_plugin_avsbench.s4_clips import S4Clips
from codaar_plugin_avsbench.s4_folder import FRAMES, Clip, S4Folder

MODALITIES = ("audio", "text")
SPLITS = {"train": "train", "validation": "val", "test": "test"}  # by role
RELEASED_BATCH = 4  # clips; the released test program averages over batches of them
PUBLISHED = {
    "40k": {
        "audio->text/mean_iou": 0.743,
        "audio->text/f_score": 0.845,
        "text->audio/mean_iou": 0.754,
        "text->audio/f_score": 0.866,
    },
    "90k": {
        "audio->text/mean_iou": 0.765,
        "audio->text/f_score": 0.864,
        "text->audio/mean_iou": 0.760,
        "text->audio/f_score": 0.860,
    },
}
"""Scores of CoDAAR by pretraining list: table 4 of arXiv 2605.12145."""
HOW_TO_GET = (
    "pictures and masks: on request by the form on https://github.com/OpenNLPLab/AVSBench; VGGish features: with those "
    "of https://github.com/haihuangcode/CMG; prompts: with https://github.com/EMuLeMultimodal/CoDAAR; then set root"
)


class AvsbenchS4(TwoModes):
    """AVSBench-S4: segment the sounding object; a head is given the codes of audio, or of a sentence on its category.

    Predictions and targets are masks (N, 5, H, W) of uint8 levels, 255 for certain foreground; training clips have one
    of their first frame only. Mode "strict": audio has one code per second, and scores are over the whole test split.
    Mode "as-published": features pass the random map of the released code, with another one for the test split;
    encoders keep their dropout while heads are trained; scores are means over batches of four clips.
    """

    examples = PRETRAINING_EXAMPLES
    needs = MODALITIES
    released_selection = "target-validation"
    head = "avs-segmentation"
    card = Card(
        title="AVSBench-S4",
        licence="handed out on request; the code of AVSBench is under Apache-2.0, videos stay with their owners",
        how_to_get=HOW_TO_GET,
        homepage="https://opennlplab.github.io/AVSBench/",
    )

    @attrs.frozen(kw_only=True)
    class Config(PublishedSettings, RootSettings):
        """Settings of AVSBench-S4."""

        root: str | None = setting(None, "folder Single-source with s4_meta_data.csv and s4_data; needed to read any")
        audio: str = setting(
            "feature/audio", "folder of the audio features SPLIT/zip/CATEGORY/ID.zip or ID.npy in `root`"
        )
        audio_made_by: str = setting(
            "vggish-relu", "tag of the extractor of the audio features; must match pretraining"
        )
        quantised: bool = setting(False, "whether the audio features are rounded to eight bits")
        prompts: str = setting("AVSBenchCategories2Prompts.csv", "table label,prompt; relative to `root`")
        bert: str | None = setting(None, "folder of BERT's weights; none: bert-base-uncased of the Hugging Face cache")
        cache: str | None = setting(None, "folder where vectors of sentences are stored; none: only in memory")
        keep: str | None = setting(None, "table whose column token_id lists the word pieces to keep; none: all")
        side: int = setting(224, "height and width of the pictures in pixels; other sizes are refused", ge(32))
        map_seed: int = setting(
            123, "seed of the random map of mode as-published; the test split uses the next seed", ge(0)
        )

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.shapes = {modality: context.data.spaces[modality].shape for modality in MODALITIES}

    @property
    def classes(self) -> tuple[str, ...]:
        """One output per pixel."""
        return ("sounding object",)

    @property
    def given(self) -> Space:
        """Five pictures per clip."""
        return Space((FRAMES, 3, self.config.side, self.config.side))

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings state; for text, the tag of BERT's weights.

        Raises:
            DataError: ``extraction.toml`` beside audio features says another extractor, or cannot be read.
        """
        return {"audio": self._sounds_made_by, "text": made_by(self.config.bert)}

    @property
    def _sounds_made_by(self) -> str:
        """Tag of the extractor of the audio features, compared with the ``extraction.toml`` of every folder of them."""
        config = self.config
        for folder in self.folder.sound_folders() if config.root is not None else ():
            agreed_extractor(folder, config.audio_made_by, "audio_made_by")
        return config.audio_made_by

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Mean intersection over union, and F with beta^2 = 0.3 at its best threshold."""
        metrics = {"mean_iou": mean_iou, "f_score": f_score}
        if not self.as_published:
            return metrics
        return {name: partial(batch_mean, metric, RELEASED_BATCH) for name, metric in metrics.items()}

    @property
    def published(self) -> Mapping[str, float]:
        """Scores of CoDAAR; only for models of all three modalities in mode "as-published"."""
        comparable = self.as_published and set(self.modalities) == {"audio", "video", "text"}
        return PUBLISHED.get(self.config.pretraining, {}) if comparable else {}

    @cached_property
    def folder(self) -> S4Folder:
        """Tables, pictures and features."""
        return S4Folder(self._at(""), self._at(self.config.audio))

    def split(self, role: str, modality: str) -> S4Clips:
        """Clips of the official split for a role."""
        clips = self.folder.clips(SPLITS[role])
        self.folder.refuse_incomplete(clips)
        track = self._sounds(clips) if modality == "audio" else self._sentences(clips)
        if self.as_published:
            track = random_steps(track, self.config.map_seed + (role == "test"))
        return S4Clips(self.folder, clips, self.config.side, modality, track)

    def _sounds(self, clips: Sequence[Clip]) -> FileTrack:
        names = [f"{clip.category}/{clip.name}" for clip in clips]
        space = Space(self.shapes["audio"], FRAMES)
        track = FileTrack(
            self.folder.sounds_of(clips[0].split),
            names,
            space,
            quantised=self.config.quantised,
            made_by=self._sounds_made_by,
        )
        absent = [path for clip in range(len(clips)) if not (path := track.path(clip)).exists()]
        if absent:
            raise DataError(
                f"{len(absent):,} of {len(clips):,} clips of {clips[0].split!r} lack audio features, e.g. {absent[0]}",
                HOW_TO_GET,
            )
        return track

    def _sentences(self, clips: Sequence[Clip]) -> Track:
        rows, vectors = self._prompts
        unknown = sorted({clip.category for clip in clips} - rows.keys())
        if unknown:
            raise DataError(f"{self._at(self.config.prompts)} has no prompt for {unknown[0]!r}", "add a row for it")
        return RowTrack(vectors, np.array([rows[clip.category] for clip in clips], np.int64))

    @cached_property
    def _prompts(self) -> tuple[dict[str, int], np.ndarray]:
        """Row of each category, and the word pieces of all prompts (categories, 10, F)."""
        from codaar_plugin_bert.word_pieces import WordPieces

        config = self.config
        table = read_table(self._at(config.prompts), ("label", "prompt"))
        keep = None if config.keep is None else str(self._at(config.keep))
        vectors = WordPieces(config.bert, config.cache, STEPS, keep).features(table.column("prompt"))
        if vectors.shape[2:] != self.shapes["text"]:
            raise DataError(
                f"this BERT gives vectors {vectors.shape[2:]}, pretraining used {self.shapes['text']}",
                "set bert to the BERT folder of pretraining",
            )
        return {label: row for row, label in enumerate(table.column("label"))}, vectors

    def _at(self, path: str) -> Path:
        return self.config.at(path, self.card)

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """No pixel is foreground, or every pixel."""
        return (torch.tensor(level, dtype=target.dtype).expand(target.shape) for level in (0, LEVELS))

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """A random level in each pixel."""
        return torch.randint(1, LEVELS + 1, target.shape, generator=generator, dtype=target.dtype)

"""Data source "files": features that you made yourself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import attrs

from codaar_core.api import Card, ComponentError, DataContext, DataSource, Space
from codaar_core.features import ClipSplit, FileDefects, RandomSplit, Track
from codaar_plugin_files.clips import FileClips
from codaar_plugin_files.previews import ShownSplit
from codaar_plugin_files.settings import FilesSettings


class Files(DataSource):
    """Your own feature files: any modalities, clips of any length, splits by a table, by lists or by shares.

    Splits: "pretrain" and those of the table, the lists or the shares; without any of these, all clips are for
    pretraining. Clips that lack a modality are masked in it.

    Raises:
        ComponentError: The model has a modality that is not in ``features``.
    """

    card = Card(
        title="your own feature files",
        licence="that of your recordings, which CoDAAR does not know",
        how_to_get="extract features of your recordings, e.g. with `codaar data extract`, and set root to their folder",
    )

    example: ClassVar = {
        "features": {"north": "north", "east": "east"},
        "shapes": {"north": (8,), "east": (2, 2, 3)},
        "shares": {"pretrain": 0.6, "validation": 0.2, "test": 0.2},
        "steps": 6,
    }
    examples: ClassVar = (
        {
            "steps": None,
            "rate": {"north": 2.0, "east": 1.0},
            "resample": "mean",
            "absent": "leave-out",
        },
    )

    @attrs.frozen(kw_only=True)
    class Config(FilesSettings):
        """Settings of your own feature files."""

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        unknown = [modality for modality in context.modalities if modality not in config.features]
        if unknown:
            raise ComponentError(
                f"`features` has no {unknown[0]!r}, it has {', '.join(config.features)}",
                "add a folder or file for each modality of the model",
            )
        self.modalities = context.modalities or tuple(config.features)
        self.clips = FileClips(config, self.modalities, self.card)

    @property
    def spaces(self) -> Mapping[str, Space]:
        """As the settings state, else as in the first array of each modality."""
        return self.clips.spaces

    @property
    def extraction(self) -> Mapping[str, str]:
        """As ``made_by`` or ``extraction.toml`` states."""
        return self.clips.extraction

    @property
    def origin(self) -> str:
        """Number of clips and of each defect, the folder, and the number of clips of each split."""
        clips = self.clips
        found = f" ({clips.defects.summary})" if clips.defects else ""
        sizes = ", ".join(f"{len(each):,} {name}" for name, each in clips.division.splits.items())
        return f"{len(clips.known):,} clips of {self.config.root}{found}: {sizes}"

    def split(self, name: str) -> ClipSplit:
        """Open a split."""
        clips, defects = self.clips, self.clips.defects
        chosen = [clip for clip in clips.in_split(name) if self._is_usable(clip)]
        names = {m: [clips.names[m].get(clip, (None,))[0] for clip in chosen] for m in self.modalities}
        return self.opened(chosen, names, {}, defects)

    def opened(
        self,
        ids: Sequence[str],
        names: Mapping[str, Sequence[str | None]],
        targets: Mapping[str, Track],
        defects: FileDefects,
    ) -> ClipSplit:
        """Chosen clips.

        Args:
            ids: Names of the clips.
            names: By modality, the name of the array of each clip; None for a clip without one.
            targets: Labels by modality.
            defects: Defects for the notes of the split.
        """
        tracks = {modality: self.clips.track(modality, each) for modality, each in names.items()}
        rule, steps = self.config.bad_clip_rule(), self.config.steps
        return ShownSplit(
            names, self.clips.shown, ids, tracks, targets, rule, defects, one_clock=True, least_steps=steps or 1
        )

    def inventory(self, name: str) -> Sequence[str]:
        """Lines with the number of clips of each modality in a split, and of each defect."""
        clips = self.clips
        chosen = clips.in_split(name)
        has = [
            f"{m}: {sum(clip in clips.names[m] for clip in chosen):,} of {len(chosen):,} clips are there"
            for m in self.modalities
        ]
        return [*has, *(f"{what}: {count:,}" for what, count in clips.defects.counts.items())]

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the same shapes."""
        return RandomSplit({m: self.spaces[m] for m in self.modalities}, clips, seed)

    def _is_usable(self, clip: str) -> bool:
        return self.config.absent == "mask" or len(self.clips.known[clip]) == len(self.modalities)

"""The clips of a folder: their arrays in each modality, their splits, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from codaar_core.api import Card, DataError, Space
from codaar_core.features import ClipArrays, FileDefect, FileDefects, agreed_extractor, open_clip_arrays
from codaar_plugin_files.clock import ratio_of
from codaar_plugin_files.division import PRETRAIN, TRAIN, Division, by_lists, by_table, divided, hashed, read_groups
from codaar_plugin_files.names import by_clip
from codaar_plugin_files.previews import Shown, ShownSentences, shown_pictures, shown_sounds
from codaar_plugin_files.settings import FilesSettings
from codaar_plugin_files.tables import read_captions
from codaar_plugin_files.tracks import ClockTrack


class FileClips:
    """Clips and splits, each file read on first use.

    Args:
        settings: Paths and rules.
        modalities: Modalities to read; files of others are not opened.
        card: Card of the data source, for messages.
    """

    def __init__(self, settings: FilesSettings, modalities: Sequence[str], card: Card) -> None:
        self.settings = settings
        self.modalities = tuple(modalities)
        self.card = card

    def at(self, path: str) -> Path:
        """A path relative to ``root``.

        Raises:
            DataError: ``root`` is not set.
        """
        return self.settings.at(path, self.card)

    # Arrays

    @cached_property
    def arrays(self) -> Mapping[str, ClipArrays]:
        """Arrays by modality."""
        return {modality: open_clip_arrays(self.at(self.settings.features[modality])) for modality in self.modalities}

    @cached_property
    def names(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """By modality: names of the arrays of each clip that has any."""
        return {modality: by_clip(arrays.entries) for modality, arrays in self.arrays.items()}

    @cached_property
    def known(self) -> Mapping[str, tuple[str, ...]]:
        """The modalities of each clip that has any, in alphabetical order of the clips."""
        found: dict[str, list[str]] = {}
        for modality, names in self.names.items():
            for clip in names:
                found.setdefault(clip, []).append(modality)
        return {clip: tuple(found[clip]) for clip in sorted(found)}

    @cached_property
    def spaces(self) -> Mapping[str, Space]:
        """Spaces as the settings state, else as in the first array of each modality."""
        stated = self.settings.shapes
        shapes = (
            stated if stated is not None else {modality: self._first_shape(modality) for modality in self.modalities}
        )
        return {modality: Space(tuple(shapes[modality]), self.settings.steps) for modality in self.modalities}

    def _first_shape(self, modality: str) -> tuple[int, ...]:
        arrays = self.arrays[modality]
        if not arrays.entries:
            raise DataError(f"{arrays.path} has no clips", "name a folder or file with features")
        name = next(iter(arrays.entries))
        shape = arrays.shape(name)
        if len(shape) < 2 or 0 in shape:
            raise DataError(
                f"{arrays.where(name)}: expected (steps, ...), its shape is {shape}",
                "store one row per step; if each clip is a single step, state `shapes`",
            )
        return shape[1:]

    def track(self, modality: str, names: Sequence[str | None]) -> ClockTrack:
        """Features of chosen arrays on the clock; None stands for a clip without array."""
        settings, rate = self.settings, self.settings.rate
        ratio = ratio_of(rate[modality], self.clock) if rate else ratio_of(1, 1)
        shape = self.spaces[modality].shape
        return ClockTrack(
            self.arrays[modality], names, shape, ratio, settings.resample, settings.steps, settings.most_steps
        )

    @property
    def clock(self) -> float:
        """Steps per second of all modalities; 1 where no rate is stated."""
        return self.settings.clock or min((self.settings.rate or {"": 1.0}).values())

    @property
    def extraction(self) -> Mapping[str, str]:
        """Extractors of the features, where the settings or ``extraction.toml`` state them.

        Raises:
            DataError: They contradict each other, or ``extraction.toml`` cannot be read.
        """
        stated = self.settings.made_by or {}
        found = dict(stated)
        for modality in self.modalities if self.settings.root is not None else ():
            path = self.at(self.settings.features[modality])
            agreed = agreed_extractor(path, stated.get(modality), f"made_by.{modality}")
            if agreed is not None:
                found[modality] = agreed
        return found

    @property
    def shown(self) -> Mapping[str, Shown]:
        """By modality: what `codaar atlas` shows of the clips."""
        settings, seconds = self.settings, 1 / self.clock
        return {
            **{m: shown_pictures(self.at(folder), seconds) for m, folder in (settings.pictures or {}).items()},
            **{m: shown_sounds(self.at(folder), seconds) for m, folder in (settings.sounds or {}).items()},
            **{m: ShownSentences(self.at(table)) for m, table in (settings.sentences or {}).items()},
        }

    # Splits

    @cached_property
    def division(self) -> Division:
        """The clips of each split; without a rule, all are for pretraining."""
        settings, clips, groups = self.settings, self.known, self._groups
        if settings.shares is not None:
            return hashed(tuple(clips), settings.shares, groups, settings.draw)
        if settings.splits is not None:
            return divided(by_table(self.at(settings.splits)), clips, groups)
        if settings.lists is not None:
            return divided(by_lists({split: self.at(path) for split, path in settings.lists.items()}), clips, groups)
        return Division({PRETRAIN: tuple(clips)})

    def in_split(self, name: str) -> tuple[str, ...]:
        """Clips of a split; "pretrain" and "train" stand for each other where the data have only one of them.

        Raises:
            DataError: There is no such split, or it is empty.
        """
        splits = self.division.splits
        other = {PRETRAIN: TRAIN, TRAIN: PRETRAIN}.get(name, name)
        clips = splits.get(name, splits.get(other))
        if clips is None:
            raise DataError(
                f"the clips of {self.settings.root} have no split {name!r}",
                f"they have {', '.join(splits)}; set `splits`, `lists` or `shares`",
            )
        if not clips:
            raise DataError(f"the split {name!r} of {self.settings.root} has no clips", self._help_for_empty_split())
        return clips

    def _help_for_empty_split(self) -> str:
        if self.settings.shares is None:
            return "correct `splits` or `lists`"
        groups = len(set(self._groups.values())) or len(self.known)
        drawn = f"`shares` draws the split of each of {groups:,} {self.settings.group or 'clip'}s by itself"
        return f"{drawn}: set another `draw` or larger shares; with few, state `splits`"

    @cached_property
    def _groups(self) -> Mapping[str, str]:
        """Group of each clip; empty without groups."""
        settings = self.settings
        return read_groups(self.at(settings.clips), settings.group, self.known) if settings.group else {}

    @cached_property
    def defects(self) -> FileDefects:
        """Tolerated defects of the tables, and clips without one of the modalities."""
        captions = self.settings.captions
        lacking = (
            FileDefect(f"clip without {modality}", str(self.arrays[modality].path), clip)
            for clip, has in self.known.items()
            for modality in self.modalities
            if modality not in has
        )
        compared = FileDefects() if captions is None else read_captions(self.at(captions), self.known)
        return self.division.defects + FileDefects(tuple(lacking)) + compared

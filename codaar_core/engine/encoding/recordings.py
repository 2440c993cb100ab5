"""Recordings -> features in the folder of the parts, which are then encoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codaar_core.api import CodaarError
from codaar_core.engine.data.extraction import UnreadableRecordings, extract_features
from codaar_core.engine.encoding.parts import Parts
from codaar_core.engine.model_folder import Device
from codaar_core.features.packed.writing import Progress


class Recordings(NamedTuple):
    """Recordings of one modality."""

    modality: str
    extractor: str
    folder: Path


class ExtractedRecordings(NamedTuple):
    """Features of recordings.

    Attributes:
        folders: Modality, folder of the features, and description of the clips.
        bad: Reason for each recording that was left out, by id.
    """

    folders: list[tuple[str, Path, str]]
    bad: dict[str, str]


def extract_recordings(
    recordings: Sequence[Recordings],
    settings: Sequence[str],
    parts: Parts,
    device: Device,
    bad_clips: str,
    plugins: Sequence[Path | str],
    progress: Progress,
) -> ExtractedRecordings:
    """Extract the features of recordings; those of an earlier, interrupted call are kept.

    Args:
        recordings: What is extracted.
        settings: ``MODALITY.SETTING=VALUE``.
        parts: Features are written into their folder, and removed with it.
        device: Device of the extractors.
        bad_clips: Whether unreadable recordings are an error ("refuse") or left out ("skip").
        plugins: Python files of local components.
        progress: Called with the number of recordings done and the total, for each modality.

    Raises:
        CodaarError: As for ``extract_features``; or a setting does not name a modality of ``recordings``.
    """
    _refuse_foreign_settings(settings, [each.modality for each in recordings])
    folders: list[tuple[str, Path, str]] = []
    bad: dict[str, str] = {}
    for each in recordings:
        to = parts.folder / f"features-{each.modality}"
        own = [one.partition(".")[2] for one in settings if one.startswith(f"{each.modality}.")]
        try:
            extract_features(each.extractor, each.folder, to, own, plugins, device, progress)
        except UnreadableRecordings as error:
            if bad_clips == "refuse":
                raise CodaarError(error.message, f"{error.help}; --bad-clips skip leaves them out") from error
            bad |= error.reasons
        folders.append((each.modality, to, f"{each.folder}, {each.extractor}"))
    return ExtractedRecordings(folders, bad)


def _refuse_foreign_settings(settings: Sequence[str], modalities: Sequence[str]) -> None:
    for setting in settings:
        if setting.partition(".")[0] not in modalities:
            raise CodaarError(
                f"extractor setting {setting!r} does not match any modality with recordings",
                "write MODALITY.SETTING=VALUE and give --recordings MODALITY EXTRACTOR FOLDER",
            )

"""Settings of data sources and benchmarks on the features that CMG and CoDAAR released.

``codaar validate`` reads these classes from source without importing torch: annotations and defaults use only the
standard library, attrs and ``codaar_core.api``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

from codaar_core.api import Card, Space, setting
from codaar_core.features import ClipFileSettings, FileTrack


@attrs.frozen(kw_only=True)
class AudioVideoSettings(ClipFileSettings):
    """Base of a ``Config`` with the extractors of audio and video features, whose paths are settings of these names."""

    audio_made_by: str = setting("vggish-relu", "tag of the extractor of the audio features; must match pretraining")
    video_made_by: str = setting(
        "keras-vgg19-pool5", "tag of the extractor of the video features; must match pretraining"
    )
    quantised: bool = setting(False, "whether the audio features are rounded to eight bits")

    def extraction(self) -> dict[str, str]:
        """Tags of the extractors by modality; released feature files do not state them.

        Raises:
            DataError: ``extraction.toml`` beside features says another extractor, or cannot be read.
        """
        return {modality: self.made_by(modality) for modality in ("audio", "video")}

    def made_by(self, modality: str) -> str:
        """Tag of the extractor of "audio" or "video".

        Raises:
            DataError: As ``extraction``.
        """
        setting = f"{modality}_made_by"
        return self.agreed_extractor(getattr(self, modality), getattr(self, setting), setting)


@attrs.frozen(kw_only=True)
class AudioVideoFolders(AudioVideoSettings):
    """Base of a ``Config`` with folders of audio and video features, one file per clip."""

    audio: str = setting("feature/audio/zip", "folder of the audio features ID.zip or ID.npy; relative to `root`")
    video: str = setting("feature/video/zip", "folder of the video features ID.zip or ID.npy; relative to `root`")
    channels: Literal["last", "first"] = setting("last", "position of the channel axis in the video feature files")

    def track(self, ids: Sequence[str], modality: str, space: Space, card: Card) -> FileTrack:
        """Features of some clips in "audio" or "video".

        Only audio features are checked for rounding to eight bits: released video features contain whole numbers.

        Raises:
            DataError: ``root`` is not set, or ``extraction.toml`` beside the features says another extractor.
        """
        folder, made_by = self.at(getattr(self, modality), card), self.made_by(modality)
        if modality == "audio":
            return FileTrack(folder, ids, space, quantised=self.quantised, made_by=made_by)
        return FileTrack(folder, ids, space, channels=self.channels, quantised=True, made_by=made_by)


@attrs.frozen(kw_only=True, slots=False)  # without slots it can stand beside another base
class PublishedSettings:
    """Base of a ``Config`` with the choice of published scores."""

    pretraining: Literal["40k", "90k", "other"] = setting(
        "40k", "size of the pretraining list whose published CoDAAR scores are shown; other: none"
    )


PRETRAINING_EXAMPLES = ({"pretraining": "90k"}, {"pretraining": "other"})
"""``Component.examples`` of a benchmark with ``PublishedSettings``."""

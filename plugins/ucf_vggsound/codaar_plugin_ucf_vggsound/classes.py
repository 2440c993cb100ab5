"""The classes that UCF101 and VGGSound share, in the order of the released class files."""

from __future__ import annotations

from pathlib import Path

from codaar_core.api import DataError
from codaar_core.features import read_names

PAIRS = {
    "PlayingGuitar": "playing acoustic guitar",
    "PlayingCello": "playing cello",
    "Skiing": "skiing",
    "TableTennisShot": "playing table tennis",
    "Typing": "typing on typewriter",
    "JumpRope": "rope skipping",
    "FrisbeeCatch": "playing frisbee",
    "PlayingFlute": "playing flute",
    "PlayingPiano": "playing piano",
    "Basketball": "basketball bounce",
    "Bowling": "bowling impact",
    "PlayingSitar": "playing sitar",
    "VolleyballSpiking": "playing volleyball",
    "PlayingTabla": "playing tabla",
    "SkateBoarding": "skateboarding",
    "PlayingViolin": "playing violin",
}
"""Names in UCF101 and in VGGSound. The released lists have no clip of Bowling and none of playing frisbee."""


def refuse_other_classes(path: Path, classes: tuple[str, ...]) -> None:
    """Refuse an optional class file beside the lists that has other classes or another order.

    Raises:
        DataError: The class file differs, so the lists may use other labels.
    """
    if path.is_file() and read_names(path) != classes:
        raise DataError(
            f"{path} has other classes or another order than the CoDAAR release",
            f"take the class file of that release, or remove it; expected {', '.join(classes)}",
        )

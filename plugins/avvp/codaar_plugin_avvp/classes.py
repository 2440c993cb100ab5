"""Event names in the order of the released class files, which is the order of the labels; background is last."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from codaar_core.api import DataError
from codaar_core.features import read_names

AVVP = (
    "Fire_alarm",
    "Accordion",
    "Frying_(food)",
    "Baby_laughter",
    "Speech",
    "Helicopter",
    "Banjo",
    "Chainsaw",
    "Violin_fiddle",
    "Acoustic_guitar",
    "Car",
    "Dog",
    "Baby_cry_infant_cry",
    "Cat",
    "Cheering",
    "Cello",
    "Lawn_mower",
    "Vacuum_cleaner",
    "Clapping",
    "Telephone_bell_ringing",
    "Chicken_rooster",
    "Motorcycle",
    "Singing",
    "Basketball_bounce",
    "Blender",
)

IN_AVE = {
    "Dog": "Bark",
    "Car": "Race car, auto racing",
    "Helicopter": "Helicopter",
    "Violin_fiddle": "Violin, fiddle",
    "Frying_(food)": "Frying (food)",
    "Motorcycle": "Motorcycle",
    "Acoustic_guitar": "Acoustic guitar",
    "Banjo": "Banjo",
    "Baby_cry_infant_cry": "Baby cry, infant cry",
    "Chainsaw": "Chainsaw",
    "Cat": "Cat",
    "Accordion": "Accordion",
}
"""Events that AVE has as well -> their names in AVE."""

BACKGROUND = "background"


def refuse_other_order(path: Path, classes: tuple[str, ...]) -> None:
    """Refuse an optional class file beside the tables that has other classes or another order.

    Raises:
        DataError: The class file differs, so label files of that folder may use another order.
    """
    found = read_names(path) if path.is_file() else classes
    for line, (name, expected) in enumerate(zip_longest(found, classes), start=1):
        if name != expected:
            raise DataError(
                f"{path}:{line}: expected the class {expected!r}, found {name!r}",
                "take the class file of the CoDAAR release, or remove it; its order is the order of the labels",
            )

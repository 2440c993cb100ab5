"""RootSettings, ClipFileSettings

The settings of a data source that reads files of the user:
"""

from pathlib import Path

import attrs

from codaar_core.api import Card, DataError, setting
from codaar_core.features import ClipFileSettings, RootSettings


@attrs.frozen(kw_only=True)
class Config(ClipFileSettings):
    """Settings of a data source."""

    sound: str = setting("sound", "folder of the sound features, below root")


card = Card(title="barks", licence="CC0-1.0", how_to_get="record a dog")
config = Config(root="release", bad_clips="skip")
assert config.at(config.sound, card) == Path("release/sound")
assert config.bad_clip_rule().action == "skip"
try:
    RootSettings().at("sound", card)
except DataError as error:
    assert error.help == "record a dog"

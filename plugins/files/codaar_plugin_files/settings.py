"""Settings of the data source ``files``.

``codaar validate`` reads these classes from source without importing torch: annotations and defaults use only the
standard library, attrs and ``codaar_core.api``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs
from attrs.validators import and_, deep_iterable, deep_mapping, ge, gt, instance_of, le, min_len, optional

from codaar_core.api import setting
from codaar_core.features import ClipFileSettings

FASTEST = 1e6  # steps per second
MOST_STEPS = 1_000_000

Check = Callable[[Any, "attrs.Attribute[Any]", Any], Any]
_name: Check = instance_of(str)
_rate: Check = and_(gt(0.0), le(FASTEST))
_share: Check = and_(ge(0.0), le(1.0))


def _sum_to_one(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, float]) -> None:
    if abs(sum(value.values()) - 1) > 1e-6:
        raise ValueError(f"'{attribute.name}' must sum to 1, the sum is {sum(value.values()):g}")


def _only_one(config: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Validate that the clips are divided in one way."""
    given = [name for name in ("shares", "splits", "lists") if getattr(config, name) is not None]
    if value is not None and given and given[0] != attribute.name:
        raise ValueError(
            f"'{attribute.name}' cannot stand beside {given[0]!r}, because clips are divided in one way; "
            f'an inherited one is removed by unset = ["data.{given[0]}"]'
        )


def _known(config: Any, attribute: attrs.Attribute[Any], value: Mapping[str, object]) -> None:
    """Validate that all names of a table are modalities."""
    unknown = [name for name in value if name not in config.features]
    if unknown:
        has = ", ".join(config.features)
        raise ValueError(f"'{attribute.name}' has {unknown[0]!r}, which is not in `features`; they are {has}")


def _all(config: Any, attribute: attrs.Attribute[Any], value: Mapping[str, object]) -> None:
    """Validate that every modality has a value."""
    missing = [name for name in config.features if name not in value]
    if missing:
        raise ValueError(f"'{attribute.name}' has no value for {missing[0]!r}")


def _shown_once(config: Any, attribute: attrs.Attribute[Any], value: Mapping[str, object]) -> None:
    """Validate that no modality is shown in two ways."""
    for other in ("pictures", "sounds", "sentences"):
        both = value.keys() & (getattr(config, other) or {}).keys() if other != attribute.name else ()
        if both:
            raise ValueError(f"'{attribute.name}' and {other!r} both have {min(both)!r}; keep one of them")


@attrs.frozen(kw_only=True)
class FilesSettings(ClipFileSettings):
    """Settings of your own feature files."""

    features: Mapping[str, str] = setting(
        help="by modality: folder with one file per clip, pattern with *, or file with all clips; relative to `root`",
        check=and_(min_len(1), deep_mapping(_name, and_(_name, min_len(1)))),
    )
    shapes: Mapping[str, tuple[int, ...]] | None = setting(
        None,
        "shape of one step by modality; none: as in the first clip",
        optional(and_(deep_mapping(_name, and_(min_len(1), deep_iterable(ge(1)))), _known, _all)),
    )
    rate: Mapping[str, float] | None = setting(
        None,
        "steps per second by modality; none: step i of all modalities is the same time",
        optional(and_(deep_mapping(_name, _rate), _known, _all)),
    )
    clock: float | None = setting(
        None, "steps per second of all modalities after resampling; none: the lowest `rate`", optional(_rate)
    )
    resample: Literal["nearest", "mean"] = setting(
        "nearest", "a step of the clock is the nearest step in time, or the mean of the steps in it"
    )
    steps: int | None = setting(
        None,
        "steps of every clip, longer ones cut off, shorter ones padded; none: padded to the longest of a batch",
        optional(and_(ge(1), le(MOST_STEPS))),
    )
    most_steps: int = setting(
        10_000,
        "largest number of steps of a clip without `steps`; a longer one cannot be read",
        and_(ge(1), le(MOST_STEPS)),
    )
    absent: Literal["mask", "leave-out"] = setting(
        "mask", "clips that lack a modality: all its steps are masked, or the clip is left out"
    )
    splits: str | None = setting(None, "table id,split that divides the clips; relative to `root`", optional(_only_one))
    lists: Mapping[str, str] | None = setting(
        None,
        "by split: file with one id per line; relative to `root`",
        optional(and_(min_len(1), deep_mapping(_name, _name), _only_one)),
    )
    shares: Mapping[str, float] | None = setting(
        None,
        "by split: share of the groups, drawn by a hash of their names that new clips do not change",
        optional(and_(min_len(1), deep_mapping(_name, _share), _sum_to_one, _only_one)),
    )
    draw: int = setting(0, "number of the draw of `shares`: another one divides the groups anew", ge(0))
    clips: str = setting("clips.csv", "table of clips with the column `group`; relative to `root`")
    group: str = setting("", "column of `clips` whose clips are never divided between splits; empty: each clip alone")
    captions: str | None = setting(None, "table id,text whose ids are compared with the clips; relative to `root`")
    pictures: Mapping[str, str] | None = setting(
        None,
        "by modality: folder of the films or pictures that `codaar atlas` shows; relative to `root`",
        optional(and_(deep_mapping(_name, _name), _known)),
    )
    sounds: Mapping[str, str] | None = setting(
        None,
        "by modality: folder of the films or sounds that `codaar atlas` plays; relative to `root`",
        optional(and_(deep_mapping(_name, _name), _known, _shown_once)),
    )
    sentences: Mapping[str, str] | None = setting(
        None,
        "by modality: table id,text that `codaar atlas` shows; relative to `root`",
        optional(and_(deep_mapping(_name, _name), _known, _shown_once)),
    )
    made_by: Mapping[str, str] | None = setting(
        None,
        "by modality: extractor of the features; none: as extraction.toml beside them states",
        optional(and_(deep_mapping(_name, _name), _known)),
    )

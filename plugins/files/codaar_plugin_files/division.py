"""Divides clips into splits: by a table, by lists, or by a stable hash of a group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, read_lines, read_table

PRETRAIN, TRAIN = "pretrain", "train"
TRAINING = (PRETRAIN, TRAIN)  # splits that may share clips
HASH_BITS = 64


@attrs.frozen
class Place:
    """One row of a table or list: a clip and its split."""

    clip: str
    split: str
    where: str  # file and line


@attrs.frozen
class Division:
    """The clips of each split, in order."""

    splits: Mapping[str, tuple[str, ...]]
    defects: FileDefects = FileDefects()


def by_table(path: Path) -> list[Place]:
    """Read a table with the columns id and split.

    Raises:
        DataError: It is missing, lacks a column, or has a malformed row.
    """
    table = read_table(path, ("id", "split"))
    if table.defects:
        raise DataError(str(table.defects.each[0]), "write id and split into each row")
    return [Place(row["id"], row["split"], f"{path}:{row.line}") for row in table]


def by_lists(paths: Mapping[str, Path]) -> list[Place]:
    """Read one list of ids per split, one id per line.

    Raises:
        DataError: A list is missing or empty.
    """
    return [place for split, path in paths.items() for place in _listed(split, path)]


def _listed(split: str, path: Path) -> list[Place]:
    lines = enumerate(map(str.strip, read_lines(path)), 1)
    places = [Place(line, split, f"{path}:{number}") for number, line in lines if line]
    if not places:
        raise DataError(f"{path} is empty", "write one id per line")
    return places


def divided(places: Iterable[Place], known: Mapping[str, object], groups: Mapping[str, str]) -> Division:
    """Divide clips as a table or lists state.

    Args:
        places: Its rows.
        known: The clips that have features.
        groups: Group of each clip; empty without groups.

    Returns:
        The splits; repeated rows, ids without features and clips in no split are defects.

    Raises:
        DataError: A clip or a group is in two splits that may not share clips.
    """
    placed = list(places)
    seen: dict[tuple[str, str], Place] = {}
    defects: list[FileDefect] = []
    for place in placed:
        if place.clip not in known:
            defects.append(FileDefect("id without features left out", place.where, place.clip))
        elif seen.setdefault((place.split, place.clip), place) is not place:
            defects.append(FileDefect("repeated id left out", place.where, place.clip))
    _refuse_shared(seen.values(), "clip", {place.clip: place.clip for place in placed})
    _refuse_shared(seen.values(), "group", groups)
    inside = {clip for _, clip in seen}
    defects += [FileDefect("clip in no split", clip) for clip in known if clip not in inside]
    names = dict.fromkeys(place.split for place in placed)
    splits = {name: tuple(clip for split, clip in seen if split == name) for name in names}
    return Division(splits, FileDefects(tuple(defects)))


def _refuse_shared(places: Iterable[Place], what: str, groups: Mapping[str, str]) -> None:
    """Refuse a group in two splits; "pretrain" and "train" may share clips, because heads are trained on both."""
    first: dict[str, Place] = {}
    for place in places:
        group = groups.get(place.clip)
        if group is None:
            continue
        other = first.setdefault(group, place)
        if other.split != place.split and not {other.split, place.split} <= set(TRAINING):
            raise DataError(
                f"{place.where}: the {what} {group!r} is in {place.split!r}, and in {other.split!r} by {other.where}",
                f"keep each {what} in one split",
            )


def hashed(clips: Sequence[str], shares: Mapping[str, float], groups: Mapping[str, str], draw: int) -> Division:
    """Divide clips by a hash of the names of their groups: new clips do not move others to another split.

    Args:
        clips: All clips.
        shares: Share of each split; they sum to 1.
        groups: Group of each clip; empty: each clip is a group.
        draw: Number of the draw.
    """
    ends = list(accumulate(shares.values()))
    chosen = {group: _split_of(group, list(shares), ends, draw) for group in {groups.get(clip, clip) for clip in clips}}
    splits: dict[str, list[str]] = {name: [] for name in shares}
    for clip in clips:
        splits[chosen[groups.get(clip, clip)]].append(clip)
    return Division({name: tuple(members) for name, members in splits.items()})


def _split_of(group: str, names: Sequence[str], ends: Sequence[float], draw: int) -> str:
    digest = hashlib.sha256(f"{draw}:{group}".encode()).digest()
    point = int.from_bytes(digest[: HASH_BITS // 8], "big") / 2**HASH_BITS
    return next((name for name, end in zip(names, ends, strict=True) if point < end), names[-1])


def read_groups(path: Path, column: str, clips: Iterable[str]) -> dict[str, str]:
    """Read the group of each clip.

    Raises:
        DataError: The table is missing, lacks a column or the row of a clip, or gives a clip two groups.
    """
    groups: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in read_table(path, ("id", column)):
        clip, group = row["id"], row[column]
        if groups.setdefault(clip, group) != group:
            raise DataError(
                f"{path}:{row.line}: the clip {clip!r} has the {column} {group!r}, and {groups[clip]!r} in line "
                f"{lines[clip]}",
                "write one row per clip",
            )
        lines.setdefault(clip, row.line)
    without = [clip for clip in clips if clip not in groups]
    if without:
        raise DataError(
            f"{path}: {len(without):,} clips have no {column}, e.g. {without[0]!r}",
            "add a row for each clip: one without group might be in two splits",
        )
    return groups

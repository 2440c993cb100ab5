"""Turns the content of an atlas into one HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import attrs
import numpy as np

from codaar_core.report.atlas.agreement import Agreement
from codaar_core.report.atlas.codebook_map import CodebookMap
from codaar_core.report.atlas.codes import ClipCodes
from codaar_core.report.atlas.codewords import Step, Use, by_use
from codaar_core.report.atlas.previews import Previews

LETTERS = 6_000_000  # of the codes of all clips; of more clips, only those shown for a codeword are in the page
NARROW = 2**16 - 1  # codebooks of fewer codewords have codes of two bytes
Values = dict[str, Any]


@attrs.frozen(eq=False)
class ModalityAtlas:
    """One modality.

    Attributes:
        codes: The codes of its clips.
        labels: Class of each time step (N, T), negative where there is none; None without labels.
        use: How it uses the codewords.
    """

    codes: ClipCodes
    labels: np.ndarray | None
    use: Use


@attrs.frozen(eq=False, kw_only=True)
class Atlas:
    """The content of the page.

    Attributes:
        name: Name of the run.
        model: The model's folder.
        checkpoint: Its checkpoint.
        weights: SHA-256 of its weights.
        clips: Where the clips come from.
        size: Number of codewords K.
        classes: Names of the classes; empty without labels.
        modalities: What is shown of each modality.
        previews_of_steps: Numbers of previews by modality, clip and time step.
        agreement: Index agreement of the levels by pair of modalities, of those with the same clips.
        map: The map of codebooks; None if they cannot be drawn together.
        benchmarks: What the run predicted.
        previews: All previews.
        problems: What cannot be shown and why.
    """

    name: str
    model: str
    checkpoint: str
    weights: str
    clips: str
    size: int
    classes: Sequence[str]
    modalities: Mapping[str, ModalityAtlas]
    previews_of_steps: Mapping[tuple[str, int, int], int]
    agreement: Mapping[tuple[str, str], Sequence[Agreement]]
    map: CodebookMap | None
    benchmarks: Sequence[Values]
    previews: Previews
    problems: Mapping[str, None]


def render(atlas: Atlas) -> str:
    """Make the page; its only script is its own, and no string of the atlas becomes markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("codaar_core.report.atlas"), autoescape=True, undefined=StrictUndefined
    )
    style, script = _file("atlas.css"), _file("atlas.js")
    return environment.get_template("atlas.html").render(
        title=atlas.name,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=embedded(values(atlas)),
    )


def embedded(content: Values) -> str:
    """JSON that can stand inside a script element: no character of it can end the element."""
    written = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _file(name: str) -> str:
    return files("codaar_core.report.atlas").joinpath("templates").joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    """Hash of an inline style or script for the Content-Security-Policy."""
    return f"sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}"


def values(atlas: Atlas) -> Values:
    """The content as JSON values; the names are those that templates/atlas.js reads."""
    order = by_use({m: each.use for m, each in atlas.modalities.items()})
    whole = _letters_of_codes(atlas) <= LETTERS
    return {
        "name": atlas.name,
        "model": atlas.model,
        "checkpoint": atlas.checkpoint,
        "weights": atlas.weights,
        "clips": atlas.clips,
        "size": atlas.size,
        "classes": list(atlas.classes),
        "order": order,
        "modalities": [_modality(atlas, name, whole) for name in atlas.modalities],
        "wide": atlas.size >= NARROW,
        "agreement": [each for pair in atlas.agreement for each in _agreements(atlas, *pair)],
        "map": _map(atlas),
        "benchmarks": list(atlas.benchmarks),
        "previews": atlas.previews.entries,
        "problems": [*atlas.problems, *atlas.previews.problems],
    }


def _modality(atlas: Atlas, name: str, whole: bool) -> Values:
    """Counts, labels, nearest steps and codes: of all clips if ``whole``, else of those shown for a codeword."""
    each = atlas.modalities[name]
    nearest = [[_step(atlas, name, step) for step in steps] for steps in each.use.nearest]
    shown = None if whole else _shown_clips(each)
    codes = each.codes
    same = next(n for n, other in atlas.modalities.items() if n == name or (whole and other.codes.ids == codes.ids))
    return {
        "name": name,
        "clips": len(codes.ids),
        "steps": int(codes.real.sum()),
        "used": each.use.used,
        "perplexity": [round(level, 2) for level in each.use.perplexity if level is not None],
        "whole": codes.whole_clips,
        "distances": any(step.distance is not None for steps in each.use.nearest for step in steps),
        "length": codes.indices.shape[1],
        "levels": codes.levels,
        "seconds": codes.seconds,
        "counts": each.use.counts.tolist(),
        "joint": None if each.use.joint is None else [_sparse(row) for row in each.use.joint],
        "nearest": nearest,
        "rows": None if shown is None else shown.tolist(),
        "idsOf": None if same == name else same,
        "ids": [] if same != name else _names(codes, shown),
        "codes": _packed_codes(codes, shown),
    }


def _step(atlas: Atlas, modality: str, step: Step) -> list[Any]:
    distance = None if step.distance is None else float(f"{step.distance:.4g}")
    return [step.clip, step.step, distance, atlas.previews_of_steps.get((modality, step.clip, step.step))]


def _sparse(row: np.ndarray) -> list[list[int]]:
    """Class and count of the classes that occur, the most frequent first."""
    order = np.argsort(-row, kind="stable")
    return [[int(label), int(row[label])] for label in order if row[label] > 0]


def _letters_of_codes(atlas: Atlas) -> float:
    """Letters that the codes and names of all clips need in the page."""
    every = [each.codes for each in atlas.modalities.values()]
    names = {id for codes in every for id in codes.ids}
    return sum(codes.indices.size for codes in every) * _bytes(atlas.size) * 4 / 3 + sum(len(id) + 3 for id in names)


def _shown_clips(each: ModalityAtlas) -> np.ndarray:
    """Rows of the clips that are shown for a codeword."""
    return np.unique([step.clip for steps in each.use.nearest for step in steps])


def _names(codes: ClipCodes, rows: np.ndarray | None) -> list[str]:
    return list(codes.ids) if rows is None else [codes.ids[row] for row in rows]


def _bytes(size: int) -> int:
    """Bytes of a code in the page."""
    return 2 if size < NARROW else 4


def _packed_codes(codes: ClipCodes, rows: np.ndarray | None) -> str:
    """Codes as little-endian unsigned numbers in Base64; the largest number stands for a step that is not real."""
    width = _bytes(codes.size)
    packed = np.where(codes.real[..., None], codes.indices, 2 ** (8 * width) - 1).astype(f"<u{width}")
    return base64.b64encode((packed if rows is None else packed[rows]).tobytes()).decode("ascii")


def _agreements(atlas: Atlas, one: str, other: str) -> list[Values]:
    """The agreement of each level; with one code a step, it has no number."""
    found = atlas.agreement[one, other]
    return [
        {"one": one, "other": other, "level": number if len(found) > 1 else None, **level._asdict()}
        for number, level in enumerate(found)
    ]


def _map(atlas: Atlas) -> Values | None:
    if atlas.map is None:
        return None
    largest = max(float(np.abs(points).max()) for points in atlas.map.points.values()) or 1.0
    points = {m: (points / largest).round(4).tolist() for m, points in atlas.map.points.items()}
    return {
        "modalities": list(points),
        "points": list(points.values()),
        "explained": [round(share, 4) for share in atlas.map.explained],
        "shared": atlas.map.shared,
    }

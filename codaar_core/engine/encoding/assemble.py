"""Parts -> the file of codes: HDF5 (its layout: ``engine.data.codes_file``), and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from codaar_core.engine.data.codes_file import FORMAT, MARK
from codaar_core.engine.encoding.parts import ROOM, Parts
from codaar_core.features.files import written_aside

Groups = Sequence[Mapping[str, Mapping[str, Any]]]  # for each source, the attributes of each modality


def write_hdf5(parts: Parts, groups: Groups, facts: Mapping[str, Any], seconds: float, file: Path) -> None:
    """Write the HDF5 file; memory holds one part at a time.

    Args:
        parts: All parts.
        groups: For each source, the attributes of each modality.
        facts: Attributes of the file.
        seconds: Length of a time step.
        file: The file.
    """
    import h5py

    with written_aside(file, ROOM) as aside, h5py.File(aside, "w") as h5:
        h5.attrs.update({MARK: FORMAT, **facts, "seconds": seconds})
        for number, group in enumerate(groups):
            for modality, attributes in group.items():
                _write_modality(h5.create_group(modality), parts, number, modality, attributes, seconds)


def _write_modality(
    group: Any, parts: Parts, number: int, modality: str, attributes: Mapping[str, Any], seconds: float
) -> None:
    """Copy one modality of all parts of a source into a group."""
    import h5py

    group.attrs.update(attributes)
    shapes = [arrays[f"{modality}/indices"].shape for arrays in parts.read(number) if len(arrays["ids"])]
    clips, steps = sum(shape[0] for shape in shapes), max((shape[1] for shape in shapes), default=0)
    group.create_dataset("ids", (clips,), h5py.string_dtype())
    group["times"] = np.arange(steps) * seconds
    start = 0
    for arrays in parts.read(number):
        end = start + len(arrays["ids"])
        if start == end:
            continue
        group["ids"][start:end] = arrays["ids"].astype(object)
        for name in (name for name in arrays if name.startswith(f"{modality}/")):
            values, column = arrays[name], name.removeprefix(f"{modality}/")
            if column not in group:
                shape = (clips, steps, *values.shape[2:]) if values.ndim > 1 else (clips,)
                group.create_dataset(column, shape, values.dtype)
            if values.ndim > 1:
                group[column][start:end, : values.shape[1]] = values
            else:
                group[column][start:end] = values
        start = end


def write_lines(parts: Parts, groups: Groups, seconds: float, file: Path) -> None:
    """Write the JSON Lines file: one line for each clip and modality, with the real time steps only."""
    with written_aside(file, ROOM) as aside, aside.open("w", encoding="utf-8") as output:
        for modality, number in in_order(groups):
            for arrays in parts.read(number):
                if len(arrays["ids"]):
                    _write_lines(output, modality, arrays, seconds)


def in_order(groups: Groups) -> list[tuple[str, int]]:
    """Modalities by name, each with the number of its source."""
    return sorted((modality, number) for number, group in enumerate(groups) for modality in group)


def _write_lines(output: TextIO, modality: str, arrays: Mapping[str, np.ndarray], seconds: float) -> None:
    columns = arrays["ids"].tolist(), arrays[f"{modality}/indices"], arrays[f"{modality}/mask"]
    times = np.arange(columns[1].shape[1]) * seconds
    for id, indices, mask in zip(*columns, strict=True):
        line = {"id": id, "modality": modality, "indices": indices[mask].tolist(), "times": times[mask].tolist()}
        output.write(json.dumps(line, ensure_ascii=False) + "\n")

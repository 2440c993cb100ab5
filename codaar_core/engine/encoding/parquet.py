"""Parts -> a parquet file: one row for each clip and modality, with the real time steps only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from codaar_core.api import CodaarError
from codaar_core.engine.data.codes_file import FORMAT, MARK
from codaar_core.engine.encoding.assemble import Groups, in_order
from codaar_core.engine.encoding.parts import ROOM, Arrays, Parts
from codaar_core.features.files import written_aside

SUFFIX = ".parquet"
WIDE = ("latents", "vectors", "distances")


def refuse_missing_pyarrow() -> None:
    """Refuse parquet where pyarrow is not installed, before anything is encoded.

    Raises:
        CodaarError: It is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise CodaarError(
            "parquet files need pyarrow, which is not installed",
            'pip install "codaar-core[parquet]", or write an HDF5 file: --to codes.h5',
        ) from error


def write_parquet(parts: Parts, groups: Groups, facts: Mapping[str, Any], seconds: float, file: Path) -> None:
    """Write the parquet file; memory holds one part at a time.

    Columns: ``id``, ``modality``, ``indices`` list of int32 (of lists of them, with several codes a step), ``times``
    list of float64; on request ``latents``, ``vectors`` and ``distances``, lists of vectors. The metadata of the file
    has the attributes of the HDF5 file.
    """
    import pyarrow.parquet as pq

    tables = _tables(parts, groups, seconds)
    first = next(tables, None)
    schema = _base_schema() if first is None else first.schema
    about = {MARK: FORMAT, **facts, "seconds": seconds}
    for modality, number in in_order(groups):
        about |= {f"{modality}.{name}": value for name, value in groups[number][modality].items()}
    schema = schema.with_metadata({name: str(value) for name, value in about.items()})
    with written_aside(file, ROOM) as aside, pq.ParquetWriter(aside, schema) as writer:
        for table in chain(() if first is None else (first,), tables):
            writer.write_table(table.replace_schema_metadata(schema.metadata))


def _base_schema() -> Any:
    import pyarrow as pa

    columns = {"id": pa.string(), "modality": pa.string(), "indices": pa.list_(pa.int32())}
    return pa.schema({**columns, "times": pa.list_(pa.float64())})


def _tables(parts: Parts, groups: Groups, seconds: float) -> Iterator[Any]:
    """A table for each part and modality that has clips."""
    for modality, number in in_order(groups):
        for arrays in parts.read(number):
            if len(arrays["ids"]):
                yield _table(arrays, modality, seconds)


def _table(arrays: Arrays, modality: str, seconds: float) -> Any:
    import pyarrow as pa

    ids, mask = arrays["ids"].tolist(), arrays[f"{modality}/mask"]
    times = np.broadcast_to(np.arange(mask.shape[1]) * seconds, mask.shape)
    offsets = pa.array(np.concatenate([[0], mask.sum(1).cumsum()]).astype(np.int32))
    columns = {
        "id": pa.array(ids, pa.string()),
        "modality": pa.array([modality] * len(ids), pa.string()),
        "indices": pa.ListArray.from_arrays(offsets, _array(arrays[f"{modality}/indices"][mask])),
        "times": pa.ListArray.from_arrays(offsets, pa.array(times[mask])),
    }
    for name in WIDE:
        if f"{modality}/{name}" in arrays:
            columns[name] = pa.ListArray.from_arrays(offsets, _array(arrays[f"{modality}/{name}"][mask]))
    return pa.table(columns)


def _array(values: np.ndarray) -> Any:
    """Numbers (n,), or lists of numbers (n, width)."""
    import pyarrow as pa

    numbers = pa.array(values.reshape(-1))
    return numbers if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(numbers, values.shape[1])

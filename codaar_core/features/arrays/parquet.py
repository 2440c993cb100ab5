"""A parquet table with one row per time step: columns ``id`` and ``values``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import refuse_special_file, too_large
from codaar_core.features.arrays.clip_arrays import MOST, ClipArrays
from codaar_core.features.reading.hdf5 import one_line

ID, VALUES = "id", "values"
MOST_TABLE = 1 << 34  # bytes that the footer may state for both columns when unpacked
FORM = f"columns: {ID} (string), {VALUES} (list of numbers, equally many in each row); one row per time step, in order"


class ParquetArrays(ClipArrays):
    """A parquet table; all of it is read into memory on first use, because its rows have no places of their own.

    The steps of a clip are its rows in their order; they need not be adjacent.
    """

    def where(self, name: str) -> str:
        """Path of the file and id of the rows."""
        return f"{self.path}: {name!r}"

    def read(self, name: str, most: int = MOST) -> np.ndarray:
        """The rows of a clip (T, F)."""
        first, last = self.entries[name]
        rows: np.ndarray = self._rows[first:last]
        if rows.nbytes > most:
            raise too_large(self.where(name), most)
        return rows

    def shape(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """Number of rows of a clip, and numbers of a row."""
        return self.read(name, most).shape

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    @property
    def _rows(self) -> np.ndarray:
        self.entries  # noqa: B018 - reads the table
        rows: np.ndarray = self.__dict__["_table"]
        return rows

    def _listed(self) -> Mapping[str, tuple[int, int]]:
        ids, values = self._columns()
        order = np.argsort(ids, kind="stable")
        self.__dict__["_table"] = values[order]
        names, first = np.unique(ids[order], return_index=True)
        return dict(zip(names.tolist(), zip(first.tolist(), [*first[1:].tolist(), len(ids)], strict=True), strict=True))

    def _columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids (rows,) and values (rows, F)."""
        parquet = _pyarrow()
        refuse_special_file(self.path)
        try:
            with parquet.ParquetFile(self.path) as file:
                _check_footer(self.path, file)
                table = file.read(columns=[ID, VALUES])
            ids, values = (table.column(name).combine_chunks() for name in (ID, VALUES))
            if ids.null_count or values.null_count or values.flatten().null_count or not len(ids):
                raise ValueError("it has empty cells, or no rows")
            flat = values.flatten().to_numpy(zero_copy_only=False)
            widths = values.value_lengths().unique().to_pylist()
            if flat.dtype.kind not in "fiub" or len(widths) != 1:
                raise ValueError(f"{VALUES!r} has {flat.dtype} in rows of {', '.join(map(str, widths[:3]))} numbers")
            return ids.to_numpy(zero_copy_only=False).astype(str), flat.reshape(len(ids), widths[0])
        except DataError:
            raise
        except Exception as error:  # pyarrow raises its own, and those of other libraries
            raise DataError(f"{self.path} is no parquet table of features: {one_line(error)}", FORM) from error


def _check_footer(path: Any, file: Any) -> None:
    """Refuse a table without the columns, or larger than ``MOST_TABLE``."""
    lacking = [name for name in (ID, VALUES) if name not in file.schema_arrow.names]
    if lacking:
        raise DataError(f"{path} has no column {lacking[0]!r}, it has {', '.join(file.schema_arrow.names)[:200]}", FORM)
    footer = file.metadata
    if sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)) > MOST_TABLE:
        raise too_large(path, MOST_TABLE)


def _pyarrow() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise DataError("reading .parquet files needs pyarrow", "pip install pyarrow") from error
    return parquet

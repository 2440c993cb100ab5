"""One file with the arrays of all clips: HDF5, zip or npz, and safetensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import refuse_special_file
from codaar_core.features.arrays.clip_arrays import MOST, ClipArrays
from codaar_core.features.reading.hdf5 import H5_FAILS, dataset_values, one_line
from codaar_core.features.reading.npy import HEADER, npy_array, npy_shape
from codaar_core.features.reading.safetensors_file import Tensor, read_tensor, safetensors_index
from codaar_core.features.reading.zip_members import Member, read_member, zip_members

MOST_CLIPS = 2_000_000
NPY = ".npy"


class Hdf5Arrays(ClipArrays):
    """An HDF5 file with one dataset per clip at its top level, named like the clip."""

    def where(self, name: str) -> str:
        """Path of the file and name of the dataset."""
        return f"{self.path}: {name!r}"

    def read(self, name: str, most: int = MOST) -> np.ndarray:
        """Read the dataset of a clip."""
        with self._opened() as file:
            return dataset_values(self.path, self._dataset(file, name), most)

    def shape(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """Shape of the dataset."""
        with self._opened() as file:
            dataset = self._dataset(file, name)
            shape: tuple[int, ...] = dataset.shape or ()
            if math.prod(shape) * dataset.dtype.itemsize > most:
                dataset_values(self.path, dataset, most)  # raises the error about its size
            return shape

    def _listed(self) -> Mapping[str, None]:
        with self._opened() as file:
            if len(file) > MOST_CLIPS:
                raise DataError(f"{self.path} has {len(file):,} datasets, at most {MOST_CLIPS:,} are read", "divide it")
            return dict.fromkeys(file)

    def _dataset(self, file: Any, name: str) -> Any:
        """A dataset that is stored in this file; links to other places are not followed."""
        import h5py

        if isinstance(file.get(name, getlink=True), h5py.HardLink):
            dataset = file[name]
            if isinstance(dataset, h5py.Dataset):
                return dataset
        raise DataError(f"{self.where(name)} is a group or a link", "store one dataset a clip at the top level")

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import h5py

        refuse_special_file(self.path)
        try:
            with h5py.File(self.path, "r") as file:
                yield file
        except H5_FAILS as error:
            raise DataError(f"{self.path} is no complete HDF5 file: {one_line(error)}", "write it again") from error


class ZipArrays(ClipArrays):
    """A zip file, also of ``numpy.savez``, with one member ``NAME.npy`` per clip."""

    def where(self, name: str) -> str:
        """Path of the file and name of the member."""
        return f"{self.path}: {name + NPY!r}"

    def read(self, name: str, most: int = MOST) -> np.ndarray:
        """Read the member of a clip."""
        content = read_member(self.path, name + NPY, self.entries[name], most)
        with self._damage(name):
            return npy_array(content)

    def shape(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """Shape that the header of the member states."""
        beginning = read_member(self.path, name + NPY, self.entries[name], most, HEADER)
        with self._damage(name):
            return npy_shape(beginning)

    def _listed(self) -> Mapping[str, Member]:
        return zip_members(self.path, NPY)

    @contextmanager
    def _damage(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # numpy evaluates the header, which may raise any exception
            raise DataError(
                f"{self.where(name)} is no array of numbers: {one_line(error)}", "write it again"
            ) from error


class SafetensorsArrays(ClipArrays):
    """A .safetensors file with one tensor per clip, named like the clip."""

    def where(self, name: str) -> str:
        """Path of the file and name of the tensor."""
        return f"{self.path}: {name!r}"

    def read(self, name: str, most: int = MOST) -> np.ndarray:
        """Read the tensor of a clip."""
        return read_tensor(self.path, name, self.entries[name], most)

    def shape(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """Shape that the header states."""
        shape: tuple[int, ...] = self.entries[name].shape
        return shape

    def _listed(self) -> Mapping[str, Tensor]:
        return safetensors_index(self.path)

"""Reference values computed with the released code: read from ``.npz`` files and compared with ours in float64.

The files are not part of any distribution. They lie in ``shared/vectors`` beside a checkout, or in ``vectors`` of the
folder that the environment variable CODAAR_SHARED names; small ones also lie in ``tests/data`` of the checkout. A test
whose file is in neither is skipped, with the reason.

A test module gets the fixtures through its ``conftest.py``::

    from codaar_core.testing.released_numbers import released_numbers, shared  # noqa: F401
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from codaar_core.api import Encoded, Quantized

TOLERANCE = 1e-10  # relative to the largest absolute value of the reference tensor
SET_FOLDER = "set CODAAR_SHARED"
NORM_SCALE = re.compile(r"(norm\d|spatial_conv_stack\.[14])\.weight$")  # scales of layer and batch normalisation

Rename = Callable[[str], str]  # from the name of our parameter or buffer to that of the released code


class ReleasedNumbers(Mapping[str, Tensor]):
    """The arrays of one file as tensors, by key; arrays of strings are left out (see ``strings``).

    Keys: ``w_*`` weights, ``in*`` inputs, ``out*`` outputs, ``ct*`` cotangents of the outputs, ``grad_*`` gradients of
    the sum of outputs times cotangents, ``after_*`` buffers after a training forward.

    Args:
        path: An ``.npz`` file without pickled objects.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.arrays = {key: file[key] for key in file.files}

    def __getitem__(self, key: str) -> Tensor:
        """A copy, so that a test may change it in place."""
        if self.arrays[key].dtype.kind not in "fiub":
            raise KeyError(key)
        return torch.from_numpy(self.arrays[key].copy())

    def __iter__(self) -> Iterator[str]:
        return (key for key, array in self.arrays.items() if array.dtype.kind in "fiub")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def strings(self, key: str) -> list[str]:
        """The strings of an array, in one list."""
        return [str(each) for each in self.arrays[key].flatten()]

    def load(self, module: nn.Module, names: Rename) -> None:
        """Load the stored weights into a module."""
        module.load_state_dict({key: self[f"w_{names(key)}"] for key in module.state_dict()})

    def check(self, ours: Tensor, key: str) -> None:
        """Assert that a tensor equals the stored one, relative to its largest absolute value."""
        ours, theirs = ours.detach(), self[key]
        assert ours.shape == theirs.shape, f"{key} should have the shape {tuple(theirs.shape)}, not {tuple(ours.shape)}"
        error, largest = float((ours - theirs).abs().max()), float(theirs.abs().max())
        assert error <= TOLERANCE * largest, f"{key} differs by {error:.1e}, where the largest value is {largest:.1e}"

    def check_gradients(self, module: nn.Module, names: Rename) -> None:
        """Assert that every parameter has the stored gradient."""
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, f"{name} has no gradient"
            self.check(parameter.grad, f"grad_{names(name)}")

    def check_function(self, module: nn.Module, names: Rename, call: Callable[..., Tensor]) -> None:
        """Load the stored weights, and assert that outputs and all gradients equal the stored ones.

        Args:
            module: Has the weights, and only these.
            names: Released names of its weights.
            call: Gets the stored inputs ``in0``, ``in1``, ... and gives what is stored as ``out0``.
        """
        self.load(module, names)
        inputs = [self[key].requires_grad_() for key in sorted(self) if re.fullmatch(r"in\d", key)]
        output = call(*inputs)
        self.check(output, "out0")
        output.backward(self["ct0"])
        for number, each in enumerate(inputs):
            assert each.grad is not None, f"in{number} gets no gradient"
            self.check(each.grad, f"grad_in{number}")
        self.check_gradients(module, names)

    def check_decoder(self, decoder: nn.Module, names: Rename) -> None:
        """``check_function`` of a decoder: ``in0`` are private features, ``in1`` full codes."""
        self.check_function(
            decoder, names, lambda private, full: decoder(Encoded(full, private), Quantized(full, full, full))
        )


def renaming(prefixes: Mapping[str, str]) -> Rename:
    """A ``Rename`` by the beginnings of names: ``{"ours": "theirs"}`` turns "ours.bias" into "theirs.bias"."""

    def rename(key: str) -> str:
        ours = next(prefix for prefix in prefixes if key.startswith(f"{prefix}."))
        return prefixes[ours] + key.removeprefix(ours)

    return rename


def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal values of an input that is not stored: its name is the seed."""
    return torch.from_numpy(np.random.RandomState(crc32(name.encode())).standard_normal(shape))


def drawn_weight(prefix: str, key: str, shape: tuple[int, ...]) -> Tensor:
    """A weight that is not stored, by the rule of the README beside the files.

    Args:
        prefix: Names the file, or the module in it.
        key: Name in the released state dict.
        shape: Of the weight.
    """
    values = drawn(f"{prefix}/{key}", shape)
    if len(shape) >= 2:
        return values / np.sqrt(np.prod(shape[1:]))
    if key.endswith("running_var"):
        return 1 + 0.1 * values.abs()
    return 1 + 0.1 * values if NORM_SCALE.search(key) else 0.1 * values


def shared_folder(root: Path) -> Path:
    """The folder of reference data beside a checkout.

    Args:
        root: Of the checkout.
    """
    return Path(os.environ.get("CODAAR_SHARED", root.parent / "shared"))


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Path:
    """The folder of reference data beside the checkout; the test is skipped where there is none."""
    folder = shared_folder(pytestconfig.rootpath)
    if not folder.is_dir():
        pytest.skip(f"needs the reference folder {folder} ({SET_FOLDER})")
    return folder


@pytest.fixture(scope="session")
def released_numbers(pytestconfig: pytest.Config) -> Callable[[str], ReleasedNumbers]:
    """Reads the file NAME.npz; the test is skipped where there is none."""
    root = pytestconfig.rootpath
    folders = (shared_folder(root) / "vectors", root / "tests" / "data")

    def read(name: str) -> ReleasedNumbers:
        found = next((folder / f"{name}.npz" for folder in folders if (folder / f"{name}.npz").is_file()), None)
        if found is None:
            pytest.skip(f"no reference values {name}.npz in {folders[0]} ({SET_FOLDER})")
        return ReleasedNumbers(found)

    return read

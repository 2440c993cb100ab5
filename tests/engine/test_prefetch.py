"""Reading ahead yields the same batches, in the same order, as reading on demand."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.api import Batch, Features
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.runtime import Runtime

TIMEOUT = 30  # seconds to wait for the reader thread


@given(st.lists(st.integers()), st.integers(0, 5))
def test_keys_are_yielded_in_order_with_their_values(keys, ahead):
    assert list(read_ahead(str, keys, ahead)) == [(key, str(key)) for key in keys]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_reads_exactly_that_many_keys_ahead(ahead):
    read, enough = [], threading.Event()

    def record(key: int) -> int:
        read.append(key)
        if key == ahead:
            enough.set()
        return key

    reading = read_ahead(record, range(10), ahead)
    assert next(reading) == (0, 0)
    assert enough.wait(TIMEOUT)
    assert read == list(range(ahead + 1))
    reading.close()


def test_exception_is_raised_when_its_key_is_due():
    reading = read_ahead(lambda key: 1 / key, [2, 1, 0, 4], ahead=3)
    assert [next(reading), next(reading)] == [(2, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(reading)


def test_closing_stops_the_reader():
    read = []
    reading = read_ahead(read.append, range(1000), ahead=5)
    next(reading)
    reading.close()
    assert len(read) <= 6
    assert not [each for each in threading.enumerate() if each.name.startswith("codaar-reader")]


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("stored", [torch.float16, torch.float32, torch.float64])
def test_batches_have_the_dtype_of_the_run_and_only_the_requested_modalities(ahead, stored):
    runtime = Runtime(torch.device("cpu"), torch.float32, ahead=ahead)
    mask = torch.tensor([[True, False]])

    def read(key: int) -> Batch:
        values = torch.full((1, 2, 3), float(key), dtype=stored)
        return Batch({"heard": Features(values, mask), "seen": Features(values)}, {"heard": torch.tensor([key])})

    for key, batch in runtime.batches(read, range(4), ("heard",)):
        assert set(batch.inputs) == {"heard"} and batch.targets["heard"].item() == key
        assert batch.inputs["heard"].values.dtype == torch.float32
        assert (batch.inputs["heard"].values == key).all() and torch.equal(batch.inputs["heard"].mask, mask)

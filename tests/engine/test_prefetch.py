"""Batches are read while the device computes, and arrive as if they had been read when they were asked for."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.api import Batch, Features
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.runtime import Runtime

PATIENCE = 30  # seconds until a test gives up waiting for the reader


@given(st.lists(st.integers()), st.integers(0, 5))
def test_places_come_in_order_each_with_what_is_read_there(places, ahead):
    assert list(read_ahead(str, places, ahead)) == [(place, str(place)) for place in places]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_it_reads_that_far_ahead_and_no_farther(ahead):
    read, enough = [], threading.Event()

    def note(place: int) -> int:
        read.append(place)
        if place == ahead:
            enough.set()
        return place

    reading = read_ahead(note, range(10), ahead)
    assert next(reading) == (0, 0)
    assert enough.wait(PATIENCE)
    assert read == list(range(ahead + 1))
    reading.close()


def test_a_failure_comes_when_it_is_its_turn():
    reading = read_ahead(lambda place: 1 / place, [2, 1, 0, 4], ahead=3)
    assert [next(reading), next(reading)] == [(2, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(reading)


def test_who_stops_asking_stops_the_reading():
    read = []
    reading = read_ahead(read.append, range(1000), ahead=5)
    next(reading)
    reading.close()
    assert len(read) <= 6
    assert not [each for each in threading.enumerate() if each.name.startswith("codaar-reader")]


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("wide", [torch.float16, torch.float32, torch.float64])
def test_batches_arrive_in_the_precision_of_the_run_without_what_is_not_asked_for(ahead, wide):
    runtime = Runtime(torch.device("cpu"), torch.float32, ahead=ahead)
    mask = torch.tensor([[True, False]])

    def read(place: int) -> Batch:
        values = torch.full((1, 2, 3), float(place), dtype=wide)
        return Batch({"heard": Features(values, mask), "seen": Features(values)}, {"heard": torch.tensor([place])})

    for place, batch in runtime.batches(read, range(4), ("heard",)):
        assert set(batch.inputs) == {"heard"} and batch.targets["heard"].item() == place
        assert batch.inputs["heard"].values.dtype == torch.float32
        assert (batch.inputs["heard"].values == place).all() and torch.equal(batch.inputs["heard"].mask, mask)

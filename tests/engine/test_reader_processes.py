"""data.workers: processes that read clips give the same run, name the same faults, and end with it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from reader_runs import plan_of_files
from toy_run import toy_plan

from codaar_core.api import Batch, CodaarError, DataError, Features, Space, Split, hook
from codaar_core.engine.devices.reader_processes import ReaderProcesses, ReadersLost
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.run import run
from codaar_core.engine.training.batches import BatchSchedule, Share, own_clips
from codaar_core.features import ClipSplit, FileTrack, PackedSplit, RowTrack
from codaar_core.features.clips.random_split import RandomSplit
from codaar_core.features.clips.split_subset import SplitSubset

SCRIPT = Path(__file__).parents[1] / "reader_runs.py"


@pytest.fixture(scope="module")
def readers():
    with ReaderProcesses(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> ClipSplit:
    """Twenty clips of different lengths in float64."""
    folder = tmp_path_factory.mktemp("clips")
    ids = [f"clip-{number}" for number in range(20)]
    for number, name in enumerate(ids):
        np.save(folder / f"{name}.npy", np.random.default_rng(number).standard_normal((2 + number % 3, 4)))
    return ClipSplit(ids, {"heard": FileTrack(folder, ids, Space((4,))), "named": FileTrack(folder, ids, Space((4,)))})


def running() -> set[int]:
    """Numbers of the processes that this one has started."""
    return {process.pid for process in torch.multiprocessing.active_children()}


def runtime(readers: ReaderProcesses | None, ahead: int = 0) -> Runtime:
    return Runtime(torch.device("cpu"), torch.float32, ahead=ahead, readers=readers)


def equal(one: Batch, other: Batch) -> bool:
    pairs = [(each, other.inputs[m]) for m, each in one.inputs.items()]
    same = (
        torch.equal(a.values, b.values) and (a.mask is b.mask is None or torch.equal(a.mask, b.mask)) for a, b in pairs
    )
    return one.inputs.keys() == other.inputs.keys() and all(same)


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("share", [Share(0, 1), Share(1, 3)])
def test_batches_and_their_order_are_those_of_one_process(readers, split, share, ahead):
    keys = list(BatchSchedule.of(len(split), 3).batches(seed=1, epoch=0, done=2))
    read = partial(own_clips, split, share)
    expected = list(runtime(None).batches(read, keys, ("heard",)))
    found = list(runtime(readers, ahead).batches(read, keys, ("heard",), split.reads_files))
    assert [key for key, _ in found] == [key for key, _ in expected] == keys
    assert all(equal(batch, other) for (_, batch), (_, other) in zip(found, expected, strict=True))


def test_a_fault_of_a_clip_is_told_as_in_one_process_when_its_batch_is_due(readers, split, tmp_path):
    broken = tmp_path / "clip-1.npy"
    broken.write_bytes(b"no array")
    ids = ["clip-0", "clip-1"]
    np.save(tmp_path / "clip-0.npy", np.zeros((2, 4)))
    damaged = ClipSplit(ids, {"heard": FileTrack(tmp_path, ids, Space((4,)))})
    told = []
    for pool in (None, readers):
        batches = runtime(pool).batches(damaged.__getitem__, [[0], [1], [0]], ("heard",), damaged.reads_files)
        next(batches)
        with pytest.raises(DataError, match=rf"{broken} is no \.npy file") as error:
            next(batches)
        told.append((type(error.value), error.value.message, error.value.help))
    assert told[0] == told[1]


class Unsendable(Exception):
    """Cannot be made from its arguments."""

    def __init__(self, one, other) -> None:
        super().__init__(f"{one} and {other}")


def fail(key: int) -> Batch:
    raise Unsendable(key, "another")


def test_an_exception_that_cannot_be_sent_is_told_by_its_text(readers):
    with pytest.raises(RuntimeError, match="Unsendable: 1 and another"):
        list(runtime(readers).batches(fail, [1], (), True))


def large(key: int) -> Batch:
    """Needs more shared memory than this process may take, as where /dev/shm is small."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    return Batch({"heard": Features(torch.zeros(1, 1 << 20))}, {})


def test_too_little_shared_memory_is_told(readers):
    with pytest.raises(ReadersLost, match="cannot send them") as error:
        list(runtime(readers).batches(large, [1], ("heard",), True))
    assert "MB of /dev/shm are free" in error.value.message and "--shm-size" in error.value.help


class Local(Split):
    """Cannot be pickled."""

    reads_files = True

    def __init__(self) -> None:
        self.open = lambda: None

    def __len__(self) -> int:
        return 1

    def __getitem__(self, indices) -> Batch:
        return Batch({}, {})


def test_a_split_that_cannot_be_sent_is_refused(readers):
    with pytest.raises(CodaarError, match="cannot be read in other processes: .*pickle.*") as error:
        list(runtime(readers).batches(Local().__getitem__, [[0]], (), True))
    assert "data.workers = 0" in error.value.help


def test_a_killed_process_is_told(readers, split):
    batches = runtime(readers).batches(split.__getitem__, [[number] for number in range(20)], ("heard",), True)
    next(batches)
    for pid in running():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ReadersLost, match="was ended, perhaps because memory is short .*MB of /dev/shm") as error:
        list(batches)
    assert error.value.exit_code == 1 and "--resume auto" in error.value.help
    with pytest.raises(ReadersLost):
        list(runtime(readers).batches(split.__getitem__, [[0]], ("heard",), True))


# Which splits


def test_only_splits_of_files_are_read_by_processes(split, tmp_path):
    table = RowTrack(np.zeros((1, 2, 4), np.float32), np.zeros(3, np.int64))
    assert split.reads_files and SplitSubset(split, [1]).reads_files
    in_memory = ClipSplit(["a", "b", "c"], {"heard": table})
    for each in (in_memory, SplitSubset(in_memory, [0]), PackedSplit(tmp_path), RandomSplit({}, 2, 0)):
        assert not each.reads_files
    before = running()
    with ReaderProcesses(2) as pool:
        list(runtime(pool).batches(in_memory.__getitem__, [[0], [1]], ("heard",), in_memory.reads_files))
        assert running() <= before


# Whole runs


class Stops:
    @hook
    def codaar_step_end(self, epoch):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def files(folder: Path) -> dict[str, bytes]:
    found = [*folder.glob("checkpoints/*/*"), *folder.glob("bench/**/*.*"), folder / "metrics.csv"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_run_and_its_resumption_are_those_of_one_process(tmp_path):
    before = running()
    overrides = ("run.epochs=2", "data.validation_share=0.2", "evaluate.every=1")
    alone = run(plan_of_files(tmp_path, *overrides))
    plan = plan_of_files(tmp_path, *overrides, "data.workers=1")
    with pytest.raises(Interrupted):
        run(plan, observers=[Stops()])
    (stopped,) = (path.parent for path in tmp_path.glob("runs/toy/*/status.json") if path.parent != alone)
    run(plan_of_files(tmp_path, *overrides), str(stopped))  # the number of processes may change
    assert files(stopped) == files(alone)
    assert running() <= before


def test_clips_in_memory_are_told(tmp_path):
    before = running()
    with pytest.warns(UserWarning, match=r"data\.workers has no effect on pretraining: its clips are in memory"):
        run(toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]", "data.workers=2"))
    assert running() <= before


def children(pid: int) -> list[int]:
    return [int(each) for path in Path(f"/proc/{pid}/task").glob("*/children") for each in path.read_text().split()]


def started(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """A long run with two readers, of which the first steps are done."""
    command = [sys.executable, str(SCRIPT), str(folder), "run.epochs=100000", "data.workers=2", *overrides]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob("runs/toy/*/checkpoints/step-*/state.json")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)
    return process


def ended(processes: list[int]) -> bool:
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(Path(f"/proc/{pid}").exists() for pid in processes)


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_reader_outlives_a_run_that_is_stopped(tmp_path, number):
    process = started(tmp_path)
    running = children(process.pid)
    assert len(running) >= 2
    if number == signal.SIGKILL:
        process.kill()
    else:  # as a terminal or a scheduler sends it: to all processes
        os.killpg(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert ended(running)
    if number != signal.SIGKILL:
        assert "Interrupted: interrupted after step" in told and "ReadersLost" not in told and process.returncode == 1


@pytest.mark.slow(seconds=40)
def test_two_ranks_with_readers_train_as_two_without(tmp_path):
    overrides = ("run.epochs=1", "device.processes=2", "evaluate.seeds=[1]")
    alone = run(plan_of_files(tmp_path, *overrides))
    assert files(run(plan_of_files(tmp_path, *overrides, "data.workers=1"))) == files(alone)


def test_what_is_sent_opens_its_own_files(split):
    copy = pickle.loads(pickle.dumps(split))
    assert equal(copy[[3, 4]], split[[3, 4]])

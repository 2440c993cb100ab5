"""Run directory, checkpoints and signals: files are written atomically, and an interruption loses no state."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from codaar_core.api import CodaarError
from codaar_core.engine.devices.lost_processes import RankLost
from codaar_core.engine.devices.signals import ECHO, Interrupted, Interruption
from codaar_core.engine.record.checkpoint import complete_checkpoints, load_training, newest_checkpoint, save_checkpoint
from codaar_core.engine.record.checkpoint_state import CheckpointState
from codaar_core.engine.record.journal import Journal
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.features.files import write_whole


class Losses(nn.Module):
    """A model with one loss that trains its own estimator."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(3, 2)
        own = nn.Linear(2, 2)
        own.optimizer = torch.optim.Adam(own.parameters(), lr=0.1)
        self.losses = nn.ModuleDict({"own": own})


def train(model, optimizer, steps):
    for _ in range(steps):
        for each in (optimizer, model.losses["own"].optimizer):
            each.zero_grad()
        model.losses["own"](model.body(torch.ones(4, 3))).square().sum().backward()
        for each in (optimizer, model.losses["own"].optimizer):
            each.step()


def test_training_continues_bit_identically_from_a_checkpoint(tmp_path):
    model = Losses()
    optimizer = torch.optim.Adam(model.body.parameters(), lr=0.1)
    train(model, optimizer, 3)
    save_checkpoint(tmp_path, CheckpointState(3), model, optimizer)
    train(model, optimizer, 3)

    other = Losses()
    resumed = torch.optim.Adam(other.body.parameters(), lr=0.1)
    assert load_training(newest_checkpoint(tmp_path), other, resumed)[0] == 3
    train(other, resumed, 3)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_only_the_newest_two_complete_checkpoints_are_kept(tmp_path):
    model = Losses()
    optimizer = torch.optim.Adam(model.body.parameters())
    for step in (5, 10, 15):
        save_checkpoint(tmp_path, CheckpointState(step), model, optimizer)
    (tmp_path / ".step-20.partial").mkdir()
    (tmp_path / "step-25").mkdir()
    assert [path.name for path in complete_checkpoints(tmp_path)] == ["step-10", "step-15"]


def test_next_save_removes_files_of_a_killed_save(tmp_path):
    model = Losses()
    optimizer = torch.optim.Adam(model.body.parameters())
    (tmp_path / ".step-7.partial").mkdir()
    save_checkpoint(tmp_path, CheckpointState(8), model, optimizer)
    assert [path.name for path in tmp_path.iterdir()] == ["step-8"]


def test_kill_while_a_step_is_saved_again_loses_nothing(tmp_path, monkeypatch):
    """Ctrl-C before the first step of an epoch saves the same step as the end of the previous epoch."""
    model = Losses()
    optimizer = torch.optim.Adam(model.body.parameters())
    path = save_checkpoint(tmp_path, CheckpointState(5), model, optimizer, keep=1)
    monkeypatch.setattr(Path, "rename", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with suppress(KeyboardInterrupt):
        save_checkpoint(tmp_path, CheckpointState(5), model, optimizer, keep=1)
    assert load_training(newest_checkpoint(tmp_path), model, optimizer)[0] == 5
    assert path.is_dir()


@pytest.mark.parametrize("file", ["model.safetensors", "train.safetensors", "state.json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda file: os.truncate(file, file.stat().st_size // 2)])
def test_error_names_the_damaged_checkpoint(tmp_path, file, damage):
    model = Losses()
    optimizer = torch.optim.Adam(model.body.parameters())
    train(model, optimizer, 1)
    path = save_checkpoint(tmp_path, CheckpointState(1), model, optimizer)
    damage(path / file)
    with pytest.raises(CodaarError, match=f"{file} cannot be read") as end:
        load_training(path, model, optimizer)
    assert end.value.help == f"restore the file from a copy, or remove {path} to use the checkpoint before it"


def test_a_checkpoint_of_a_newer_core_is_refused(tmp_path):
    model = Losses()
    optimizer = torch.optim.Adam(model.body.parameters())
    path = save_checkpoint(tmp_path, CheckpointState(1), model, optimizer)
    (path / "state.json").write_text('{"format": 4, "step": 1}')
    with pytest.raises(CodaarError, match="state.json has checkpoint format 4, this codaar-core reads formats 2 and 3"):
        load_training(path, model, optimizer)


def test_error_of_a_missing_checkpoint_has_help(tmp_path):
    with pytest.raises(CodaarError, match="without --resume"):
        newest_checkpoint(tmp_path)


def test_two_runs_in_one_second_get_two_directories(tmp_path):
    one, two = (RunDirectory.create(tmp_path, "run") for _ in range(2))
    assert one.path != two.path


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    write_whole(path, "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CodaarError, match="No space left on device"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_while_writing_the_journal_is_an_error(tmp_path):
    journal = Journal()
    journal.codaar_run_start(directory=tmp_path, finished=[], logged=[])
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(CodaarError, match="cannot write .*events.jsonl: No space left on device"):
        journal.codaar_step_logged(epoch=0, step=1, values={"total": 1.0})


def test_json_has_no_nan(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.write_json("x.json", {"a": [1.0, float("nan")], "b": {"c": float("inf")}})
    assert "NaN" not in (tmp_path / "x.json").read_text()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_requests_a_stop_and_a_later_one_stops_at_once(monkeypatch, by):
    with Interruption() as interruption:
        os.kill(os.getpid(), by)
        assert interruption.by == by
        with pytest.raises(Interrupted, match="while testing") as end:
            interruption.check("while testing", "")
        assert end.value.exit_code == 128 + by
        later = time.monotonic() + 2 * ECHO
        monkeypatch.setattr(time, "monotonic", lambda: later)
        with pytest.raises(KeyboardInterrupt) as end:
            os.kill(os.getpid(), by)
        assert end.value.exit_code == 128 + by


def test_a_signal_that_ended_another_process_too_is_not_a_failure():
    """A process that is still starting has no handler: Ctrl-C and schedulers send the signal to all of them."""
    with Interruption() as interruption:
        with pytest.raises(RankLost), interruption.reported():
            raise RankLost("another process of the run has ended")
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="by a signal; another process") as end, interruption.reported():
            raise RankLost("another process of the run has ended")
    assert end.value.exit_code == 128 + signal.SIGTERM


def test_repeated_signal_within_echo_is_ignored():
    """Ctrl-C reaches torchrun and its processes, and torchrun sends it to the processes again."""
    with Interruption() as interruption:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        assert interruption.by == signal.SIGINT

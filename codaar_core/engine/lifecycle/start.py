"""Where a run begins; rank zero decides it and tells the other ranks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import torch

from codaar_core.engine.record.checkpoint import load_training, remove_replaced
from codaar_core.engine.record.checkpoint_state import read_state
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes
from codaar_core.engine.record.resume import checkpoint_to_resume, results_are_complete
from codaar_core.engine.record.run_directory import ORIGIN, RunDirectory
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.session import Session
from codaar_core.features.files import write_whole
from codaar_core.recipe.plan import Plan


@attrs.frozen
class Start:
    """Where a run or evaluation begins.

    Attributes:
        directory: Its directory.
        checkpoint: The checkpoint to continue from or to evaluate; None for a new run.
        only_report: Whether the results are complete and only the report is missing.
        clips: Recordings that the model has seen, or will have seen, in pretraining.
    """

    directory: Path
    checkpoint: Path | None = None
    only_report: bool = False
    clips: RecordingHashes = RecordingHashes()

    def message(self) -> str:
        """Return this as JSON, to be sent to other ranks."""
        checkpoint = self.checkpoint and str(self.checkpoint)
        clips = [self.clips.unknown, sorted(self.clips.hashes)]
        return json.dumps([str(self.directory), checkpoint, self.only_report, clips])

    @classmethod
    def received(cls, message: str) -> Start:
        """Return what ``message`` was made from."""
        directory, checkpoint, only_report, (unknown, hashes) = json.loads(message)
        clips = RecordingHashes(frozenset(hashes), unknown)
        return cls(Path(directory), checkpoint and Path(checkpoint), only_report, clips)


def new_directory(plan: Plan) -> RunDirectory:
    """Make the directory of a new run, with its recipe and settings."""
    directory = RunDirectory.create(Path(plan.run.directory), plan.run.name)
    write_whole(directory.path / "recipe.toml", plan.source.read_bytes())
    directory.write_toml("resolved.toml", plan.resolved)
    return directory


def resumed(plan: Plan, directory: RunDirectory, current_lock: Mapping[str, Any]) -> Start:
    """Find the checkpoint to continue from, and remove what it replaces.

    Raises:
        CodaarError: No checkpoint is intact.
    """
    checkpoint = checkpoint_to_resume(directory)
    remove_replaced(directory.checkpoints, read_state(checkpoint), plan.run.keep)
    return Start(directory.path, checkpoint, results_are_complete(plan, directory, current_lock))


def restored_optimizer(session: Session, checkpoint: Path | None) -> tuple[torch.optim.Optimizer, int]:
    """Return the optimizer and the number of steps done; a resumed run loads its checkpoint."""
    optimizer = make_optimizer(session.model, session.plan.optimizer)
    if checkpoint is None:
        return optimizer, 0
    done, extra_state = load_training(checkpoint, session.model, optimizer)
    session.load_extra_state(extra_state)
    session.finished_epochs.load(read_state(checkpoint), session.directory.checkpoints)
    return optimizer, done


def recorded_clips(directory: RunDirectory, ids: Sequence[str] | None) -> RecordingHashes:
    """Return the recordings of pretraining, and write them to the run directory.

    Those that the directory names already are added: of an earlier part of this run, or of weights that it began from.
    An imported model has seen only these.

    Args:
        directory: The run directory.
        ids: Names of the recordings of the pretraining split; None if it has none.

    Raises:
        CodaarError: The file of the directory is damaged, or cannot be written.
    """
    file = directory.path / PRETRAINING_CLIPS
    if directory.last_known(ORIGIN):
        return RecordingHashes.read(file)
    clips = RecordingHashes.of(ids)
    if file.exists():
        clips = RecordingHashes.read(file).union(clips)
    clips.write(file)
    return clips

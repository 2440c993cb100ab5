"""The logger wandb: a run of Weights & Biases."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import attrs

from codaar_core.api import RunLogger, setting


class WeightsAndBiases(RunLogger):
    """Writes a run of Weights & Biases: history, scores in its summary, tables, the report as a page, settings."""

    @attrs.frozen(kw_only=True)
    class Config(RunLogger.Config):
        """Settings of wandb."""

        mode: Literal["offline", "online", "disabled"] = setting("offline", "offline: files only; online: send them")
        project: str = setting("codaar", "project of the run", attrs.validators.min_len(1))
        name: str = setting("", "name shown for the run; empty: NAME/STAMP of its directory")
        entity: str = setting("", "user or team; empty: that of the account")
        folder: str = setting("", "folder in which the folder wandb is made; empty: the run directory")

    def open(self, directory: Path, name: str, settings: Mapping[str, str | bool | int | float]) -> None:
        """Begin the run, or continue it under its identifier; an offline folder of an earlier start is replaced."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # otherwise it sends statistics of use, also offline
        import wandb

        folder = Path(self.config.folder or directory)
        identifier = self.kept(directory / "wandb" / "run-id", lambda: uuid4().hex[:12])
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        if self.config.mode == "offline":
            for earlier in (folder / "wandb").glob(f"offline-run-*-{identifier}"):
                shutil.rmtree(earlier)
        self._wandb = wandb
        self._run = wandb.init(
            mode=self.config.mode,
            dir=str(folder),
            project=self.config.project,
            entity=self.config.entity or None,
            name=self.config.name or name,
            id=identifier,
            resume="allow" if self.config.mode == "online" else None,
            config=dict(settings),
            settings=_quiet(wandb),
        )
        logging.getLogger("wandb").setLevel(logging.CRITICAL)  # with a full disk, each line is a traceback on stderr
        self._begun = self._run.step  # a run continued online has the steps before this one

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add values to the history."""
        if step >= self._begun:
            self._run.log(dict(values), step=step)

    def scores(self, step: int, values: Mapping[str, float]) -> None:
        """Set values of the summary, by which runs are compared."""
        self._run.summary.update(dict(values))

    def table(self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add a table."""
        table = self._wandb.Table(list(columns), [list(row) for row in rows])
        self._run.log({f"table/{name}": table}, step=max(step, self._begun))

    def artefact(self, step: int, path: Path) -> None:
        """Add a file: an HTML page is shown on the run's page."""
        page = self._wandb.Html(path.read_text("utf-8"), inject=False)
        self._run.log({path.stem: page}, step=max(step, self._begun))

    def close(self, status: str) -> None:
        """End the run; one that did not finish is shown as failed."""
        self._run.finish(exit_code=0 if status == "finished" else 1)


def _quiet(wandb: Any) -> Any:
    """Settings that print nothing, and record no output of the run, no code and no measures of the machine."""
    return wandb.Settings(
        silent=True,
        init_timeout=30,  # seconds that a training waits for a network that is down
        finish_timeout=300,
        console="off",
        disable_code=True,
        disable_git=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
    )

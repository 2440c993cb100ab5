"""The logger mlflow: a run of MLflow, in a file of the run directory or on a server."""

from __future__ import annotations

import csv
import io
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import RunLogger, setting

STATES = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
LONGEST = 6000  # characters of a parameter
AT_ONCE = 100  # parameters of a request


class Mlflow(RunLogger):
    """Writes a run of MLflow: metrics, settings as parameters, tables and the report as artefacts."""

    @attrs.frozen(kw_only=True)
    class Config(RunLogger.Config):
        """Settings of mlflow."""

        tracking_uri: str = setting("", "where runs are stored; empty: mlflow/mlflow.db in the run directory")
        experiment: str = setting("codaar", "experiment of the run", attrs.validators.min_len(1))
        name: str = setting("", "name shown for the run; empty: NAME/STAMP of its directory")

    def open(self, directory: Path, name: str, settings: Mapping[str, str | bool | int | float]) -> None:
        """Begin the run, or continue it under its identifier with the values that it lacks."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # otherwise it sends statistics of use
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # with 7, a run waits minutes for no server
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        folder = (directory / "mlflow").absolute()
        folder.mkdir(exist_ok=True)
        uri = self.config.tracking_uri or f"sqlite:///{folder / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri)
        artefacts = None if self.config.tracking_uri else (folder / "artefacts").as_uri()
        self._id = self._continued(folder / "run-id", self.config.name or name, artefacts)
        run = self._client.get_run(self._id)
        self._last = {name: self._last_step(name) for name in run.data.metrics}
        self._add_settings({name: value for name, value in settings.items() if _name(name) not in run.data.params})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add values of a step, unless the run has them."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        named = {_name(name): float(value) for name, value in values.items()}
        new = {name: value for name, value in named.items() if step > self._last.get(name, -1)}
        if new:
            self._client.log_batch(self._id, metrics=[Metric(name, value, now, step) for name, value in new.items()])

    def table(self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Store a table as an artefact in CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        self._client.log_text(self._id, text.getvalue(), f"{name}.csv")

    def artefact(self, step: int, path: Path) -> None:
        """Store a file as an artefact."""
        self._client.log_artifact(self._id, str(path))

    def close(self, status: str) -> None:
        """End the run."""
        self._client.set_terminated(self._id, STATES[status])

    def _continued(self, file: Path, name: str, artefacts: str | None) -> str:
        """Return the identifier of the run, which is kept in ``file`` and begun if the store does not have it."""
        from mlflow.exceptions import MlflowException

        identifier = self.kept(file, lambda: self._begun(name, artefacts))
        try:
            self._client.update_run(identifier, "RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            file.unlink()  # of another store: the setting tracking_uri has changed
            return self.kept(file, lambda: self._begun(name, artefacts))
        return identifier

    def _begun(self, name: str, artefacts: str | None) -> str:
        """Begin a run in the experiment, which is made first; another process may have made it just now."""
        from mlflow.exceptions import MlflowException

        try:
            number = self._client.create_experiment(self.config.experiment, artefacts)
        except MlflowException:
            experiment = self._client.get_experiment_by_name(self.config.experiment)
            if experiment is None:
                raise
            number = experiment.experiment_id
        return self._client.create_run(number, run_name=name).info.run_id

    def _last_step(self, name: str) -> int:
        return max(metric.step for metric in self._client.get_metric_history(self._id, name))

    def _add_settings(self, settings: Mapping[str, str | bool | int | float]) -> None:
        from mlflow.entities import Param

        parameters = [Param(_name(name), str(value)[:LONGEST]) for name, value in settings.items()]
        for start in range(0, len(parameters), AT_ONCE):
            self._client.log_batch(self._id, params=parameters[start : start + AT_ONCE])


def _name(name: str) -> str:
    """Replace characters that MLflow does not allow in names."""
    return re.sub(r"[^\w\-. /:]", "_", name, flags=re.ASCII)

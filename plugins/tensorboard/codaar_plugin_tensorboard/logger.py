"""The logger tensorboard: event files that TensorBoard shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import RunLogger, setting


class TensorBoard(RunLogger):
    """Writes event files for TensorBoard: scalars, tables and report path as text, settings as hyper-parameters."""

    @attrs.frozen(kw_only=True)
    class Config(RunLogger.Config):
        """Settings of tensorboard."""

        folder: str = setting("", "folder in which NAME/STAMP is written; empty: tensorboard in the run directory")

    def open(self, directory: Path, name: str, settings: Mapping[str, str | bool | int | float]) -> None:
        """Begin an event file; readers drop all events of earlier files in the same folder."""
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        folder = Path(self.config.folder, name) if self.config.folder else directory / "tensorboard"
        self._writer = SummaryWriter(str(folder), purge_step=0)
        for summary in hparams(dict(settings), {}):
            self._writer.file_writer.add_summary(summary)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def table(self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a table as text in Markdown."""
        lines = [columns, ["---"] * len(columns), *rows]
        self._writer.add_text(name, "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines), step)

    def artefact(self, step: int, path: Path) -> None:
        """Write the path of a file as text: event files hold no other files."""
        self._writer.add_text(path.name, f"`{path}`", step)

    def close(self, status: str) -> None:
        """Write what is still in memory."""
        self._writer.close()


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")

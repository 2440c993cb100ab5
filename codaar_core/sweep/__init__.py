"""Runs of a sweep, one per arm and seed, and the table of their scores."""

from __future__ import annotations

from codaar_core.sweep.running import Position, run_sweep
from codaar_core.sweep.table import as_markdown, rows, with_columns

__all__ = ["Position", "as_markdown", "rows", "run_sweep", "with_columns"]

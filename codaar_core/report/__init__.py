"""The tables and the self-contained HTML report of a finished run, made from its results.json alone."""

from codaar_core.report.page import write
from codaar_core.report.record import read
from codaar_core.report.runs import list_runs
from codaar_core.report.tables import terminal

__all__ = ["list_runs", "read", "terminal", "write"]

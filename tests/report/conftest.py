from __future__ import annotations

from pathlib import Path

import pytest
from sample_results import sample_results, write_results

from codaar_core.engine.results import Results


@pytest.fixture
def results() -> Results:
    """What a finished run leaves."""
    return sample_results()


@pytest.fixture
def unaligned() -> Results:
    """What the control leaves."""
    return sample_results(aligned=False)


@pytest.fixture
def run_directory(tmp_path):
    """Make a run directory with results."""

    def make(results: Results, name: str = "run") -> Path:
        return write_results(tmp_path / name, results)

    return make

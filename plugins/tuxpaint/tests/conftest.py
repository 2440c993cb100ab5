from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codaar_core.testing.data_plugins import one_thread  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))
from generated_stamps import write_stamps  # noqa: E402


@pytest.fixture(scope="session")
def stamps_folder(tmp_path_factory):
    return write_stamps(tmp_path_factory.mktemp("stamps"))

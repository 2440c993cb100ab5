"""A server that cannot be reached does not hold a run up."""

from __future__ import annotations

import socket
import time

import pytest
from codaar_plugin_mlflow.logger import Mlflow


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_it_is_given_up_after_seconds(closed_port, tmp_path, monkeypatch):
    from mlflow.exceptions import MlflowException

    waits: list[float] = []
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setattr(time, "sleep", waits.append)
    logger = Mlflow(Mlflow.Config(tracking_uri=f"http://127.0.0.1:{closed_port}"), None)
    with pytest.raises(MlflowException, match="Max retries exceeded"):
        logger.open(tmp_path, "name", {})
    assert waits
    assert sum(waits) < 30

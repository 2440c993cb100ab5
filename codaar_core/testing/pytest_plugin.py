"""What pytest knows of the kit in every session: one option. Imports nothing of it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--codaar-seeds``."""
    group = parser.getgroup("codaar", "conformance of CoDAAR plug-ins")
    group.addoption(
        "--codaar-seeds",
        type=int,
        default=1,
        metavar="N",
        help="run each conformance check with N seeds of weights and inputs (default: 1)",
    )

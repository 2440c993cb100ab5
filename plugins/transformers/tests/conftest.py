"""Marks checks of classes that are the same in the plug-ins vgg and vggish, where they run in every test run."""

from __future__ import annotations

import pytest

SAME = ("encoder:map:compiles", "encoder:map:settings-matter", "encoder:tokens:compiles", "decoder:map:compiles")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(f"[{name}]" in item.name for name in SAME):
            item.add_marker(pytest.mark.slow)

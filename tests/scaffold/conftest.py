"""Generated plug-ins of every kind, installed for these tests only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import OFFLINE, run, succeed

from codaar_core import new_plugin
from codaar_core.registry import KINDS


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a plug-in of every kind; each is called first-KIND."""
    folder = tmp_path_factory.mktemp("generated")
    return {kind: new_plugin(f"first-{kind}", kind, folder) for kind in KINDS}


@pytest.fixture(scope="module")
def installed(generated: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The generated plug-ins, installed into a folder on the path of these tests only."""
    site = tmp_path_factory.mktemp("site")
    install = (sys.executable, "-m", "pip", "install", *OFFLINE, "--no-deps", "--no-build-isolation", "--target", site)
    succeed(run(*install, *generated.values()))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        before = set(sys.modules)
        yield generated
        for name in set(sys.modules) - before:
            if name.startswith("codaar_plugin_first_"):
                del sys.modules[name]

from __future__ import annotations

from pathlib import Path

import pytest
from codaar_plugin_digits.digits import Digits
from codaar_plugin_digits.speech import OneVoice

from codaar_core.api import DataContext
from codaar_core.testing.data_plugins import one_thread  # noqa: F401
from codaar_core.testing.released_numbers import shared  # noqa: F401

MODALITIES = ("audio", "video", "text")
SMALL = {"pretrain": 60, "classification": (80, 60), "localization": (50, 40), "retrieval": 30}


@pytest.fixture(scope="session", autouse=True)
def quick():
    """Render few voices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OneVoice, "variations", 30)
        yield


@pytest.fixture(scope="session")
def make_digits():
    def make(modalities=MODALITIES, **settings) -> Digits:
        return Digits(Digits.Config(**{**SMALL, **settings}), DataContext(modalities))

    return make


@pytest.fixture(scope="session")
def digits(make_digits) -> Digits:
    return make_digits()


@pytest.fixture(scope="session")
def fsdd_root(shared: Path) -> str:  # noqa: F811
    root = shared / "datasets" / "fsdd"
    if not root.is_dir():
        pytest.skip(f"the Free Spoken Digit Dataset is not in {root}")
    return str(root)

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from codaar_plugin_digits.digits import Digits
from codaar_plugin_digits.speech import OneVoice

from codaar_core.api import DataContext

MODALITIES = ("audio", "video", "text")
SMALL = {"pretrain": 60, "classification": (80, 60), "localization": (50, 40), "retrieval": 30}


@pytest.fixture(scope="session", autouse=True)
def quick():
    """Render few voices, on one core."""
    torch.set_num_threads(1)
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
def fsdd_root() -> str:
    shared = Path(os.environ.get("CODAAR_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    root = shared / "datasets" / "fsdd"
    if not root.is_dir():
        pytest.skip(f"the Free Spoken Digit Dataset is not in {root}")
    return str(root)

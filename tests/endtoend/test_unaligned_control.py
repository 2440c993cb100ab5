"""The control of the main job: without alignment nothing is transferred. A file of its own runs beside the main job."""

from __future__ import annotations

import pytest
from main_job import headline, run

CONTROL = ("model.align=[]", 'model.losses=["reconstruction","commitment"]', 'evaluate.on=["classification"]')
CHANCE = 0.1


@pytest.mark.slow(seconds=140)
def test_unaligned_codes_do_not(recipe, tmp_path):
    assert headline(run(recipe, tmp_path, CONTROL), "classification") <= CHANCE + 0.1

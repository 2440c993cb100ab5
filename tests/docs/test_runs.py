"""docs/runs.md names every key of a transfer in results.json."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from codaar_core.engine.results import TransferScore

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runs.md"


def test_every_key_of_a_transfer_is_explained():
    table = PAGE.read_text("utf-8").partition("| key of `transfers` |")[2].partition("\n\n")[0]
    explained = [
        key for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    ]
    assert explained == [field.name for field in attrs.fields(TransferScore)]

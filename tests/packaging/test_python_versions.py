"""An older Python is refused with a clear message, before anything is downloaded or built."""

from __future__ import annotations

import tomli
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


def test_the_first_requirement_of_the_checkout_refuses_older_pythons(root):
    """pip looks for requirements with an address in the order of the file, before all others."""
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    first = Requirement(next(line for line in lines if not line.startswith("#")))
    supported = SpecifierSet(tomli.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"])
    for minor in range(8, 16):
        applies = first.marker.evaluate({"python_version": f"3.{minor}"})
        assert applies == (f"3.{minor}" not in supported)
    assert "needs-Python-3.10-or-newer" in first.url and str(supported) == ">=3.10"

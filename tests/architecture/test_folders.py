"""A folder is small enough to be read at a glance."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOZEN = 12
ONE_FILE_A_THING = {
    "codaar_core/api": "one contract per file",
    "codaar_core/cli/verbs": "one verb per file",
    "codaar_core/testing/checks": "the checks of one kind of component per file",
    "codaar_core/testing/subjects": "one kind of component per file",
}


def test_no_folder_of_core_has_more_than_a_dozen_files():
    sizes = {
        folder.relative_to(ROOT).as_posix(): len(list(folder.glob("*.py")))
        for folder in (ROOT / "codaar_core", *(ROOT / "codaar_core").rglob("*/"))
        if folder.is_dir()
    }
    assert set(ONE_FILE_A_THING) <= set(sizes)
    large = {folder: size for folder, size in sizes.items() if size > DOZEN and folder not in ONE_FILE_A_THING}
    assert large == {}

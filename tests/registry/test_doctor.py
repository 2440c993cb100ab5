from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from codaar_core import doctor
from codaar_core.registry.index import known_plugins as index
from codaar_core.registry.index.known_plugins import Known


def findings(state: str) -> list[str]:
    return [str(found) for found in doctor() if found.state == state]


@pytest.fixture(autouse=True)
def toys(site, here):
    site.add_toy()


def test_all_is_good(here):
    good = [found for found in findings("good") if "command:" not in found]  # of this checkout
    assert good[0].startswith("python 3.") and good[1].startswith("torch 2.") and " on cpu" in good[1]
    assert good[2].startswith("codaar-plugin-toy 0.3.0: encoder:toy-encoder, ")
    assert good[3] == f"{here / 'runs'} can be written"
    assert len(good) == 4 and not findings("note") and not findings("broken")


def test_a_broken_plugin(site):
    site.add("codaar-plugin-bad", {"loss": {"bad": "bad_one:X"}}, "2.0", {"bad_one.py": "import einx_is_missing"})
    (broken,) = findings("broken")
    assert broken.startswith("loss 'bad:bad' could not be loaded from codaar-plugin-bad 2.0: ModuleNotFoundError")
    assert "pip install codaar-plugin-bad" in broken
    assert any("codaar-plugin-toy" in found for found in findings("good"))


def test_an_incompatible_plugin(site):
    site.add("codaar-plugin-old", {"loss": {"old": "old:X"}}, requires=["codaar-core<0.1"])
    (broken,) = findings("broken")
    assert "codaar-plugin-old 1.0 needs codaar-core <0.1" in broken and "pip install --upgrade" in broken


def test_a_misspelt_entry_point_group(site, call):
    site.add("codaar-plugin-slip", {"alignmentz": {"mean": "slip:Mean"}}, "0.4")
    info = next(site.folder.glob("codaar_plugin_slip-*.dist-info")) / "entry_points.txt"
    info.write_text("[codaar.alignmentz]\nmean = slip:Mean\n[other.group]\nx = slip:X\n")
    assert findings("broken") == [
        "codaar-plugin-slip 0.4 has the unknown entry-point group 'codaar.alignmentz'; "
        "did you mean 'codaar.alignments'?"
    ]
    listed = call("list", "plugins")[1].split("not read: unknown entry-point groups\n")[1]
    assert listed.split("\n")[0].split() == [
        *("codaar-plugin-slip", "0.4", "codaar.alignmentz", "did", "you", "mean", "'codaar.alignments'?"),
    ]


def test_a_clash(site):
    site.add("codaar-plugin-more", {"loss": {"toy-loss": "codaar_plugin_toy.components:ToyLoss"}}, "2.0")
    assert findings("note") == [
        "loss 'toy-loss' is provided by codaar-plugin-more 2.0 and codaar-plugin-toy 0.3.0; "
        'write "more:toy-loss" or "toy:toy-loss" in recipes'
    ]


def editable(site, folder: Path, entry_points: str) -> None:
    info = next(site.folder.glob("codaar_plugin_toy-*.dist-info"))
    (info / "direct_url.json").write_text(json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}}))
    if entry_points:
        folder.mkdir()
        (folder / "pyproject.toml").write_text(f"[project]\nname = 'codaar-plugin-toy'\n{entry_points}")


def test_a_stale_editable_installation(site, tmp_path):
    folder = tmp_path / "check out"
    editable(site, folder, "[project.entry-points.'codaar.losses']\ntoy-loss = 'a:B'\nnew = 'a:C'\n")
    (broken,) = findings("broken")
    assert "was installed before " in broken and "loss:new" in broken and "loss:toy-loss" not in broken
    assert broken.endswith(f"pip install -e {folder}")


def test_an_editable_installation_of_a_folder_that_is_gone(site, tmp_path):
    editable(site, tmp_path / "gone", "")
    (broken,) = findings("broken")
    assert "gone, which cannot be read" in broken and broken.endswith("pip uninstall codaar-plugin-toy")


def test_disagreement_with_the_index(monkeypatch):
    listed = Known("codaar-plugin-toy", "toy", "Toys", "official", "plugins/toy", "MIT", ">=0.1,<1", ("loss:old",))
    monkeypatch.setattr(index, "known_plugins", lambda: (listed,))
    (note,) = findings("note")
    assert "disagree about" in note and "loss:old" in note and "loss:toy-loss" in note


def test_a_folder_of_runs_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    broken = [found for found in doctor(tmp_path / "file" / "runs") if found.state == "broken"]
    assert len(broken) == 1 and "cannot be written" in broken[0].message


def test_torch_that_cannot_be_imported(site):
    (site.folder / "torch.py").write_text("raise OSError('libtorch is missing')")
    code = f"""
import sys
sys.path.insert(0, {str(site.folder)!r})
from codaar_core.registry.doctor import check_torch
print(check_torch())
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.startswith("torch: OSError: libtorch is missing") and "pip install --force-reinstall torch" in said


def test_commands_of_packages_without_components(site):
    site.add("codaar-tools", {}, "1.5", {"tools_of_codaar.py": "import click\nshow = click.Command('show')"})
    (info,) = site.folder.glob("codaar_tools-*.dist-info")
    points = "[codaar.commands]\nshow = tools_of_codaar:show\nlost = nowhere_to_be:found\n"
    (info / "entry_points.txt").write_text(points)
    assert "codaar-tools 1.5: command:show" in findings("good")
    (broken,) = findings("broken")
    assert broken.startswith("the command 'lost' could not be loaded from codaar-tools 1.5: ModuleNotFoundError")
    assert broken.endswith("; pip install --upgrade codaar-tools")

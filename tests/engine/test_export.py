"""`codaar export`: the folder opens anywhere with the codes of the run, has no paths of this machine, is checked."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import attrs
import numpy as np
import pytest
import tomli
import torch
from sample_results import sample_results
from smallest import SMALLEST
from toy_run import toy_plan

import codaar_core
from codaar_core import report
from codaar_core.api import CodaarError, DataError
from codaar_core.engine import run
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.exported.manifest import Manifest, manifest_json, read_manifest
from codaar_core.engine.exported.private_paths import PathRemover, absolute_paths
from codaar_core.engine.record.pretraining_clips import RecordingHashes
from codaar_core.engine.results import as_json, parse
from codaar_core.recipe import load

DIGITS = [*SMALLEST, "evaluate.on=[]"]
FILES = {
    "LICENSE",
    "README.md",
    "SHA256SUMS",
    "codaar.json",
    "model.safetensors",
    "pretraining_clips.txt",
    "recipe.toml",
}
OPEN = """
import sys
import numpy as np
import codaar_core
model = codaar_core.open_model(sys.argv[1])
codes = model.encode({"audio": np.load("clips.npy")})["audio"]
np.savez("codes.npz", indices=codes.indices.numpy(), own=codes.own.numpy())
assert not [name for name in sys.modules if name.startswith("codaar_plugin_digits")]
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """A finished run whose best epoch is not the last."""
    folder = tmp_path_factory.mktemp("toy private")
    directory = run(toy_plan(folder, "run.epochs=2", 'run.best="lr"', "optimizer.milestones=[]", "bench.toy.epochs=1"))
    return directory


@pytest.fixture(scope="module")
def exported(toy, tmp_path_factory) -> Path:
    return codaar_core.export(toy, tmp_path_factory.mktemp("shared") / "toy", licence="CC-BY-4.0")


@pytest.fixture
def copy(exported, tmp_path) -> Path:
    """A copy of the exported toy model, to be damaged."""
    return Path(shutil.copytree(exported, tmp_path / "toy"))


def components(folder: Path) -> list[Path]:
    return [folder / "components" / "toys.py"]


def seal(folder: Path) -> None:
    """Make SHA256SUMS agree with the files again."""
    names = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines()]
    lines = [f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


def change_manifest(folder: Path, **changes) -> None:
    values = json.loads((folder / "codaar.json").read_text("utf-8")) | changes
    (folder / "codaar.json").write_text(json.dumps(values), "utf-8")
    seal(folder)


# The folder


def test_it_has_all_files_and_nothing_is_left_beside_it(exported):
    found = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert found == {*FILES, "recipe.toml", "results.json", "components/toys.py"}
    assert [path.name for path in exported.parent.iterdir()] == ["toy"]
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=exported)
    assert done.returncode == 0


def test_the_manifest_says_what_the_model_is(toy, exported):
    manifest = read_manifest(exported)
    assert (manifest.name, manifest.seed, manifest.epochs, manifest.steps) == ("toy", 43, 2, 10)
    assert (manifest.codewords, manifest.width, list(manifest.features)) == (16, 8, ["north", "east"])
    assert manifest.run == f"toy/{toy.name}"
    assert manifest.licence == "CC-BY-4.0"
    assert manifest.sha256 == sha256((exported / "model.safetensors").read_bytes()).hexdigest()
    assert manifest.needs == {"codaar-core": codaar_core.__version__}
    assert Manifest(**{**attrs.asdict(manifest, recurse=False)}) == manifest
    assert manifest_json(manifest) == (exported / "codaar.json").read_text("utf-8")


def test_no_file_has_a_path_of_this_machine(toy, exported):
    private = [str(toy), str(toy.parents[2]), str(toy.parents[2].parent), str(Path.cwd()), "/tmp", str(Path.home())]
    assert str(toy.parents[2]) in (toy / "resolved.toml").read_text("utf-8"), "otherwise the test shows nothing"
    for path in exported.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [each for each in private if each.encode() in content], path
        assert re.search(rb"/(home|Users)/" + getpass.getuser().encode(), content) is None
    assert list(absolute_paths(tomli.loads((exported / "recipe.toml").read_text("utf-8")))) == []


def test_the_list_of_pretraining_clips_is_taken_along(toy, tmp_path):
    named = Path(shutil.copytree(toy, tmp_path / "run"))
    RecordingHashes.of(["a", "b", "b"]).write(named / "pretraining_clips.txt")
    folder = codaar_core.export(named, tmp_path / "named")
    assert RecordingHashes.read(folder / "pretraining_clips.txt").seen(["b", "c", "a"]) == {0, 2}
    assert read_manifest(folder).recordings == 2
    (named / "pretraining_clips.txt").unlink()
    folder = codaar_core.export(named, tmp_path / "unnamed")
    assert RecordingHashes.read(folder / "pretraining_clips.txt").unknown
    assert read_manifest(folder).recordings is None


def test_results_are_those_of_the_run(toy, exported):
    ours, theirs = (parse(json.loads((each / "results.json").read_text("utf-8"))) for each in (toy, exported))
    assert ours.transfers == theirs.transfers and ours.codes == theirs.codes
    assert (theirs.directory, theirs.sections) == ("", ())


def test_the_recipe_is_an_ordinary_one_that_needs_no_data(exported):
    assert codaar_core.validate(exported / "recipe.toml", plugins=components(exported), deep=False) == []
    plan = load(exported / "recipe.toml", plugins=components(exported))
    assert plan.data.entry.full_name == "core:stated"
    assert (plan.benchmarks, plan.hooks, plan.run.plugins != ()) == ((), (), True)
    with pytest.raises(DataError, match="states only the shapes of toy features"):
        build_data(plan).split("pretrain")


def test_an_existing_folder_and_an_exported_one_are_refused(toy, exported, tmp_path):
    with pytest.raises(CodaarError, match="exists already"):
        codaar_core.export(toy, exported)
    with pytest.raises(CodaarError, match="is an exported model already"):
        codaar_core.export(exported, tmp_path / "again")
    with pytest.raises(CodaarError, match="is not a model"):
        codaar_core.export(tmp_path, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(toy, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("codaar_core.engine.export.manifest_json", fail)
    with pytest.raises(CodaarError, match="No space left"):
        codaar_core.export(toy, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_the_best_checkpoint_has_no_scores_because_the_newest_was_evaluated(toy, tmp_path):
    folder = codaar_core.export(toy, tmp_path / "best", best=True)
    manifest = read_manifest(folder)
    assert (manifest.best, manifest.epochs, manifest.steps) == ("lr", 1, 5)
    assert not (folder / "results.json").exists()
    assert "There are no scores of these weights." in (folder / "README.md").read_text("utf-8")
    features = {"east": torch.randn(2, 5, 8)}
    best, newest = codaar_core.open_model(toy, best=True), codaar_core.open_model(toy)
    given = codaar_core.open_model(folder, plugins=components(folder)).encode(features)["east"].own
    assert torch.equal(given, best.encode(features)["east"].own)
    assert not torch.equal(given, newest.encode(features)["east"].own)


def test_packed_data_have_the_terms_of_what_was_packed(toy, tmp_path):
    packed = codaar_core.pack_data(toy / "resolved.toml", tmp_path / "packed", dtype="float32").path.parent
    plan = toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]", "data.use='packed'", f"data.folder='{packed}'")
    folder = codaar_core.export(run(plan), tmp_path / "model")
    data = read_manifest(folder).data
    assert (data.title, data.licence, data.how_to_get) == ("toy features", "CC0-1.0", "")
    assert data.origin.startswith("toy features; packed: 40 clips, sha256")
    shutil.rmtree(packed)
    codaar_core.open_model(folder, plugins=components(folder))


# Opening it


def test_codes_are_those_of_the_run(toy, exported):
    features = {m: torch.randn(20, 5, 8, generator=torch.Generator().manual_seed(1)) for m in ("north", "east")}
    ours = codaar_core.open_model(toy).encode(features)
    theirs = codaar_core.open_model(exported, plugins=components(exported)).encode(features)
    for modality, codes in ours.items():
        assert torch.equal(codes.indices, theirs[modality].indices) and torch.equal(codes.own, theirs[modality].own)


def test_it_opens_without_the_run_and_without_the_plug_in_of_the_data(tmp_path, tmp_path_factory):
    plan = load("recipes/avt.toml", DIGITS)
    model = build_model(plan, dict(build_data(plan).spaces))
    torch.manual_seed(0)
    model.quantizer.codewords.normal_()
    directory = tmp_path / "run"
    codaar_core.adopt_model(directory, "recipes/avt.toml", DIGITS, model.state_dict(), origin="weights.pt", sha256="ab")
    clips = np.random.default_rng(0).random((5, 10, 128), np.float32) * 3
    expected = codaar_core.open_model(directory).encode({"audio": clips})["audio"]
    folder = codaar_core.export(directory, tmp_path / "shared" / "model")
    shutil.rmtree(directory)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move(folder, elsewhere / "received")
    np.save(elsewhere / "clips.npy", clips)
    subprocess.run([sys.executable, "-c", OPEN, "received"], cwd=elsewhere, check=True, timeout=120)
    codes = np.load(elsewhere / "codes.npz")
    assert np.array_equal(codes["indices"], expected.indices.numpy()) and len(np.unique(codes["indices"])) > 4
    assert np.array_equal(codes["own"], expected.own.numpy())
    manifest = read_manifest(elsewhere / "received")
    assert manifest.imported == {"origin": "weights.pt", "sha256": "ab"}
    assert "codaar-plugin-digits" not in manifest.needs
    assert {"codaar-plugin-vqvae", "codaar-plugin-csa"} <= set(manifest.needs)
    assert "Trained elsewhere, origin: weights.pt" in (elsewhere / "received" / "README.md").read_text("utf-8")


def test_python_files_of_the_folder_are_executed_only_if_they_are_named(copy):
    component = copy / "components" / "toys.py"
    marker = copy / "executed"
    component.write_text(f"open({str(marker)!r}, 'w')\n" + component.read_text("utf-8"), "utf-8")
    seal(copy)
    with pytest.raises(CodaarError, match="Python files that would be executed: .*toys.py") as refused:
        codaar_core.open_model(copy)
    assert f"--plugin {component}" in refused.value.help and not marker.exists()
    codaar_core.open_model(copy, plugins=[component])
    assert marker.exists()


@pytest.mark.parametrize("line", ['plugins = ["components/toys.py"]', None])
def test_a_recipe_that_names_code_is_refused(copy, line):
    recipe = copy / "recipe.toml"
    text = recipe.read_text("utf-8")
    changed = text.replace("[run]\n", f"[run]\n{line}\n") if line else f'extends = ["x.toml"]\n{text}'
    recipe.write_text(changed, "utf-8")
    change_manifest(copy, components=[])
    with pytest.raises(CodaarError, match="it names other files, which could contain code"):
        codaar_core.open_model(copy)


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.toml", "codaar.json", "results.json"])
def test_a_damaged_file_is_named(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(CodaarError, match=rf"{re.escape(name)} (is damaged|cannot be read)") as refused:
        codaar_core.open_model(copy, plugins=components(copy))
    assert "copy or download the folder again" in refused.value.help


@pytest.mark.parametrize("name", ["model.safetensors", "SHA256SUMS"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(CodaarError, match=rf"{re.escape(name)} cannot be read: No such file"):
        codaar_core.open_model(copy, plugins=components(copy))


def test_a_list_of_checksums_that_leaves_the_weights_out_is_refused(copy):
    sums = copy / "SHA256SUMS"
    kept = [line for line in sums.read_text("utf-8").splitlines() if "safetensors" not in line]
    sums.write_text("\n".join(kept), "utf-8")
    with pytest.raises(CodaarError, match="does not list the files of a model"):
        codaar_core.open_model(copy, plugins=components(copy))


def test_the_card_may_be_edited(copy):
    (copy / "README.md").write_text("# mine\n", "utf-8")
    codaar_core.open_model(copy, plugins=components(copy))


def test_a_newer_format_says_what_to_install(copy):
    change_manifest(copy, format=2, needs={"codaar-core": "0.9.0"}, novelty=1)
    with pytest.raises(CodaarError, match="has model format 2, this codaar-core reads format 1") as refused:
        codaar_core.open_model(copy)
    assert refused.value.help == "pip install --upgrade 'codaar-core>=0.9.0'"


@pytest.mark.parametrize("changes", [{"format": "1"}, {"steps": "many"}, {"unknown": 1}, {"needs": None}])
def test_a_damaged_manifest_is_refused(copy, changes):
    change_manifest(copy, **changes)
    with pytest.raises(CodaarError, match="codaar.json is damaged"):
        codaar_core.open_model(copy)


def test_missing_plug_ins_are_named_with_one_command(copy):
    change_manifest(copy, needs={"codaar-core": "0.1.0", "codaar-plugin-b": "1.0", "codaar-plugin-a; rm x": "2.0"})
    with pytest.raises(CodaarError, match="not installed: codaar-plugin-b, codaar-plugin-a; rm x") as refused:
        codaar_core.open_model(copy)
    assert refused.value.help == "pip install codaar-plugin-b 'codaar-plugin-a; rm x'"


def test_a_missing_folder_is_named(tmp_path):
    for opened in (codaar_core.open_model, report.read):
        with pytest.raises(CodaarError, match="there is no folder .*nowhere"):
            opened(tmp_path / "nowhere")


def test_an_exported_model_has_no_best_checkpoint(exported):
    with pytest.raises(CodaarError, match="has one checkpoint only"):
        codaar_core.open_model(exported, best=True)


def test_encode_takes_the_folder(toy, exported, tmp_path):
    clips = tmp_path / "north"
    clips.mkdir()
    for clip in range(3):
        np.save(clips / f"{clip}.npy", np.random.default_rng(clip).normal(size=(4, 8)).astype(np.float32))
    h5py = pytest.importorskip("h5py")
    given = {"folders": [("north", clips)], "device": "cpu"}
    codaar_core.encode(exported, tmp_path / "theirs.h5", plugins=components(exported), **given)
    codaar_core.encode(toy, tmp_path / "ours.h5", **given)
    with h5py.File(tmp_path / "theirs.h5") as theirs, h5py.File(tmp_path / "ours.h5") as ours:
        assert np.array_equal(theirs["north/indices"], ours["north/indices"])
    with pytest.raises(DataError, match="this recipe has no clips of 'pretrain'"):
        codaar_core.encode(exported, tmp_path / "none.h5", plugins=components(exported), device="cpu")


def test_atlas_takes_the_folder(toy, exported, tmp_path):
    pytest.importorskip("h5py")
    codes = codaar_core.encode(toy, tmp_path / "codes.h5", "test of toy", extra=("latents",), device="cpu").path
    page = tmp_path / "atlas.html"
    assert codaar_core.atlas(exported, codes=[codes], to=page, plugins=components(exported)) == page
    assert '"north"' in page.read_text("utf-8")
    with pytest.raises(CodaarError, match="Python files that would be executed"):
        codaar_core.atlas(exported, codes=[codes], to=page)
    with pytest.raises(DataError, match="no clips of 'pretrain'") as refused:
        codaar_core.atlas(exported, to=tmp_path / "none.html", plugins=components(exported))
    assert "--codes" in refused.value.help and not [*tmp_path.glob("none*")]


# Paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("codaar-run /srv/x/avt.toml -o data.root=/data/big/f", "codaar-run avt.toml -o data.root=f"),
        ("see https://a.b/c/d, km/h and 1/2/3", "see https://a.b/c/d, km/h and 1/2/3"),
        ("'/srv/my name/run/x.toml'", "'x.toml'"),
        (r"C:\Users\me\x.toml and D:/a/b", "x.toml and b"),
        ("file:///srv/me/x", "x"),
        ("/srv/my names/x", "my names/x"),
    ],
)
def test_paths_become_their_last_part(text, expected):
    assert PathRemover.of(["/srv/my name"]).cleaned(text) == expected


def test_keys_are_cleaned_too():
    assert PathRemover.of([]).values({"/a/b/c": ["/d/e/f", 1, None]}) == {"c": ["f", 1, None]}


def test_a_component_that_reads_a_file_of_this_machine_cannot_be_exported(tmp_path):
    plan = toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]", "quantizer.use='local:reader'", components=READER)
    with pytest.raises(CodaarError, match=r"quantizer\.table = '/srv/tables/x' is a path of this machine"):
        codaar_core.export(run(plan), tmp_path / "new")
    assert not (tmp_path / "new").exists()


READER = '''
import attrs
from codaar_core.api import setting


class Reader(toy_model.ToyQuantizer):
    """Has a file among its settings."""

    @attrs.frozen(kw_only=True)
    class Config(toy_model.ToyQuantizer.Config):
        """A file."""

        table: str = setting("/srv/tables/x", "a file")
'''


def test_sample_results_survive_cleaning():
    results = sample_results()
    assert parse(PathRemover.of([]).values(as_json(results))) == results

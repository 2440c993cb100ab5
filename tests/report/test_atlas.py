"""`codaar atlas`: what the page contains, that it is safe and small, and which codes it refuses."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_run import toy_plan

import codaar_core
from codaar_core.api import CodaarError, DataError, Picture, Sound, Words
from codaar_core.cli.commands import codaar
from codaar_core.engine import run
from codaar_core.report.atlas import building
from codaar_core.report.atlas.agreement import agreement_of, are_paired
from codaar_core.report.atlas.codebook_map import codebook_map
from codaar_core.report.atlas.codes import ClipCodes
from codaar_core.report.atlas.codewords import by_use, nearest_steps, use_of
from codaar_core.report.atlas.page import Atlas, ModalityAtlas, embedded, render, values
from codaar_core.report.atlas.previews import Previews
from codaar_core.testing.environment.toy_model import ToyTaskSplit

EVIL = "</script><script>alert(1)</script><!--\u2028\ud800&"


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    return run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1", "bench.toy.epochs=1", "evaluate.seeds=[1,2]"))


@pytest.fixture(scope="module")
def page(toy) -> dict:
    return data_of(codaar_core.atlas(toy))


def data_of(page: Path) -> dict:
    """The data of a page."""
    (written,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"))
    return json.loads(written)


def codes_of(indices, ids=None, real=None, size=8, modality="north") -> ClipCodes:
    indices = np.asarray(indices, np.int32)
    real = np.ones(indices.shape, bool) if real is None else np.asarray(real)
    ids = [f"clip {row}" for row in range(len(indices))] if ids is None else ids
    return ClipCodes(Path("codes.h5"), modality, "test of toy", False, ids, indices[..., None], real, 1.0, size)


# Codewords


def test_nearest_steps_are_those_of_different_clips_by_distance():
    codes = codes_of([[1, 1, 2], [1, 2, 2], [1, 0, 0]], real=[[True] * 3, [True] * 3, [True, True, False]])
    distances = np.array([[3, 1, 5], [2, 4, 4], [9, 7, 0]], np.float32)
    found = nearest_steps(codes, distances[..., None], 2)
    assert found[1] == [(0, 1, 1.0), (1, 0, 2.0)]  # of clip 0 the nearer step; clip 2 is farther
    assert found[2] == [(1, 1, 4.0), (0, 2, 5.0)]
    assert found[0] == [(2, 1, 7.0)]  # the masked step does not count
    assert found[3] == []


def test_nearest_steps_agree_with_a_slow_search():
    generator = np.random.default_rng(0)
    codes = codes_of(generator.integers(0, 8, (40, 5)), real=generator.random((40, 5)) < 0.8)
    distances = generator.random((40, 5)).astype(np.float32)
    found = nearest_steps(codes, distances[..., None], 3)
    for code in range(8):
        best = {}
        for clip, step in np.argwhere((codes.indices[..., 0] == code) & codes.real):
            best[clip] = min(best.get(clip, (np.inf, 0)), (distances[clip, step], step))
        slow = sorted((far, clip, step) for clip, (far, step) in best.items())[:3]
        assert [(step.clip, step.step) for step in found[code]] == [(clip, step) for _, clip, step in slow]


def test_without_distances_the_first_clips_stand_for_a_codeword():
    found = nearest_steps(codes_of([[4, 4], [4, 1]]), None, 5)
    assert found[4] == [(0, 0, None), (1, 0, None)]


def test_counts_and_labels_of_codewords():
    codes = codes_of([[1, 1, 2], [2, 2, 0]], real=[[True] * 3, [True, True, False]])
    labels = np.array([[0, 1, 1], [1, -1, 0]])
    use = use_of(codes, labels, 3, None, 1)
    assert use.counts.tolist() == [0, 2, 3, 0, 0, 0, 0, 0] and use.used == 2
    assert use.joint.shape == (8, 3) and use.joint[1].tolist() == [1, 1, 0] and use.joint[2].tolist() == [0, 2, 0]
    assert by_use({"north": use}) == [2, 1]


def test_agreement_by_class():
    one, other = codes_of([[1, 2], [3, 4]]), codes_of([[1, 5], [3, 4]], real=[[True, True], [True, False]])
    labels = np.array([[0, 0], [1, 1]])
    found = agreement_of(one, other, (labels, labels), 2)
    assert (found.steps, found.equal) == (3, 2)
    assert found.pairs == [(0, 0, 2, 1), (1, 1, 1, 1)]
    assert are_paired(one, other) and not are_paired(one, codes_of([[1, 2], [3, 4]], ids=["a", "b"]))


def test_the_map_is_the_same_for_equal_codebooks_and_joins_equal_rows():
    generator = np.random.default_rng(1)
    book = generator.standard_normal((20, 6)).astype(np.float32)
    found = codebook_map({"north": book, "east": book + 0.01})
    again = codebook_map({"north": book.copy(), "east": book + 0.01})
    assert not found.shared and codebook_map({"north": book, "east": book.copy()}).shared
    assert all((found.points[m] == again.points[m]).all() for m in found.points)
    centred = np.concatenate([book, book + 0.01]).astype(np.float64)
    centred -= centred.mean(0)
    singular = np.linalg.svd(centred, compute_uv=False)
    assert found.explained == pytest.approx(tuple(singular[:2] ** 2 / (singular**2).sum()), rel=1e-6)
    assert np.abs(found.points["north"] - found.points["east"]).max() < 0.05
    assert codebook_map({"north": book, "east": book[:, :3]}) is None
    assert codebook_map({"north": np.full((4, 2), np.nan)}) is None
    assert codebook_map({"north": np.ones((3, 1))}).explained == (0.0, 0.0)


# Previews


class Showing(ToyTaskSplit):
    """Shows what it is told."""

    def __init__(self, shown):
        self.shown = shown

    def preview(self, index, modality, step):
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown


def test_equal_previews_are_kept_once_and_only_as_many_as_are_allowed():
    previews = Previews()
    previews.allow(100)
    sounds = [Sound(b"RIFF" + bytes([number]) * 20, "a sound") for number in range(9)]
    assert [previews.add(each) for each in (sounds[0], sounds[0], sounds[1])] == [0, 0, 1]
    assert [previews.add(each) for each in sounds[2:]] == [None] * 7
    assert previews.add(sounds[1]) == 1 and len(previews.entries) == 2


@pytest.mark.parametrize(
    "shown",
    [
        Picture(b"<svg onload=alert(1)>", "x"),
        Sound(b"RIFF" + bytes(300_000), "x"),
        "words",
        DataError("it is gone", ""),
    ],
    ids=["wrong", "large", "string", "missing"],
)
def test_a_bad_preview_is_left_out_and_told(shown):
    previews = Previews()
    previews.allow(10**6)
    assert previews.of(Showing(shown), 0, "north", 0) is None
    assert previews.entries == [] and len(previews.problems) == 1


def test_long_words_are_cut():
    previews = Previews()
    previews.allow(10**6)
    assert previews.of(Showing(Words("word " * 1000)), 0, "north", 0) == 0
    assert len(previews.entries[0][1]) == 300


# The page of a run


def test_the_page_shows_codes_labels_and_agreement_of_the_run(toy, page):
    assert page["name"] == "toy" and page["clips"] == "test of toy"
    assert page["problems"] == [f"previews of north, east: {building.NO_PREVIEWS}"]
    assert [each["name"] for each in page["modalities"]] == ["north", "east"]
    codaar_core.encode(toy, toy / "again.h5", "test of toy")
    with h5py.File(toy / "again.h5") as file:
        for each in page["modalities"]:
            indices = file[each["name"]]["indices"][:]
            assert each["counts"] == np.bincount(indices.ravel(), minlength=page["size"]).tolist()
            packed = np.frombuffer(base64.b64decode(each["codes"]), "<u2").reshape(indices.shape)
            assert (packed == indices).all()
            assert sum(count for row in each["joint"] for _, count in row) == indices.size
            assert each["distances"] and max(map(len, each["nearest"])) > 1
        same = (file["north"]["indices"][:] == file["east"]["indices"][:]).sum()
    assert page["agreement"][0]["equal"] == same
    assert page["order"] == sorted(page["order"], key=lambda code: -sum(m["counts"][code] for m in page["modalities"]))


def test_the_page_shows_predictions_of_the_run(toy, page):
    (bench,) = page["benchmarks"]
    assert bench["name"] == "toy" and bench["seeds"] == 2 and not bench.keys() & {"timelines", "gallery", "masks"}
    counted = {(each["train"], each["test"]): each["counts"] for each in bench["confusion"]}
    found = [np.load(toy / "bench" / "toy" / f"seed-{seed}" / "predictions.npz") for seed in (1, 2)]
    for (train, test), cells in counted.items():
        for truth, predicted, number in cells:
            pairs = [(each[f"target/{test}"] == truth) & (each[f"{train}->{test}"] == predicted) for each in found]
            assert number == sum(int(each.sum()) for each in pairs)
        assert sum(cell[2] for cell in cells) == 2 * len(found[0][f"target/{test}"])


def test_the_distances_of_nearest_steps_are_those_of_the_model(toy, page):
    model = codaar_core.open_model(toy)
    codaar_core.encode(toy, toy / "latents.h5", "test of toy", extra=["latents"])
    with h5py.File(toy / "latents.h5") as file:
        latents = file["north"]["latents"][:]
    for code, steps in enumerate(page["modalities"][0]["nearest"]):
        for clip, step, distance, _ in steps:
            vector = model.lookup("north", torch.tensor([code])).numpy()[0]
            assert distance == pytest.approx(((latents[clip, step] - vector) ** 2).sum(), rel=1e-3)


def test_the_page_loads_nothing_and_runs_only_its_own_script(toy):
    page = (toy / "atlas.html").read_text("utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"{name} 'sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}'" in policy
    assert re.findall(r"\b(?:src|href)=\"([^\"]*)\"", page) == ["#codewords"]
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|fetch\(|style=\"", page)


def test_foreign_strings_stay_strings():
    written = embedded({"id": EVIL})
    assert "<" not in written and "&" not in written and written.isascii()
    assert json.loads(written) == {"id": EVIL}


def test_the_page_of_foreign_strings_has_no_other_markup(toy, tmp_path):
    codaar_core.encode(toy, tmp_path / "codes.h5", "test of toy")
    evil = "</script><script>alert(1)</script>"
    with h5py.File(tmp_path / "codes.h5", "r+") as file:
        for modality in file:
            file[modality]["ids"][:] = [evil] * len(file[modality]["ids"])
            file[modality].attrs["clips"] = evil
    found = codaar_core.atlas(toy, codes=[tmp_path / "codes.h5"], to=tmp_path / "page.html")
    assert "alert(1)</script>" not in found.read_text("utf-8")
    assert data_of(found)["clips"] == evil and set(data_of(found)["modalities"][0]["ids"]) == {evil}


def test_without_labels_or_predictions_their_parts_are_absent(toy, tmp_path):
    found = data_of(codaar_core.atlas(toy, "pretrain", to=tmp_path / "page.html"))
    assert found["classes"] == [] and all(each["joint"] is None for each in found["modalities"])
    assert found["agreement"][0]["pairs"] == [] and found["agreement"][0]["steps"] > 0


def test_a_run_without_benchmarks_shows_its_pretraining_clips(tmp_path):
    alone = run(toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]"))
    found = data_of(codaar_core.atlas(alone))
    assert found["clips"].startswith("pretrain: ") and found["benchmarks"] == []


def test_damaged_predictions_are_told_and_hide_nothing_else(toy, tmp_path):
    path = toy / "bench" / "toy" / "seed-1" / "predictions.npz"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 2])
        found = data_of(codaar_core.atlas(toy, to=tmp_path / "page.html"))
    finally:
        path.write_bytes(whole)
    assert found["benchmarks"] == [] and any("predictions.npz" in problem for problem in found["problems"])
    assert found["classes"] and found["modalities"][0]["joint"]


# Refused


def test_codes_of_another_model_are_refused(toy, tmp_path):
    other = run(toy_plan(tmp_path, "run.epochs=1", "run.seed=5", "evaluate.on=[]"))
    codaar_core.encode(other, tmp_path / "codes.h5")
    with pytest.raises(DataError, match="other weights"):
        codaar_core.atlas(toy, codes=[tmp_path / "codes.h5"], to=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_two_files_of_one_modality_are_refused(toy, tmp_path):
    for name in ("one", "two"):
        codaar_core.encode(toy, tmp_path / f"{name}.h5", "test of toy")
    with pytest.raises(DataError, match=r"two\.h5 and .*one\.h5 both have codes of"):
        codaar_core.atlas(toy, codes=[tmp_path / "one.h5", tmp_path / "two.h5"], to=tmp_path / "page.html")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"split": "pretrain", "codes": ["codes.h5"]}, "named twice"),
        ({"clips": 0}, "from 1 to 50"),
        ({"to": "page.h5"}, "not the name of a page"),
        ({"to": "nowhere/page.html"}, "no folder nowhere"),
        ({"codes": ["missing.h5"]}, "no file missing.h5"),
        ({"split": "test of nothing"}, "no benchmark 'nothing'"),
    ],
    ids=lambda each: "" if isinstance(each, dict) else each,
)
def test_wrong_arguments_are_refused(toy, given, message):
    with pytest.raises(CodaarError, match=message) as caught:
        codaar_core.atlas(toy, **given)
    assert caught.value.help


def test_a_run_that_does_not_exist_is_named_and_nothing_is_made(tmp_path):
    with pytest.raises(CodaarError, match="nowhere"):
        codaar_core.atlas(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_clips_that_cannot_be_read_leave_nothing_and_codes_are_suggested(toy, tmp_path, monkeypatch):
    def unreadable(*arguments, **named):
        raise DataError("the clips are gone", "get them again")

    monkeypatch.setattr(building, "encode", unreadable)
    with pytest.raises(DataError, match="the clips are gone") as caught:
        codaar_core.atlas(toy, to=tmp_path / "page.html")
    assert caught.value.help == "get them again; or give files of `codaar encode` with --codes"
    assert list(tmp_path.iterdir()) == []


def test_the_verb_writes_the_page_and_leaves_nothing_else(toy, tmp_path):
    before = sorted(toy.iterdir())
    result = CliRunner().invoke(codaar, ["atlas", str(toy), "--to", str(tmp_path / "page.html"), "--clips", "2"])
    assert result.exit_code == 0, result.output
    assert result.output == f"atlas: {tmp_path / 'page.html'}\n"
    assert sorted(toy.iterdir()) == before and [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert max(map(len, data_of(tmp_path / "page.html")["modalities"][0]["nearest"])) == 2


# Interruptions and size


def test_an_interrupted_page_goes_on_with_its_codes(toy, tmp_path, monkeypatch):
    page = tmp_path / "page.html"

    def interrupted(content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(building, "render", interrupted)
        codaar_core.atlas(toy, to=page)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html.partial"]
    with monkeypatch.context() as patch:
        patch.setattr(building, "encode", interrupted)  # the codes are there already
        codaar_core.atlas(toy, to=page)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_killed_page_leaves_nothing_half_written(toy, tmp_path):
    page = tmp_path / "page.html"
    call = [Path(sys.executable).with_name("codaar"), "atlas", toy, "--to", page]
    process = subprocess.Popen(call, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while process.poll() is None and not (tmp_path / "page.html.partial").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not page.exists()
    codaar_core.atlas(toy, to=page)
    assert data_of(page)["name"] == "toy" and [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_page_of_fifty_thousand_clips_is_small():
    generator = np.random.default_rng(0)
    clips, size, classes = 50_000, 800, 141
    ids = [f"{generator.integers(2**60):011x}"[:11] for _ in range(clips)]  # as long as those of videos
    labels = np.repeat(generator.integers(0, classes, (clips, 1)), 10, axis=1)
    modalities = {}
    for name in ("north", "east", "south"):
        codes = codes_of(generator.integers(0, size, (clips, 10)), ids=ids, size=size, modality=name)
        distances = generator.random((clips, 10)).astype(np.float32)
        modalities[name] = ModalityAtlas(codes, labels, use_of(codes, labels, classes, distances[..., None], 6))
    previews = Previews()
    previews.allow(building.LETTERS)
    while previews.add(Sound(b"RIFF" + generator.bytes(8000), "a sound")) is not None:
        pass
    atlas = Atlas(
        name="large",
        model="runs/large",
        checkpoint="step-1",
        weights="0" * 64,
        clips="test of large",
        size=size,
        classes=[f"class {number}" for number in range(classes)],
        modalities=modalities,
        previews_of_steps={},
        agreement={},
        map=codebook_map({name: generator.standard_normal((size, 256)) for name in modalities}),
        benchmarks=[],
        previews=previews,
        problems={},
    )
    page = render(atlas)
    assert 7_000_000 < len(page) < 16_000_000  # predictions may add four million
    assert values(atlas)["modalities"][1]["idsOf"] == "north"


# Colours, and a browser where there is one

STYLE = (Path(building.__file__).parent / "templates" / "atlas.css").read_text("utf-8")
SCHEMES = dict(zip(("light", "dark"), re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL), strict=False))


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, by WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_letters_have_a_contrast_of_at_least_4_5(scheme):
    colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6});", SCHEMES[scheme]))
    for name in ("ink", "soft", "accent", "bad", "good", *(f"m{number}" for number in range(6))):
        for background in ("paper", "wash"):
            pair = sorted(luminance(colours[each]) for each in (name, background))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, f"{scheme}: {name} on {background}"


def test_the_page_prints_in_the_colours_of_the_light_scheme():
    printed = re.search(r"@media print \{\s*:root \{(.*?)\}", STYLE, re.DOTALL)[1]
    assert set(re.findall(r"--\w+: [^;]+;", SCHEMES["light"])) == set(re.findall(r"--\w+: [^;]+;", printed))
    assert "print-color-adjust: exact" in STYLE


@pytest.mark.slow
def test_a_browser_draws_the_page(toy, page, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    shown = (toy / "atlas.html").as_uri()
    call = [chromium, *options, f"--user-data-dir={tmp_path}", "--virtual-time-budget=3000", "--dump-dom", shown]
    drawn = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True).stdout
    assert drawn.count('<article class="code"') == len(page["order"])
    sections = re.findall(r'<section id="(\w+)"', drawn)
    shown = ["codewords", "usage", "map", "agreement", "confusion"]
    assert sections == [*shown, "notes"] and page["problems"]  # the notes say that the toy clips have no previews

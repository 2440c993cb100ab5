"""The model card: metadata of the Hugging Face hub, text that cannot break out of its place, and a block that runs."""

from __future__ import annotations

import re
import subprocess
import sys

import attrs
import pytest
from sample_results import MODALITIES, sample_results, with_scores
from toy_run import toy_plan

import codaar_core
from codaar_core.engine import run
from codaar_core.engine.exported.manifest import FeatureSpace, Manifest, TrainingData
from codaar_core.report.card import describe_model
from codaar_core.report.card.front_matter import front_matter, slug
from codaar_core.report.card.markdown import code_block, escaped, inline_code, yaml

HOSTILE = "</script><b>x</b> | `a` *b* [c](javascript:d) \n# e \x1b[31m --- $f$"


def manifest(**changes) -> Manifest:
    usual = Manifest(
        name="avt",
        run="avt/2026-11-22T10-04-17",
        features={m: FeatureSpace(shape=(10, 128), length=10, extraction="by-hand") for m in MODALITIES},
        codewords=800,
        width=256,
        parameters=1234567,
        seed=43,
        epochs=16,
        steps=800,
        sha256="ab" * 32,
        data=TrainingData(title="AVT-Digits", origin="AVT-Digits, seed 2026", licence="CC0-1.0", how_to_get="ask"),
        recordings=4000,
        licence="CC-BY-4.0",
        needs={"codaar-core": "0.1.0", "codaar-plugin-vqvae": "0.2.0"},
        torch="2.13.0",
    )
    return attrs.evolve(usual, **changes)


def card(results=None, **changes) -> str:
    return describe_model(manifest(**changes), results)["README.md"]


def metadata(text: str) -> dict:
    return pytest.importorskip("yaml").safe_load(text.split("---\n")[1])


def test_metadata_are_what_was_measured():
    results = sample_results()
    found = metadata(card(results))
    assert found == front_matter(manifest(), results)
    assert (found["license"], found["library_name"], found["datasets"]) == ("cc-by-4.0", "codaar", ["avt-digits"])
    assert found["metrics"] == ["accuracy", "segment-accuracy", "r-1"]
    (index,) = found["model-index"]
    values = {(each["dataset"]["name"], m["name"]): m["value"] for each in index["results"] for m in each["metrics"]}
    for score in results.transfers:
        if score.counts:
            name = f"{score.metric}, {score.train} to {score.test} (%)"
            assert values.pop((score.benchmark, name)) == pytest.approx(100 * score.mean, abs=0.006)
    assert not values


def test_the_hub_reads_the_card(tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    path = tmp_path / "README.md"
    path.write_text(card(sample_results(), name=HOSTILE, data=TrainingData(title=HOSTILE)), "utf-8")
    read = hub.ModelCard.load(path)
    assert read.data.license == "cc-by-4.0" and read.data.model_name == HOSTILE
    assert len(read.data.eval_results) == 10
    first = read.data.eval_results[0]
    assert (first.task_type, first.metric_type, first.dataset_name) == ("classification", "accuracy", "classification")
    assert hub.metadata_load(path)["model-index"][0]["name"] == HOSTILE
    again = hub.ModelCardData(model_name="x", eval_results=read.data.eval_results).to_dict()
    assert len(again["model-index"][0]["results"]) == 3


def test_absent_facts_are_left_out():
    text = card(licence="", data=TrainingData(), recordings=None, features={"audio": FeatureSpace(shape=(8,))})
    found = metadata(text)
    assert set(found) == {"library_name", "pipeline_tag", "tags"}
    assert "Terms of the weights are not stated." in text and "Recordings: unknown" in text
    assert "## Scores" not in text and "There are no scores of these weights." in text
    assert not re.search(r"None|Undefined|: *$", text.split("---\n")[2].replace("`ID.npy`:", ""), re.MULTILINE)


def test_scores_stand_beside_chance_and_limits_name_caveats():
    results = sample_results()
    text = card(results)
    for score in results.transfers:
        start = f"| {score.train} | {score.test}{' †' if score.caveat else ''} | "
        row = next(line for line in text.splitlines() if line.startswith(start))
        assert row.count("|") == 8
    score = results.transfers[0]
    assert f"| {100 * score.mean:.1f} ± {100 * score.std:.1f} | {100 * score.chance:.1f} |" in text
    assert "Caveat (†): a word spells its label: the head reads the answer" in text
    assert "one pretraining, with seed 43" in text
    assert "Recordings: 4,000." in text
    assert results.command in text and results.recipe.strip() in text
    failed = with_scores(results, mean=0.1, constant=0.2, caveat="")
    assert "No better than the best constant prediction: classification" in card(failed)


def test_text_of_others_stays_in_its_place():
    results = with_scores(sample_results(), benchmark=HOSTILE, train=HOSTILE, caveat=HOSTILE, metric=HOSTILE)
    text = card(attrs.evolve(results, recipe="```\n# not a heading\n````", command=HOSTILE), name=HOSTILE)
    body = text.split("---\n", 2)[2]
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", body, flags=re.DOTALL | re.MULTILINE)
    assert "\x1b" not in text and not re.search(r"(?<!\\)<(?!`)", outside)
    assert {line for line in outside.splitlines() if line.startswith("# ")} == {f"# {escaped(HOSTILE)}"}
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (5, 8) for line in outside.splitlines() if line.startswith("|"))
    assert metadata(text)["tags"][-1] == MODALITIES[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("41.7", "41.7"),
        ("1. x", r"1\. x"),
        ("- x", r"\- x"),
        ("# x", r"\# x"),
        ("a_b|c", r"a\_b\|c"),
        ("a\n\nb", "a b"),
        ("<i>", r"\<i\>"),
    ],
)
def test_markdown_is_escaped(text, expected):
    assert escaped(text) == expected


def test_code_has_a_fence_that_it_cannot_close():
    assert code_block("a ``` b") == "````\na ``` b\n````"
    assert inline_code("a`b|c") == "`` a`b\\|c ``"


def test_yaml_is_read_back():
    values = {"a": ["x: y", "- z", {"b": 1, "c": {"d": [1.5, True, None]}}], "e": {}, "f": [], "g": "\u2028é\n#"}
    assert pytest.importorskip("yaml").safe_load(yaml(values)) == values
    with pytest.raises(ValueError, match="not a word"):
        yaml({"a: b": 1})


@pytest.mark.parametrize(("text", "expected"), [("R@1, %", "r-1"), ("AVT-Digits", "avt-digits"), ("–", "unnamed")])
def test_names_become_identifiers(text, expected):
    assert slug(text) == expected


def test_a_licence_that_is_no_identifier_has_a_name():
    found = front_matter(manifest(licence="Only for my friends!"), None)
    assert (found["license"], found["license_name"]) == ("other", "only-for-my-friends")


def test_the_note_separates_weights_data_and_code():
    note = describe_model(manifest(licence=""), None)["LICENSE"]
    assert "stated no terms" in note and "Terms: CC0-1.0" in note and "codaar-plugin-vqvae 0.2.0" in note


def test_the_python_block_of_the_card_runs_inside_the_folder(tmp_path, monkeypatch):
    directory = run(toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]"))
    folder = codaar_core.export(directory, tmp_path / "shared")
    (folder / "README.md").rename(tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text("utf-8")
    block = re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", block[1]], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.stdout == "torch.Size([1, 10])\n", done.stderr

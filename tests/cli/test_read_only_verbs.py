"""Verbs that run nothing: explain, diff, schema, data, lock, doctor, registry; and shell completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
import tomli_w
from toy_plugins import SMALL


def test_explain(call):
    Path("base.toml").write_text(SMALL)
    Path("r.toml").write_text("extends = ['base.toml']\n[quantizer]\ncodes = 4\n")
    code, out, _ = call("explain", "r.toml", "-o", "optimizer.lr=1e-4", "-o", "device.on=cpu")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert rows["run.name"].split() == ["run.name", "=", '"small"', "#", "base.toml:3"]
    assert rows["quantizer.codes"].split("#")[1] == " r.toml:3"
    assert rows["optimizer.lr"].split() == ["optimizer.lr", "=", "0.0001", "#", "command", "line"]
    assert rows["device.on"].split()[2] == '"cpu"'
    assert rows["run.seed"].split() == ["run.seed", "=", "43", "#", "default"]


def test_diff(call):
    Path("more.toml").write_text("extends = ['small.toml']\n[run]\nseed = 7\n")
    code, out, _ = call("diff", "small.toml", "more.toml", "-o", "decoders.north.use=x")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["run.seed", "43", "#", "default", "->", "7", "#", "more.toml:3"],
        ["decoders.north.use", "-", "->", '"x"', "#", "command", "line"],
    ]
    assert call("diff", "small.toml", "small.toml")[:2] == (0, "no value differs\n")


def test_diff_of_a_missing_file(call):
    code, _, error = call("diff", "small.toml", "smal.toml")
    assert code == 2 and "did you mean 'small.toml'?" in error


def test_schema(call):
    code, out, _ = call("schema")
    assert code == 0 and "toy-loss" in out
    assert call("schema", "-O", "recipe.schema.json") == (0, "", "")
    assert json.loads(Path("recipe.schema.json").read_text()) == json.loads(out)


def test_a_file_that_cannot_be_written(call):
    code, _, error = call("schema", "-O", "nowhere/x.json")
    assert (code, error) == (1, "error: nowhere/x.json: No such file or directory\n")


def test_data(call):
    code, out, _ = call("data", "toy-data")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["data", "toy:toy-data"],
        ["title", "toys"],
        ["licence", "CC0-1.0"],
        ["to", "get", "it", "made"],
    ]
    assert call("data", "toy-dat")[0] == 2


MINE = """
from codaar_core.api import Card, DataError, DataSource

class Mine(DataSource):
    card = Card("Mine", "CC0-1.0", "ask me")
    spaces = {"north": None}

    def split(self, name):
        SPLIT

    def synthetic(self, clips, seed):
        return None
"""


@pytest.mark.parametrize(
    ("split", "code", "said"),
    [
        ("return range(7)", 0, "found: 7 clips for pretraining: Mine"),
        ('raise DataError("there is no folder x", "ask me")', 1, "error: there is no folder x\n   = help: ask me"),
    ],
)
def test_data_of_a_recipe_tells_whether_its_files_exist(call, split, code, said):
    Path("mine.py").write_text(MINE.replace("SPLIT", split))
    result = call("data", "small.toml", "-o", "data.use=mine", "--plugin", "mine.py")
    assert result[0] == code
    assert said in result[1] + result[2] and "licence" in result[1]


def test_only_a_benchmark_with_its_own_data_has_terms(call, toy):
    code, out, error = call("data", "toy-benchmark")
    assert (code, out) == (1, "")
    assert "toy-benchmark has no data of its own" in error


LOCK = {
    "format": 1,
    "command": "codaar-run a.toml",
    "packages": {"torch": "2.13.0"},
    "recipe": {"files": {"a.toml": "sha256:" + "0" * 64}, "overrides": {"run.seed": "3"}},
    "components": {"data": {"name": "x:y", "package": "p", "target": "t:T", "source": "sha256:" + "1" * 64}},
    "data": {"origin": "some clips"},
    "git": {},
}


def test_lock(call):
    Path("run").mkdir()
    Path("run/lock.toml").write_text(tomli_w.dumps(LOCK))
    code, out, _ = call("lock", "run")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["format", "1"],
        ["command", "codaar-run", "a.toml"],
        ["packages"],
        ["torch", "2.13.0"],
        ["recipe"],
        ["a.toml", "sha256:000000000000"],
        ["run.seed", "3"],
        ["components"],
        ["data", "x:y", "sha256:111111111111"],
        ["data"],
        ["origin", "some", "clips"],
        ["git"],
        ["-"],
    ]
    assert call("lock", "run", "-O", "a.lock.toml") == (0, "", "")
    assert tomli.loads(Path("a.lock.toml").read_text()) == LOCK
    assert call("lock", "a.lock.toml")[1] == out


def test_doctor(call, site):
    code, out, _ = call("doctor")
    assert code == 0 and {line.split()[0] for line in out.splitlines()} == {"good"}
    site.add("codaar-plugin-bad", {"loss": {"bad": "bad_two:X"}}, modules={"bad_two.py": "1 / 0"})
    code, out, _ = call("doctor")
    assert code == 1 and "broken  loss 'bad:bad' could not be loaded" in out


def test_registry(call, root):
    code, _, error = call("registry", "verify")
    assert code == 1 and "run this in the root of a checkout" in error
    for folder in ("registry", "plugins"):
        shutil.copytree(root / folder, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    assert call("registry", "verify")[1].endswith("registry/plugins.toml is valid.\n")
    index = Path("registry/plugins.toml")
    index.write_text(index.read_text().replace('licence = "MIT"', 'licence = "Apache-2.0"', 1))
    code, out, _ = call("registry", "verify")
    assert code == 1 and out.startswith("broken  codaar-plugin-") and "codaar registry sync" in out
    assert call("registry", "sync")[:2] == (0, "wrote registry/plugins.toml\n")
    assert call("registry", "verify")[0] == 0
    code, out, _ = call("registry", "entry", "toy")
    assert code == 0 and list(tomli.loads(out)["plugins"]) == ["codaar-plugin-toy"]


def completions(*words: str) -> list[str]:
    """The completions in fish."""
    code = "from codaar_core.cli import main; main()"
    environment = {"_CODAAR_COMPLETE": "fish_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": words[-1]}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'codaar'; {code}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.partition(",")[2].partition("\t")[0] for line in done.stdout.splitlines()]


def test_verbs_and_names_are_completed():
    assert completions("codaar", "expl") == ["explain"]
    assert completions("codaar", "list", "los") == ["losses"]
    assert "alignment:csa" in completions("codaar", "inspect", "alignment:c")
    assert completions("codaar", "data", "dig") == ["digits"]

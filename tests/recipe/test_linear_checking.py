"""Reading and checking take time in proportion to the size of a recipe, and refuse what has no end."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from toy_plugins import RECIPE

from codaar_core.recipe import RecipeError, load
from codaar_core.recipe.checking import check
from codaar_core.recipe.toml import reading
from codaar_core.recipe.toml.reading import DEEPEST, read

pytestmark = pytest.mark.usefixtures("toy", "here")


def counted(monkeypatch, module, name: str) -> Counter:
    """Counts the calls of a function of a module."""
    calls, function = Counter(), getattr(module, name)

    def call(*arguments):
        calls[str(arguments[0]) if name == "_read_regular" else name] += 1
        return function(*arguments)

    monkeypatch.setattr(module, name, call)
    return calls


def write_diamond(levels: int) -> None:
    """Two files on each level extend both files of the next one."""
    for level in range(levels):
        below = f'extends = ["{level + 1}a.toml", "{level + 1}b.toml"]\n' if level < levels - 1 else ""
        for side in "ab":
            Path(f"{level}{side}.toml").write_text(f"{below}run.epochs = {level}\n")


def test_a_file_is_read_and_merged_once_however_often_it_is_named(monkeypatch):
    write_diamond(13)
    reads, merges = counted(monkeypatch, reading, "_read_regular"), counted(monkeypatch, reading, "merge")
    assert read(Path("0a.toml")).tree.find(("run", "epochs")).data == 0
    assert len(reads) == 25 and set(reads.values()) == {1}
    files, named = 25, 2 * 24 - 2  # every file but 0b and those of the last level names two others
    assert merges["merge"] < 2 * (files + named)


def test_a_chain_of_extends_is_bounded():
    for level in range(DEEPEST + 1):
        Path(f"{level}.toml").write_text(f'extends = ["{level + 1}.toml"]\n' if level < DEEPEST else "")
    with pytest.raises(RecipeError, match=f"more than {DEEPEST} files extend one another") as caught:
        read(Path("0.toml"))
    assert str(caught.value.problems[0].origin) == f"{DEEPEST - 1}.toml:1"
    assert read(Path("1.toml")).files


@pytest.mark.parametrize(
    "document", [f"a = {'[' * 500}{']' * 500}", f"a = {'[' * 40}{']' * 40}", ".".join("a" * 40) + " = 1"]
)
def test_nesting_is_bounded(document):
    Path("deep.toml").write_text(document)
    with pytest.raises(RecipeError, match="inside one another") as caught:
        read(Path("deep.toml"))
    assert caught.value.problems[0].code == "too-deep"


def test_an_integer_of_thousands_of_digits_is_reported_at_its_place():
    Path("long.toml").write_text(f"codaar = 1\nrun.seed = {'9' * 5000}\n")
    with pytest.raises(RecipeError, match="an integer is thousands of characters long") as caught:
        read(Path("long.toml"))
    assert caught.value.problems[0].origin.place == "long.toml:2:12"
    assert max(map(len, str(caught.value).splitlines())) < 400
    with pytest.raises(RecipeError, match="an integer is thousands of characters long"):
        read(Path("long.toml"), [f"run.seed={'9' * 5000}"])


def test_only_regular_files_of_bounded_size_are_read(monkeypatch):
    os.mkfifo("pipe.toml")
    with pytest.raises(RecipeError, match="it is not a regular file"):
        read(Path("pipe.toml"))
    monkeypatch.setattr(reading, "LARGEST", 100)
    Path("large.toml").write_text("#" * 101)
    with pytest.raises(RecipeError, match="it has more than"):
        read(Path("large.toml"))


def test_names_compared_for_suggestions_grow_linearly(monkeypatch):
    """Each block that is switched off is compared with a bounded number of others."""
    compared = []

    def closest(word, known):
        known = list(known)
        compared.append(len(known))
        return []

    monkeypatch.setattr(check, "closest", closest)
    Path("many.toml").write_text(RECIPE + "".join(f"[losses.more-{n}]\n" for n in range(500)))
    assert len(load("many.toml").notes) == 500
    assert len(compared) >= 1000 and max(compared) <= check.SUGGESTED_FROM

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.recipe import RecipeError
from codaar_core.recipe.toml.literal import literal
from codaar_core.recipe.toml.origin import Origin, Source
from codaar_core.recipe.toml.positions import locate
from codaar_core.recipe.toml.reading import read
from codaar_core.recipe.toml.tree import Table, build_tree, merge, plain

names = st.sampled_from("abcd")
values = st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=2), st.text("xy", max_size=2), st.booleans())
trees = st.dictionaries(
    names, st.one_of(values, st.dictionaries(names, st.one_of(values, st.dictionaries(names, values)))), max_size=4
)
tables = st.dictionaries(  # a name is a table everywhere, or nowhere
    st.sampled_from("AB"),
    st.dictionaries(names, values) | st.dictionaries(st.just("C"), st.dictionaries(names, values)),
)
blocks = st.dictionaries(names, st.fixed_dictionaries({"use": st.sampled_from("pq")}, optional={"a": values}))


def tree(data: dict) -> Table:
    document = tomli_w.dumps(data)
    return build_tree(data, locate(document), Source("made.toml", tuple(document.split("\n"))))


def merged(*layers: dict) -> dict:
    together, *rest = map(tree, layers)
    for layer in rest:
        together = merge(together, layer)
    return plain(together)


@settings(deadline=None, max_examples=50)
@given(tables, tables, tables)
def test_merging_is_associative(a, b, c):
    assert plain(merge(tree(a), merge(tree(b), tree(c)))) == merged(a, b, c)


@settings(deadline=None, max_examples=50)
@given(trees | blocks)
def test_merging_is_idempotent_and_empty_layers_change_nothing(a):
    assert merged(a, a) == merged(a, {}) == merged({}, a) == a


@settings(deadline=None, max_examples=50)
@given(trees, trees)
def test_the_later_layer_wins(a, b):
    together = tree(merged(a, b))
    for path, value in tree(b).walk():
        assert together.find(path).data == value.data


@settings(deadline=None, max_examples=50)
@given(blocks, blocks)
def test_a_block_with_another_use_replaces_the_old_one(a, b):
    for name, block in merged(a, b).items():
        same = name in a and name in b and a[name]["use"] == b[name]["use"]
        assert block == ({**a[name], **b[name]} if same else b.get(name, a.get(name)))


def test_values_keep_their_origins_when_merged():
    both = merge(tree({"run": {"a": 1, "b": 2}}), tree({"run": {"b": 3}}))
    assert both.find(("run", "a")).origin == Origin(both.find(("run", "a")).origin.source, 2, 5, 1)
    assert both.find(("run", "b")).origin.line == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("recipes")


@settings(deadline=None, max_examples=50)
@given(data=trees, changes=st.lists(st.tuples(names, names, values), max_size=4))
def test_overriding_equals_a_last_file_that_extends(folder, data, changes):
    data = {key: value for key, value in data.items() if isinstance(value, dict)}
    (folder / "base.toml").write_text(tomli_w.dumps(data))
    lines = {f"{table}.{key}": literal(value) for table, key, value in changes}
    (folder / "edited.toml").write_text(
        "".join(["extends = ['base.toml']\n", *(f"{k} = {v}\n" for k, v in lines.items())])
    )
    overrides = [f"{table}.{key}={literal(value)}" for table, key, value in changes]
    overridden = read(folder / "base.toml", overrides).tree
    assert plain(overridden) == plain(read(folder / "edited.toml").tree)
    for path in lines:
        assert str(overridden.find(tuple(path.split("."))).origin) == "command line"


@settings(deadline=None, max_examples=50)
@given(data=st.dictionaries(names, st.dictionaries(names, values, min_size=1), min_size=1), draw=st.data())
def test_overriding_a_value_equals_editing_its_line(folder, data, draw):
    table = draw.draw(st.sampled_from(sorted(data)))
    key = draw.draw(st.sampled_from(sorted(data[table])))
    value = draw.draw(values)
    (folder / "before.toml").write_text(tomli_w.dumps(data))
    (folder / "after.toml").write_text(tomli_w.dumps({**data, table: {**data[table], key: value}}))
    overridden = read(folder / "before.toml", [f"{table}.{key}={literal(value)}"])
    assert plain(overridden.tree) == plain(read(folder / "after.toml").tree)


def write(**files: str) -> None:
    for name, content in files.items():
        Path(f"{name}.toml").write_text(content)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("a.b=3", 3),
        ("a.b=1e-4", 1e-4),
        ("a.b=[]", []),
        ("a.b=adamw", "adamw"),
        ("a.b='x'", "x"),
        ("a.b=x=y", "x=y"),
        ("a.b=", ""),
        ("a.b=1\nc=2", "1\nc=2"),
        ("a.b=True", "True"),
        ('a."b"={ c = 1 }', {"c": 1}),
    ],
)
def test_a_value_on_the_command_line_is_toml_or_a_plain_string(here, override, value):
    write(empty="")
    assert plain(read(Path("empty.toml"), [override]).tree) == {"a": {"b": value}}


def test_use_on_the_command_line_replaces_the_block_whatever_the_order(here):
    write(r="[q]\nuse = 'old'\nsize = 1\n")
    for overrides in (["q.use=new", "q.levels=[1]"], ["q.levels=[1]", "q.use=new"]):
        assert plain(read(Path("r.toml"), overrides).tree) == {"q": {"use": "new", "levels": [1]}}


def test_extends_from_left_to_right_then_the_file_itself(here):
    Path("sub").mkdir()
    write(r="extends = ['sub/a.toml', 'b.toml']\n[t]\nz = 'r'\n", b="[t]\ny = 'b'\nz = 'b'\n")
    Path("sub/a.toml").write_text("extends = ['c.toml']\n[t]\nx = 'a'\ny = 'a'\n")
    Path("sub/c.toml").write_text("[t]\nw = 'c'\nx = 'c'\n")
    found = read(Path("r.toml"))
    assert plain(found.tree) == {"t": {"w": "c", "x": "a", "y": "b", "z": "r"}}
    assert list(map(str, found.files)) == ["r.toml", "sub/a.toml", "sub/c.toml", "b.toml"]
    assert found.files[Path("b.toml")] == Path("b.toml").read_text()
    assert str(found.tree.find(("t", "w")).origin) == "sub/c.toml:2"


def test_a_base_may_be_extended_twice(here):
    write(r="extends = ['a.toml', 'b.toml']", a="extends = ['c.toml']", b="extends = ['c.toml']", c="x = 1")
    assert plain(read(Path("r.toml")).tree) == {"x": 1}


def test_unset_removes_what_is_inherited_before_the_file_itself(here):
    write(base="[a]\nx = 1\ny = 2\n[b]\nz = 3\n", r="extends = ['base.toml']\nunset = ['a.x', 'b']\n[b]\nnew = 1\n")
    assert plain(read(Path("r.toml")).tree) == {"a": {"y": 2}, "b": {"new": 1}}


def test_a_windows_file_reads_the_same(here):
    Path("r.toml").write_bytes(b"\xef\xbb\xbf[run]\r\nname = 'x'\r\n")
    found = read(Path("r.toml")).tree
    assert plain(found) == {"run": {"name": "x"}}
    assert found.find(("run", "name")).origin.place == "r.toml:2:8"


def test_all_unreadable_files_are_reported_at_once(here):
    write(r="extends = ['a.toml', 'b.toml', 'c.toml']", a="x = ", b="[")
    with pytest.raises(RecipeError) as caught:
        read(Path("r.toml"))
    assert [str(problem.origin) for problem in caught.value.problems] == ["a.toml:1", "b.toml:1", "r.toml:1"]

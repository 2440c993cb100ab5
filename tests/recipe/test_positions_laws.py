from __future__ import annotations

import datetime

import pytest
import tomli
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.recipe.toml.literal import key_literal, literal
from codaar_core.recipe.toml.positions import is_dotted_key, locate

keys = st.one_of(st.sampled_from("abc"), st.text("aé .=\"'#[]\\\n\t-", max_size=4), st.text(max_size=3))
characters = st.characters(exclude_categories=["Cs"])
scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    st.text(characters, max_size=8),
    st.text("a\"'\\#,]}\n=", max_size=8),
    st.datetimes(min_value=datetime.datetime(1900, 1, 1)),
    st.dates(min_value=datetime.date(1900, 1, 1)),
    st.times(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)
documents = st.dictionaries(keys, values, max_size=4)


def paths(value: object, path: tuple = ()) -> set[tuple]:
    """Paths of all tables, values and list elements."""
    found = {path} if path else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found.union(*(paths(item, (*path, key)) for key, item in items))


def at(value: object, path: tuple) -> object:
    for key in path:
        value = value[key]
    return value


def check(document: str) -> None:
    parsed, places, lines = tomli.loads(document), locate(document), document.split("\n")
    assert set(places) == paths(parsed)
    for path, (key, value) in places.items():
        written = lines[key.line - 1][key.column - 1 :][: key.width]
        if isinstance(path[-1], str) and "\n" not in path[-1]:
            assert tomli.loads(f"{written} = 0") == {path[-1]: 0}
        whole = lines[value.line - 1][value.column - 1 :][: value.width]
        single = not isinstance(at(parsed, path), (dict, list)) and not whole.startswith(('"""', "'''"))
        if single and value.column + value.width - 1 <= len(lines[value.line - 1]):
            assert repr(tomli.loads(f"x = {whole}")["x"]) == repr(at(parsed, path))


@settings(deadline=None, max_examples=100)
@given(documents, st.booleans())
def test_located_paths_are_parsed_paths_with_headers(data, multiline):
    check(tomli_w.dumps(data, multiline_strings=multiline))


@settings(deadline=None, max_examples=100)
@given(documents, st.sampled_from(["\n", "  # note [a]\n", "\n\n\t"]), st.sampled_from([" = ", "=", "\t=  "]))
def test_located_paths_are_parsed_paths_inline(data, end, equals):
    def write(key: str, value: object) -> str:
        if isinstance(value, dict) and value:
            return "".join(write(f"{key} . {key_literal(inner)}", item) for inner, item in value.items())
        return f"{key}{equals}{inline(value)}{end}"

    check("".join(write(key_literal(key), value) for key, value in data.items()))


def inline(value: object) -> str:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat().replace("T", " ")
    if isinstance(value, list):
        return f"[ # begin\n{','.join(map(inline, value))} ]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key_literal(key)}={inline(item)}' for key, item in value.items())}}}"
    return literal(value)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "# nothing",
        "a.b.c = 1\na.d = 2",
        "[a.b]\nx = 1\n[a]\ny = 2\n[a.c]",
        "[[a]]\nx = 1\n[[a]]\n[a.b]\ny = 2\n[[a.c]]\n[[a.c]]\nz=[1]",
        "[ a . 'b c' ]\n\"x y\" . z = [ [1, 2], [], [ {q = 1}, ], ]",
        'a = """x"""""\nb = \'\'\'\n y\'\'\'\'\'\nc = """\\"""" \nd = ""\ne = \'\'',
        "a = 1979-05-27 07:32:00Z # time\nb = [1979-05-27, 07:32:00]",
        "a = { x = 1,\n  y = 2, # TOML 1.1\n}\nb = 1",
        "a = [\n  'x', # ]\n  'y',\n]\nb = { c.d = 1, c.e = {} }",
    ],
)
def test_located_paths_are_parsed_paths_in_odd_documents(document):
    check(document)


def test_positions_are_exact():
    document = '[run]\n  name = "x"  # the name\nseeds = [1,\n 22]\nhead = { use = "h" }\n'
    places = locate(document)
    assert places["run",].key == (1, 2, 3)
    assert places["run", "name"] == ((2, 3, 4), (2, 10, 3))
    assert places["run", "seeds"].value == (3, 9, 3)
    assert places["run", "seeds", 1].value == (4, 2, 2)
    assert places["run", "head", "use"] == ((5, 10, 3), (5, 16, 3))


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(characters)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(characters), inner, max_size=3)),
    )
)
def test_a_literal_is_parsed_to_the_same_value(value):
    assert repr(tomli.loads(f"x = {literal(value)}")["x"]) == repr(value)


def test_dotted_keys():
    assert all(map(is_dotted_key, ["a", "a.b", ' a . "b c" ', "a-1.'x.y'"]))
    assert not any(map(is_dotted_key, ["", "a.", ".a", "a b", "[a]", "a\nb", "#a"]))

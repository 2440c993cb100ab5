"""Writes docs/reference/api.md from the public names, their docstrings and the examples: ``python docs/make_api.py``.

Every file in docs/reference/examples/KIND/ is one entry of the page. The first line of its docstring lists the public
names that it documents; the rest of the docstring stands above the code. Signatures are read from the source files.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).parent / "reference" / "examples"
PAGE = Path(__file__).parent / "reference" / "api.md"
WIDTH = 100  # of a signature; longer ones have one argument a line
CORE = "codaar_core"


class Kind(NamedTuple):
    """One part of the page: a folder of examples."""

    title: str
    package: str
    about: str


KINDS = {
    "contracts": Kind("Contracts", "codaar_core.api", "What a component implements, and what it is built with."),
    "records": Kind(
        "Records",
        "codaar_core.api",
        "What components exchange. B clips, T time steps, D latent width, K codewords, W width of a full code.",
    ),
    "errors": Kind("Errors", "codaar_core.api", "Each has a message and, as `help`, what to do about it."),
    "data": Kind("Feature files", "codaar_core.features", "For data sources and benchmarks that read files."),
    "blocks": Kind("Building blocks", "codaar_core.nn", "Modules that several plug-ins share."),
    "tests": Kind("Tests of plug-ins", "codaar_core.testing", "The [conformance kit](../conformance.md)."),
    "verbs": Kind("Verbs", "codaar_core", "What the [command line](cli.md) does, as functions."),
}

HEAD = """\
<!-- written by docs/make_api.py -->

# The Python interface

Every public name with its signature, its documentation and an example. The examples are the files below
`docs/reference/examples`; a test executes each of them in a new folder with copies of `recipes` and `registry`.
Tensor shapes stand in parentheses: `(B, T, D)`.
"""


class Example(NamedTuple):
    """One file of examples."""

    path: Path
    names: tuple[str, ...]
    about: str
    code: str

    @classmethod
    def read(cls, path: Path) -> Example:
        """Split a file into the names it documents, its remark and its code."""
        source = path.read_text("utf-8")
        names, _, about = cleandoc(ast.get_docstring(ast.parse(source)) or "").partition("\n")
        code = source.split('"""', 2)[2].strip()
        return cls(path, tuple(name.strip(" .") for name in names.split(",")), about.strip(), code)


def examples(kind: str) -> list[Example]:
    """The entries of one part of the page: contracts in the order of the data flow, others by file name."""
    found = [Example.read(path) for path in sorted((EXAMPLES / kind).glob("*.py"))]
    return sorted(found, key=_place_in_data_flow) if kind == "contracts" else found


def _place_in_data_flow(example: Example) -> int:
    from codaar_core.registry import KINDS as COMPONENTS

    order = ["", *COMPONENTS]
    kinds = [getattr(getattr(import_module("codaar_core.api"), name), "kind", None) for name in example.names]
    return min((order.index(kind) for kind in kinds if kind in order), default=0)


# Definitions


class Definition(NamedTuple):
    """The source of one public name."""

    name: str
    node: ast.AST
    lines: list[str]
    doc: str


def definition(package: str, name: str) -> Definition:
    """Find where a public name is defined.

    Raises:
        LookupError: No module of the package defines it.
    """
    value = getattr(import_module(package), name)
    first = getattr(value, "__module__", "") or ""
    modules = [first] if first.startswith(CORE) and isinstance(getattr(value, "__name__", None), str) else []
    for module in [*modules, *_modules(package)]:
        source = _source(module)
        for node, following in zip(source.body, [*source.body[1:], None], strict=True):
            if _defines(node, name):
                return Definition(name, node, _lines(module), _documentation(node, following))
    raise LookupError(f"no module of {package} defines {name}")


def _modules(package: str) -> list[str]:
    root = Path(import_module(package).__file__ or "").parent
    files = (path.relative_to(root).with_suffix("").parts for path in sorted(root.rglob("*.py")))
    return [".".join([package, *parts]).removesuffix(".__init__") for parts in files]


@cache
def _lines(module: str) -> list[str]:
    root = Path(import_module(CORE).__file__ or "").parents[1]
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text("utf-8").splitlines()


@cache
def _source(module: str) -> ast.Module:
    return ast.parse("\n".join(_lines(module)))


def _defines(node: ast.stmt, name: str) -> bool:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return node.name == name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _documentation(node: ast.stmt, following: ast.stmt | None) -> str:
    """A docstring; of an assignment, the string that follows it."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return cleandoc(ast.get_docstring(node) or "")
    value = following.value if isinstance(following, ast.Expr) else None
    return cleandoc(value.value) if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


# The page


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_contents(), *(line for kind in KINDS for line in _part(kind))]) + "\n"


def _contents() -> Iterator[str]:
    """Links to every name, by kind."""
    for kind, about in KINDS.items():
        links = (f"[{name}](#{name.lower()})" for example in examples(kind) for name in example.names)
        yield f"- [{about.title}](#{about.title.lower().replace(' ', '-')}): {', '.join(links)}"


def _part(kind: str) -> Iterator[str]:
    yield f"\n## {KINDS[kind].title}\n\n`{KINDS[kind].package}`. {KINDS[kind].about}"
    for example in examples(kind):
        for name in example.names:
            yield from _entry(definition(KINDS[kind].package, name))
        yield f"\n{example.about or f'Example ({linked(example)}):'}\n\n```py\n{example.code}\n```"


def linked(example: Example) -> str:
    """A link to the file."""
    path = example.path.relative_to(PAGE.parent).as_posix()
    return f"[{example.path.name}]({path})"


def _entry(found: Definition) -> Iterator[str]:
    yield f"\n### {found.name}\n"
    if isinstance(found.node, ast.ClassDef):
        yield from _class(found, found.node)
    elif isinstance(found.node, ast.FunctionDef):
        yield f"```py\n{signature(found.node)}\n```\n"
        yield prose(found.doc)
    else:
        yield f"```py\n{ast.unparse(found.node)}\n```"
        yield from [f"\n{prose(found.doc)}"] * bool(found.doc)


def signature(node: ast.FunctionDef, bound: bool = False, named: str = "") -> str:
    """A function as it is called; ``bound`` leaves ``self`` out, ``named`` makes it a constructor."""
    arguments = list(_arguments(node.args))[bound:]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and not named else ""
    text = f"{named or node.name}({', '.join(arguments)}){returns}"
    if len(text) <= WIDTH:
        return text
    return f"{named or node.name}(\n" + "".join(f"    {each},\n" for each in arguments) + f"){returns}"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """Each argument with its type and default, as it is written."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for argument, default in zip(positional, [*missing, *arguments.defaults], strict=True):
        yield _argument(argument, default)
    if arguments.vararg:
        yield f"*{_argument(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)
    if arguments.kwarg:
        yield f"**{_argument(arguments.kwarg)}"


def _argument(argument: ast.arg, default: ast.expr | None = None) -> str:
    written = ast.unparse(argument)
    if default is None:
        return written
    return f"{written} = {ast.unparse(default)}" if argument.annotation else f"{written}={ast.unparse(default)}"


def _class(found: Definition, node: ast.ClassDef) -> Iterator[str]:
    """Heading line, documentation, fields and methods of a class."""
    constructor = next((each for each in _functions(node) if each.name == "__init__"), None)
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    lines = [f"class {node.name}({bases})" if bases else f"class {node.name}"]
    if constructor is not None and not _takes_config(constructor):
        lines.append(signature(constructor, bound=True, named=node.name))
    yield "```py\n" + "\n".join(lines) + "\n```\n"
    rows = _fields(found, node)
    yield prose(_without_items(found.doc, {row.name for row in rows}))
    yield from _table(rows)
    yield from _settings(found, node)
    yield from _methods(node)


def _functions(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [each for each in node.body if isinstance(each, ast.FunctionDef)]


def _takes_config(constructor: ast.FunctionDef) -> bool:
    """Whether the framework builds the class: users write settings, not calls."""
    return [argument.arg for argument in constructor.args.args][1:2] == ["config"]


class Field(NamedTuple):
    """One row of a table of fields."""

    name: str
    kind: str
    default: str
    meaning: str


def _fields(found: Definition, node: ast.ClassDef) -> list[Field]:
    """The fields of a record; of other classes, the class attributes that are explained."""
    record = any("attrs" in ast.unparse(each) for each in node.decorator_list)
    record |= any(ast.unparse(base) in ("NamedTuple", "Protocol") for base in node.bases)
    explained = _items(cleandoc(ast.get_docstring(node) or ""))
    rows = []
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not each.target.id.startswith("_"):
            name, (default, meaning) = each.target.id, _default_and_meaning(each, found.lines)
            rows.append(Field(name, _type(each), default, explained.get(name) or meaning))
    return [row for row in rows if record or row.meaning]


def _table(rows: list[Field]) -> Iterator[str]:
    if rows:
        yield "\n| field | type | default | meaning |\n|---|---|---|---|"
        for row in rows:
            yield f"| `{row.name}` | {_code(row.kind)} | {_code(row.default)} | {_in_table(row.meaning)} |"


def _settings(found: Definition, node: ast.ClassDef) -> Iterator[str]:
    """The settings in a recipe: the fields of the nested class Config."""
    configs = (each for each in node.body if isinstance(each, ast.ClassDef) and each.name == "Config")
    for config in configs:
        if rows := _fields(found, config):
            yield "\nSettings:"
            yield from _table(rows)


def _type(field: ast.AnnAssign) -> str:
    return re.sub(r"^ClassVar\[(.*)\]$", r"\1", ast.unparse(field.annotation))


def _default_and_meaning(field: ast.AnnAssign, lines: list[str]) -> tuple[str, str]:
    """From ``setting(default, "help")``, or from the default and the comment behind it."""
    last = lines[(field.end_lineno or field.lineno) - 1]
    comment = last[field.end_col_offset or 0 :].partition("#")[2].strip()
    value = field.value
    if not isinstance(value, ast.Call):
        return ast.unparse(value) if value else "", comment
    keywords = {each.arg: each.value for each in value.keywords}
    if ast.unparse(value.func) == "setting":
        help = keywords.get("help") or (value.args[1] if len(value.args) > 1 else ast.Constant(""))
        default = keywords.get("default") or (value.args[0] if value.args else None)
        return ast.unparse(default) if default else "", str(getattr(help, "value", ""))
    default = keywords.get("default") or keywords.get("factory")
    return ast.unparse(default) if default else "", comment


def _methods(node: ast.ClassDef) -> Iterator[str]:
    """One item for each public method and property that has a docstring; those to be written are marked."""
    items = [(each, ast.get_docstring(each)) for each in _functions(node) if not re.match(r"_(?!_)|__init", each.name)]
    shown = [(each, doc) for each, doc in items if doc]
    if shown:
        yield "\nMembers:\n"
    for each, doc in shown:
        marks = {ast.unparse(decorator).rpartition(".")[2] for decorator in each.decorator_list}
        abstract = " (abstract)" if "abstractmethod" in marks else ""
        yield f"- `{_called(each, marks)}`{abstract}: {_indented(prose(cleandoc(doc)))}"


def _called(node: ast.FunctionDef, marks: set[str]) -> str:
    """How a method is used: a property has no parentheses."""
    if marks & {"property", "cached_property"}:
        return f"{node.name}: {ast.unparse(node.returns)}" if node.returns else node.name
    return " ".join(signature(node, bound="staticmethod" not in marks).split())


def _code(text: str) -> str:
    return f"`{_in_table(text)}`" if text else ""


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


def _indented(text: str) -> str:
    return re.sub(r"\n(?=.)", "\n  ", text)


# Docstrings

SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):\n((?:(?:[ \t].*)?(?:\n|\Z))+)", re.MULTILINE)


def prose(doc: str) -> str:
    """A docstring as Markdown: sections of arguments and errors become lists."""
    return SECTION.sub(_section, doc.replace("``", "`")).strip()


def _section(found: re.Match[str]) -> str:
    title, body = found[1], cleandoc("\n" + found[2])
    if title == "Returns":
        return f"Returns: {' '.join(body.split())}\n\n"
    listed = (f"- `{name}`: {text}" for name, text in _listed(body).items())
    return "\n".join([f"{'Arguments' if title == 'Args' else title}:", "", *listed, "", ""])


def _listed(body: str) -> dict[str, str]:
    """The items of a section, ``name: text``, by name."""
    items = re.findall(r"^(\w[\w.]*): (.*(?:\n[ \t]+.*)*)", body, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in items}


def _items(doc: str) -> dict[str, str]:
    """The attributes and arguments that a docstring explains."""
    sections = (found for found in SECTION.finditer(doc) if found[1] in ("Args", "Attributes"))
    return {name: text for found in sections for name, text in _listed(cleandoc("\n" + found[2])).items()}


def _without_items(doc: str, names: set[str]) -> str:
    """The docstring without the sections of which every item is in ``names``: a table has them."""
    return SECTION.sub(
        lambda found: "" if found[1] in ("Args", "Attributes") and _items(found[0]).keys() <= names else found[0], doc
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

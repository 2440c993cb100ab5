"""Pages of the site that are not in docs/; hooks of mkdocs, named in mkdocs.yml.

- ``plugins/NAME``: the README of a plug-in, then the docstrings of its components.
- ``python/PACKAGE``: the docstrings of the public names of core.
- ``repository/PATH``: every other file of the repository that a page links to, so that no link leaves the site.

In the repository a link is relative to the file that it stands in. Here it becomes relative to the page of that file.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeGuard

import tomli
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
PACKAGES = {
    "codaar_core": "Verbs",
    "codaar_core.api": "Contracts and records",
    "codaar_core.features": "Feature files",
    "codaar_core.nn": "Building blocks",
    "codaar_core.testing": "Tests of plug-ins",
}
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```(\w+) file=(\S+)$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json"}

_origin: dict[str, str] = {}  # page -> its file, from the root of the repository


# Hooks


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the sections whose pages are made here."""
    sections = {
        "Python": [
            {"Every name with an example": "reference/api.md"},
            *({title: python_page(name)} for name, title in PACKAGES.items()),
        ],
        "Plug-ins": [{name: f"plugins/{name}.md"} for name in PLUGINS],
    }
    for entry in config.nav or []:
        for title in entry:
            entry[title] = sections.get(title, entry[title])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, and those of files that any page links to."""
    _origin.clear()
    _origin.update({file.src_uri: f"docs/{file.src_uri}" for file in files.documentation_pages()})
    pages = {python_page(name): python_text(name) for name in PACKAGES}
    pages |= {f"plugins/{name}.md": plugin_text(name) for name in PLUGINS}
    _origin.update({f"plugins/{name}.md": f"plugins/{name}/README.md" for name in PLUGINS})
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    texts = {file.src_uri: file.content_string for file in files.documentation_pages()}
    for page, text in linked_pages(texts):
        files.append(File.generated(config, page, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to pages of the site; show the file name of a block as its title."""
    uri = page.file.src_uri
    if uri in _origin:
        markdown = outside_blocks(markdown, lambda text: LINK.sub(lambda link: moved(link[1], uri), text))
    return FENCE.sub(r'```\1 title="\2"', markdown)


# Links


def moved(target: str, page: str) -> str:
    """The target of a link as the site has it, relative to the page."""
    return posixpath.relpath(place(resolved(target, _origin[page])), posixpath.dirname(page) or ".")


def resolved(target: str, origin: str) -> str:
    """The file that a link points to, from the root of the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))


def place(path: str) -> str:
    """The page, or the picture, of a file of the repository."""
    if path.startswith("docs/") and not path.endswith((".py", ".toml")) and "/examples/" not in path:
        return path.removeprefix("docs/")
    plugin = re.fullmatch(r"plugins/(\w+)/README\.md", path)
    if plugin:
        return f"plugins/{plugin[1]}.md"
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def linked_pages(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Pages of the linked files, and of the files that these link to."""
    left = list(texts)
    while left:
        page = left.pop()
        for target in LINK.findall(FENCED.sub("", texts[page])) if page in _origin else ():
            path = resolved(target, _origin[page])
            new = place(path)
            if new.startswith("repository/") and new not in texts and (ROOT / path).is_file():
                texts[new] = file_text(path)
                if path.endswith(".md"):
                    _origin[new] = path
                    left.append(new)
                yield new, texts[new]


def outside_blocks(markdown: str, change: Callable[[str], str]) -> str:
    """Change what is not in a fenced block."""
    parts, last = [], 0
    for block in FENCED.finditer(markdown):
        parts += [change(markdown[last : block.start()]), block[0]]
        last = block.end()
    return "".join([*parts, change(markdown[last:])])


# Texts


def file_text(path: str) -> str:
    """A Markdown page as it is, any other file as one block."""
    content = (ROOT / path).read_text("utf-8")
    if path.endswith(".md"):
        return content
    block = f"````{LANGUAGES.get(Path(path).suffix, 'text')}\n{content}````\n"
    return f"---\nsearch: {{ exclude: true }}\n---\n\n# {path}\n\n{block}"


def python_page(package: str) -> str:
    """The page of the public names of a package."""
    return f"python/{package}.md"


def python_text(package: str) -> str:
    """The documentation of all public names of a package."""
    names = (f"::: {package}.{name}\n" for name in public_names(package))
    return "\n".join([f"# {PACKAGES[package]}\n", f"`{package}`: {summary(package)}\n", *names])


def public_names(package: str) -> list[str]:
    """The names that a package offers: what its stub imports, or else what it lists in ``__all__``."""
    folder = ROOT.joinpath(*package.split("."))
    stub = folder / "__init__.pyi"
    if stub.is_file():
        imports = (node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom))
        return [alias.asname or alias.name for node in imports for alias in node.names]
    assigned = (node for node in ast.parse((folder / "__init__.py").read_text("utf-8")).body if _lists_names(node))
    return [name for node in assigned for name in ast.literal_eval(node.value)]


def _lists_names(node: ast.stmt) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"


def summary(package: str) -> str:
    """The first line of the docstring of a package."""
    source = ROOT.joinpath(*package.split("."), "__init__.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def plugin_text(name: str) -> str:
    """README of a plug-in, and the documentation of its components."""
    folder = ROOT / "plugins" / name
    readme = (folder / "README.md").read_text("utf-8")
    groups = tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"].get("entry-points", {})
    found = [
        component(EntryPoint(component_name, value, group))
        for group, entries in groups.items()
        for component_name, value in entries.items()
        if group.startswith("codaar.") and ":" in value
    ]
    return "\n".join([readme, "## Components\n", *found]) if found else readme


def component(entry: EntryPoint) -> str:
    """The documentation of one component."""
    path = entry.value.replace(":", ".")
    title = f"{entry.group.removeprefix('codaar.')}: {entry.name}"
    return f'::: {path}\n    options:\n      heading: "{title}"\n      heading_level: 3\n'

"""The documentation site is built without a warning; no link of it is broken, and it needs no other host."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from code_blocks import ROOT, blocks

pytestmark = pytest.mark.slow

ADDRESSES = {"href", "src", "srcset", "data", "poster", "action"}
START = ROOT / "docs" / "index.md"


class Page(HTMLParser):
    """The addresses that a page names, by tag, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses: list[tuple[str, str]] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ADDRESSES and value:
                self.addresses.append((tag, value))
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_document_and_every_plugin_has_a_page(site, pages):
    assert len(pages) > 100
    documents = [path for path in (ROOT / "docs").rglob("*.md") if path != START]
    assert documents
    for path in documents:
        assert (site / path.relative_to(ROOT / "docs").with_suffix("") / "index.html").is_file(), path
    for path in (ROOT / "plugins").glob("*/pyproject.toml"):
        assert (site / "plugins" / path.parent.name / "index.html").is_file(), path


def test_nothing_comes_from_another_host(site, pages):
    """A link that a reader may follow can lead anywhere; what a browser loads by itself is on this site."""
    loaded = {
        (tag, address)
        for page in pages.values()
        for tag, address in page.addresses
        if tag != "a" and urlsplit(address).netloc
    }
    assert loaded == set()
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text("utf-8")), style


def test_no_link_is_broken(site, pages):
    broken = []
    for path, page in pages.items():
        for _, address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            file = file / "index.html" if file.is_dir() else file
            anchor = unquote(parts.fragment)
            known = file not in pages or not anchor or anchor in pages[file].anchors
            if not file.is_file() or not known:
                broken.append(f"{path.relative_to(site)}: {address}")
    assert broken == []


def test_components_and_public_names_are_documented_from_their_docstrings(pages, site):
    assert "codaar_plugin_csa.csa.Csa" in pages[site / "plugins" / "csa" / "index.html"].anchors
    assert "codaar_core.api.Quantizer" in pages[site / "python" / "codaar_core.api" / "index.html"].anchors


def test_search_finds_commands_and_settings(site):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    titles = {each["title"] for each in index["docs"]}
    assert {"codaar atlas", "quantizer:codebooks"} <= titles


def test_the_start_page_has_the_commands_of_the_readme():
    """Which other tests run."""
    shown = [block.content for block in blocks(START)]
    readme = next(each.content for each in blocks(ROOT / "README.md") if "codaar atlas" in each.content)
    assert "".join(shown[1:]) == readme
    assert shown[0] + "$ codaar-run recipes/avt.toml\n" in (ROOT / "docs" / "install.md").read_text("utf-8")

"""Parses a written report, and prints the tables of a run."""

from __future__ import annotations

import io
from html.parser import HTMLParser

from rich.console import Console

from codaar_core.engine.results import Results
from codaar_core.report import terminal

VOID = {"meta", "br", "img", "hr", "input", "link"}


class Page(HTMLParser):
    """Fails where tags are not balanced; gathers text, identifiers, targets and figures."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.attributes, self.tags = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]

    @property
    def styles(self) -> list[tuple[str, str]]:
        return [(tag, value) for tag, key, value in self.attributes if key == "style"]

    def __contains__(self, text: str) -> bool:
        return text in "".join(self.text)


def printed(results: Results, width: int = 100) -> str:
    """Return what a terminal of this width shows, without colour and trailing blanks."""
    out = io.StringIO()
    terminal(results, Console(file=out, width=width, color_system=None))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"

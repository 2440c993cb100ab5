"""Writes docs/reference/ from the command line and the settings themselves: ``python docs/make_reference.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click

from codaar_core.cli.commands import VERBS, load_verb
from codaar_core.recipe import inspect
from codaar_core.recipe.inspection import Setting, settings_of
from codaar_core.recipe.settings import SECTIONS, SWITCHED, DataSettings
from codaar_core.registry import KINDS, Registry

FOLDER = Path(__file__).with_name("reference")
ROOT = Path(__file__).resolve().parents[1]
GENERATED = "<!-- written by docs/make_reference.py -->\n"


def main() -> None:
    """Write both pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in pages().items():
        (FOLDER / name).write_text(page, "utf-8")


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {
        "cli.md": "\n".join([GENERATED, *command_line()]) + "\n",
        "recipe.md": "\n".join([GENERATED, *recipe()]) + "\n",
    }


# Command line


def command_line() -> Iterator[str]:
    """Every verb with its arguments and options."""
    yield "# The command line\n"
    yield "`codaar-run RECIPE` is the same as `codaar run RECIPE`. Each verb is one function of `codaar_core`."
    yield "What the exit codes mean: [errors](../errors.md)."
    for name in VERBS:
        yield from command(load_verb(name), f"codaar {name}")


def command(verb: click.Command, name: str) -> Iterator[str]:
    """One verb; the verbs of a group follow it."""
    arguments = [param for param in verb.params if isinstance(param, click.Argument)]
    options = [param for param in verb.params if isinstance(param, click.Option) and param.name != "traceback"]
    words = [
        name,
        *(param.human_readable_name for param in arguments),
        *(["[OPTIONS]"] if options else []),
    ]
    yield f"\n## {name}\n\n`{' '.join(words)}`\n"
    yield paragraphs(verb.help or "")
    if options:
        yield "\n| option | meaning |\n|---|---|"
        yield from (f"| `{spelled(option)}` | {option.help} |" for option in options)
    for each in getattr(verb, "commands", {}).values():
        yield from command(each, f"{name} {each.name}")


def paragraphs(help: str) -> str:
    """A docstring as Markdown: click's mark of a paragraph that is shown as it stands becomes a block."""
    parts = cleandoc(help).replace("\n\n\b\n", "\n\n\b").split("\n\n")
    return "\n\n".join(f"```\n{part[1:]}\n```" if part.startswith("\b") else part for part in parts)


def spelled(option: click.Option) -> str:
    """All spellings of an option, and what it takes."""
    choices = "|".join(option.type.choices) if isinstance(option.type, click.Choice) else ""
    value = "" if option.is_flag else f" {option.metavar or choices or option.type.name.upper()}"
    return (", ".join(option.opts) + value).replace("|", "\\|")


# Recipe


def recipe() -> Iterator[str]:
    """The framework's sections, then every component of this repository."""
    yield "# The recipe\n"
    yield "Rules are in [recipes](../recipes.md). A setting without default must be given.\n\n## Sections"
    for name, settings in SECTIONS.items():
        yield f"\n### [{name}]\n\n{settings.__doc__}\n"
        yield from table(settings_of(settings))
    yield "\n## Blocks\n"
    yield 'Every block has `use = "[provider:]name"` and the settings of that component. The framework adds to them:'
    framework = {"data": DataSettings, **{f"{section}.NAME": each.settings for section, each in SWITCHED.items()}}
    for name, settings in framework.items():
        if found := settings_of(settings):
            yield f"\n### [{name}]\n"
            yield from table(found)
    yield "\n`[bench.NAME.head]` is a block too; without it, the head is the one that the benchmark names."
    for kind in KINDS:
        yield from components(kind)


def components(kind: str) -> Iterator[str]:
    """The components of one kind that come with this repository."""
    ours = {f"codaar-plugin-{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml")}
    entries = [entry for entry in Registry().entries(kind) if entry.distribution in ours]
    if entries:
        yield f"\n## {KINDS[kind].plural.capitalize()}"
    for entry in entries:
        found = inspect(f"{kind}:{entry.full_name}")
        first_line = found.doc.partition("\n")[0]
        yield f"\n### {kind}:{entry.name}\n\n{first_line} From `{entry.distribution}`.\n"
        yield from table(found.settings) if found.settings else ["No settings."]


def table(settings: Iterable[Setting]) -> Iterator[str]:
    """Settings as a table."""
    yield "| setting | type | default | meaning |\n|---|---|---|---|"
    for each in settings:
        cells = (f"`{each.name}`", each.type, f"`{each.default}`" if each.default else "", each.meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    main()

"""codaar list: components, plug-ins, recipes and runs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.api.errors import CodaarError
from codaar_core.cli import options
from codaar_core.cli.columns import print_columns
from codaar_core.cli.completion import lists

if TYPE_CHECKING:
    from codaar_core.engine.results import HeadlineMean
    from codaar_core.report.runs import Run

RUNS = Path("runs")  # need not exist before the first run


@click.command("list", cls=options.Verb)
@click.argument("what", required=False, metavar="[KIND|plugins|recipes|runs]", shell_complete=lists)
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
def verb(what: str | None, folder: Path | None) -> None:
    """List components, plug-ins, recipes or runs.

    Reads package metadata and source files; imports no plug-in.

    \b
    codaar list             every component
    codaar list losses      components of one kind
    codaar list plugins     installed plug-ins, and known plug-ins to install
    codaar list recipes     recipes in this folder, below recipes/, and of installed packages
    codaar list runs [DIR]  runs in a folder (default: runs), with their scores
    """
    if folder is not None and what != "runs":
        raise click.UsageError("only `codaar list runs` takes DIR: leave it out")
    if what == "plugins":
        list_plugins()
    elif what == "recipes":
        list_recipes(Path())
    elif what == "runs":
        print_runs(folder or RUNS)
    else:
        list_kinds(what)


def list_kinds(kind: str | None) -> None:
    """Print components, grouped by kind."""
    from codaar_core.registry import KINDS, kind_called, list_components

    components = list_components(kind)
    if kind and not components:
        click.echo(f"no {kind_called(kind).title} is installed or in the index of plug-ins")
    for name, lines in groupby(components, key=lambda line: line.kind):
        click.secho(KINDS[name].plural, bold=True)
        print_columns(
            [(line.use, line.package + ("" if line.installed else " (not installed)"), line.summary) for line in lines],
            indent="  ",
        )


def list_plugins() -> None:
    """Print the installed plug-ins, and for each other known plug-in the command that installs it."""
    from codaar_core.registry import installed_plugins, known_plugins, unknown_groups

    installed = installed_plugins()
    if installed:
        click.secho("installed", bold=True)
        print_columns([(plugin.package, ", ".join(plugin.provides)) for plugin in installed], indent="  ")
    unknown = unknown_groups()
    if unknown:
        click.secho("not read: unknown entry-point groups", bold=True)
        print_columns([(group.package, group.name, group.help) for group in unknown], indent="  ")
    here = {plugin.distribution for plugin in installed}
    others = [plugin for plugin in known_plugins() if plugin.distribution not in here]
    if others:
        click.secho("not installed", bold=True)
        print_columns([(f"pip install {each.distribution}", each.status, each.summary) for each in others], indent="  ")


def list_recipes(folder: Path) -> None:
    """Print recipes with the first line of their leading comment, those of installed packages last."""
    from codaar_core.recipe.toml.shipped import collections

    paths = sorted([*folder.glob("*.toml"), *folder.glob("recipes/**/*.toml")])
    found = [(str(path), first_comment(path)) for path in paths if is_recipe(path)]
    if found:
        print_columns(found)
    else:
        click.echo("no recipe in this folder or below recipes/")
    shipped = collections()
    if not found and not shipped:
        click.echo("`pip install codaar` brings recipes, and `codaar init` copies them")
    for each in shipped:
        click.secho(f'shipped by {each.package}; `codaar init NAME` copies, extends = ["pkg:NAME"] inherits', bold=True)
        names = [name for name in each.recipes() if is_recipe(each.folder / name)]
        print_columns([(name, first_comment(each.folder / name)) for name in names], indent="  ")


def print_runs(folder: Path) -> None:
    """Print runs with their headline means, in percent, each with its evaluations."""
    from codaar_core.report import list_runs

    found = list_runs(folder)
    if not found and folder != RUNS and not folder.is_dir():
        raise CodaarError(f"there is no folder {folder}", "give a folder of runs, e.g. runs, which has runs/NAME/STAMP")
    if not found:
        click.echo(f"no run in {folder}")
        return
    rows = []
    for run in found:
        rows.append((run.name, run.stamp, run.status, run.mode, scores(run)))
        rows += [("  evaluation", each.stamp, each.status, each.mode, scores(each)) for each in run.evaluations]
    print_columns(rows)


def scores(run: Run) -> str:
    """The headlines of a run, and how many collapses its report states."""
    count = len(run.collapses)
    collapsed = [f"! {count} collapse{'s' if count > 1 else ''}"] if count else []
    return ", ".join([*map(headline, run.headlines), *collapsed])


def headline(of: HeadlineMean) -> str:
    """``benchmark 60.0 (chance 10.0)``."""
    from codaar_core.report.numerals import score_and_chance

    return f"{of.benchmark} {score_and_chance(of)}"


def is_recipe(path: Path) -> bool:
    """Whether a TOML file has the key of a recipe: ``codaar`` or ``extends``."""
    import tomli

    try:
        return bool({"codaar", "extends"} & tomli.loads(path.read_text("utf-8")).keys())
    except (OSError, ValueError):
        return False


def first_comment(path: Path) -> str:
    """The first line of the comment at the top of a file, without directives for editors (``#:schema``)."""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# "):
            return line.removeprefix("# ")
        if not line.startswith("#"):
            break
    return ""

"""codaar search: finds clips whose codes resemble those of a query."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import click

from codaar_core.cli import options
from codaar_core.cli.columns import print_columns

if TYPE_CHECKING:
    from codaar_core.searching import Found, Hit, Recall


class Ranks(click.ParamType):
    """Whole numbers separated by commas."""

    name = "ranks"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[int, ...]:
        """Read "1,5,10"."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(each) for each in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} should be whole numbers separated by commas, e.g. 1,5,10", param, context)


def _number(flag: str, least: int, default: int, help: str) -> Callable[[Any], Any]:
    """An option that takes a whole number."""
    return click.option(flag, type=click.IntRange(least), default=default, show_default=True, help=help)


@click.command("search", cls=options.Verb)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("index", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("query")
@click.option("--from", "--modality", "source", metavar="MODALITY", help="Modality of the query.")
@click.option("--in", "searched", metavar="MODALITY", help="Modality that is searched; by default all others.")
@click.option(
    "--by",
    type=click.Choice(["vectors", "codes"]),
    default="vectors",
    show_default=True,
    help="Compare averaged codewords, or find where the codewords occur.",
)
@_number("--top", 1, 10, "Hits for each query and modality.")
@click.option("--recall", type=Ranks(), metavar="K,K,...", default=(), help="Recall@K instead of hits, e.g. 1,5,10.")
@click.option(
    "--match",
    type=click.Choice(["auto", "ids", "targets"]),
    default="auto",
    show_default=True,
    help="What makes a clip right, for --recall; auto: targets where both sides have them.",
)
@_number("--gap", 0, 0, "By codes: other steps that do not end a part.")
@click.option(
    "--method",
    type=click.Choice(["auto", "exact", "faiss"]),
    default="auto",
    show_default=True,
    help="By vectors: auto takes faiss for large searches if it is installed.",
)
@_number("--probes", 0, 0, "By faiss: lists searched; 0: all clips.")
@click.option("--best", is_flag=True, help="Use the checkpoint best-STEP instead of the newest.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@options.plugins
def verb(
    model: Path,
    index: tuple[Path, ...],
    query: str,
    source: str | None,
    searched: str | None,
    by: Literal["vectors", "codes"],
    top: int,
    recall: tuple[int, ...],
    match: Literal["auto", "ids", "targets"],
    gap: int,
    method: Literal["auto", "exact", "faiss"],
    probes: int,
    best: bool,
    form: str | None,
    plugins: tuple[Path, ...],
) -> None:
    """Find clips whose codes resemble those of a query.

    MODEL is a run directory or an exported model, INDEX one or several files of `codaar encode`.
    QUERY is the id of a clip of the index, a features file ID.npy, or a file of codes, all of whose
    clips are then queries. docs/search.md describes both ways to search.

    \b
    codaar search runs/avt/STAMP codes.h5 CLIP --from NAME
    codaar search runs/avt/STAMP codes.h5 features/CLIP.npy --modality NAME --in OTHER
    codaar search runs/avt/STAMP codes.h5 CLIP --from NAME --by codes
    codaar search runs/avt/STAMP test.h5 test.h5 --recall 1,5,10
    """
    import codaar_core

    _refuse_ranks_among_files(recall, index)
    found = codaar_core.search(
        model, index, query, source, searched, by, top, recall, match, gap, method, probes, best, plugins
    )
    if form == "json":
        click.echo(json.dumps(attrs.asdict(found, value_serializer=_plain), indent=1, ensure_ascii=False))
    elif form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(_table(found))
    elif not (found.hits or found.recalls):
        click.echo("nothing was found: no clip has a codeword of the query")
    else:
        print_columns(_table(found))


def _refuse_ranks_among_files(recall: Sequence[int], index: Sequence[Path]) -> None:
    """Refuse "--recall 1 5 10", whose last numbers would be files."""
    if recall and any(str(each).isdigit() and not each.exists() for each in index):
        raise click.UsageError("the ranks of --recall are separated by commas, without spaces: --recall 1,5,10")


def _plain(instance: Any, attribute: Any, value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _table(found: Found) -> list[list[str]]:
    """Header and rows."""
    return list(_recalls(found.recalls) if found.recalls else _hits(found.hits))


def _hits(hits: Sequence[Hit]) -> Iterator[list[str]]:
    """Columns that are the same for all hits of a search are left out where they say nothing."""
    several = len({hit.file for hit in hits}) > 1
    timed = any(hit.start is not None for hit in hits)
    yield ["query", "from", "in", "rank", "score", "id", *["start", "end"] * timed, *["file"] * several]
    for hit in hits:
        times = [f"{hit.start:g}", f"{hit.end:g}"] if timed else []
        file = [str(hit.file)] if several else []
        yield [hit.query, hit.source, hit.modality, str(hit.rank), f"{hit.score:.6f}", hit.id, *times, *file]


def _recalls(recalls: Sequence[Recall]) -> Iterator[list[str]]:
    ranks = list(recalls[0].at)
    yield ["from", "in", *(f"R@{k}" for k in ranks), "queries", "without", "clips", "right"]
    for each in recalls:
        values = [f"{each.at[k]:.6f}" for k in ranks]
        counts = [str(number) for number in (each.queries, each.without, each.clips)]
        yield [each.source, each.modality, *values, *counts, f"equal {each.match}"]

"""Writes docs/fidelity.md from docs/fidelity.toml, after checking the values of recipes and the names of tests in it.

python docs/make_fidelity.py
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import tomli

from codaar_core import load

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "fidelity.toml"
MEASURED = ROOT / "docs" / "fidelity_measured.toml"
Arms = dict[tuple[str, str], list[Mapping[str, Any]]]  # runs by mode and difference
PAGE = ROOT / "docs" / "fidelity.md"
MODES = ("as-published", "paper")

HEAD = """\
# Paper and released code

The paper (arXiv 2605.12145) and its released code differ in {count} places. Each difference that is implemented is a
setting of a component, and a recipe exists for both readings:

- `recipes/as-published/{{av,avt}}.toml` follow the released code. Over four whole optimizer steps in double precision
  every loss term, gradient norm, weight and buffer agrees to eight digits: for two modalities with
  [numbers of the released code](../tests/parity/test_released_steps_av.py), for three with
  [a second, independent implementation of it](../tests/parity/twin.py). The same holds for two steps of all 69 million
  weights at the released sizes, as far as sums, norms and first entries show. Initial weights have
  [the same shapes, constants and distributions](../tests/parity/test_released_initialisation.py); their random draws
  differ, because every component here has a generator of its own.
- `recipes/paper/{{av,avt}}.toml` follow the paper's text; where it says nothing, the simplest reading.

[codaar-plugin-released](../plugins/released/README.md) reads and writes checkpoints of the released code.
This page is written by `python docs/make_fidelity.py`, which checks each value against the recipes and each test by
name.

## Difference by difference

| # | topic | paper | released code | setting | as-published | paper | proved by |
|---|---|---|---|---|---|---|---|
"""

OPEN_HEAD = """
## What the text leaves open

Where the text allows several readings, `recipes/paper` takes one that it supports. The measurements below show on which
tasks codes learned so transfer between modalities.

| question | text | chosen | setting |
|---|---|---|---|
"""

MEASURED_HEAD = """
## Measured

Results of `python benchmarks/fidelity.py`: both recipes on the digits, with the widths of `recipes/avt.toml`
([recipes/fidelity](../recipes/fidelity/paper.toml)), for their 500 steps and for 250; then, for 250 steps,
as-published with one difference at a time set to the paper's reading, or with a reading of an open question that
`recipes/paper` does not take. In percent, the mean of audio to video and video to audio; ± is the standard deviation
over the seeds of pretraining. Heads are trained alike, with one seed. The paper's recipe learns more slowly: on
validation clips, where 500 steps were chosen, it had 98.8 in classification, and 86.7 after 250 (two seeds). In both
recipes rows are reset after about 20 steps without use (300 is more than a short run has), and precision is single,
except for one row with the double precision of the released code. Where the paper gives no numbers, better readings
than the one measured here are possible.

"""

MATTERS = """
The single differences that change a task by more than twice the standard deviation of their recipe, in points.
Differences that are not listed may still matter: they were measured with one seed.

"""


def page() -> str:
    """The whole page.

    Raises:
        ValueError: A recipe has another value than the table says, or a test does not exist.
    """
    table = tomli.loads(TABLE.read_text("utf-8"))
    rows = table["row"]
    listed = [row for row in rows if not row.get("beside")]
    body = "".join(line(str(number), row) for number, row in enumerate(listed, 1))
    beside = "".join(line("-", row) for row in rows if row.get("beside"))
    left_open = OPEN_HEAD + "".join(open_line(each) for each in table["open"])
    return HEAD.format(count=len(listed)) + body + beside + left_open + measured()


def line(number: str, row: Mapping[str, Any]) -> str:
    """One line of the table, checked."""
    settings = row.get("settings", [])
    for path, *values in settings:
        for mode, value in zip(MODES, values, strict=True):
            check_value(f"{mode}/{row.get('recipe', 'avt')}.toml", path, value)
    for test in row.get("tests", []):
        check_test(test)
    paths = [f"`{path}`" for path, *_ in settings]
    values = [[f"`{literal(values[mode])}`" for _, *values in settings] for mode in range(len(MODES))]
    cells = [[row["topic"]], [row["paper"]], [row["released"]], [*paths, row.get("remark", "")], *values, tests(row)]
    return f"| {number} | " + " | ".join(joined(cell) for cell in cells) + " |\n"


def open_line(entry: Mapping[str, Any]) -> str:
    """One line of the table of open questions, checked."""
    for path, value in entry["settings"]:
        check_value("paper/avt.toml", path, value)
    cells = [[entry[key]] for key in ("question", "text", "chosen")]
    cells.append([f"`{path} = {literal(value)}`" for path, value in entry["settings"]])
    return f"| {' | '.join(map(joined, cells))} |\n"


def joined(cell: list[str]) -> str:
    """Several lines of one cell."""
    return "<br>".join(part.replace("|", "\\|") for part in cell if part)


def tests(row: Mapping[str, Any]) -> list[str]:
    """Links to the tests."""
    named = (test.partition("::")[::2] for test in row.get("tests", []))
    return [f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})" for path, name in named]


def literal(value: Any) -> str:
    """A value as it stands in a recipe."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def check_value(recipe: str, path: str, expected: Any) -> None:
    """Check that a recipe has the value that the table states."""
    value = resolved(recipe)
    for key in path.split("."):
        value = value[key]
    if value != expected:
        raise ValueError(f"recipes/{recipe}: {path} is {value!r}, docs/fidelity.toml says {expected!r}")


@cache
def resolved(recipe: str) -> Mapping[str, Any]:
    """Every value of a recipe, defaults included."""
    return load(ROOT / "recipes" / recipe).resolved


def check_test(test: str) -> None:
    """Check that a test exists."""
    path, _, name = test.partition("::")
    if not re.search(rf"^ *def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE):
        raise ValueError(f"{path} has no test {name}, docs/fidelity.toml names it")


WHOLE, HALF = "500 steps", "250 steps"  # without a difference; those with one have 250


def measured() -> str:
    """The section of measured results; empty without measurements."""
    runs = tomli.loads(MEASURED.read_text("utf-8"))["run"] if MEASURED.is_file() else []
    tasks = next((run["scores"] for run in runs if "scores" in run), None)
    if tasks is None:
        return ""
    arms: Arms = {}
    for run in runs:
        arms.setdefault((run["mode"], run["difference"]), []).append(run)
    order = sorted(arms, key=lambda arm: arm[1] != WHOLE)  # otherwise as measured
    titles = [
        "recipe",
        "difference",
        "seeds",
        *(f"{task}, {score['metric']}" for task, score in tasks.items()),
    ]
    guess = ["", "*no model*", "", *(percent([max(score["chance"], score["constant"])]) for score in tasks.values())]
    lines = [titles, ["---"] * len(titles), guess, *(measured_line(*arm, arms[arm], list(tasks)) for arm in order)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return MEASURED_HEAD + table + no_better_than_a_guess(arms) + what_matters(arms, list(tasks))


def no_better_than_a_guess(arms: Arms) -> str:
    """One sentence for each recipe whose mean over seeds is not above a prediction without a model; may be empty."""
    sentences = []
    for mode, steps in product(MODES, (WHOLE, HALF)):
        scores = [run["scores"] for run in arms.get((mode, "" if steps == HALF else steps), ()) if "scores" in run]
        for task in scores[0] if scores else ():
            guess = max(max(each[task]["chance"], each[task]["constant"]) for each in scores)
            if statistics.fmean(each[task]["mean"] for each in scores) <= guess:
                sentences.append(f"On {task}, {mode} is no better than a prediction without a model after {steps}.\n")
    return "\n" + "".join(sentences) if sentences else ""


def what_matters(arms: Arms, tasks: Sequence[str]) -> str:
    """One line a task: the single differences that change it, the largest first."""
    return MATTERS + "".join(f"- {task}: {'; '.join(moving(arms, task)) or 'none'}.\n" for task in tasks)


def moving(arms: Arms, task: str) -> list[str]:
    """Differences that change a task by more than twice the standard deviation of their mode over seeds, in points."""
    found = {}
    for (mode, difference), runs in arms.items():
        seeds, alone = means(arms.get((mode, ""), ()), task), means(runs, task)
        if difference not in ("", WHOLE) and alone and len(seeds) > 1:
            change = statistics.fmean(alone) - statistics.fmean(seeds)
            if abs(change) > 2 * statistics.stdev(seeds):
                found[difference if mode == "as-published" else f"in {mode}, {difference} as published"] = change
    return [f"{name} {100 * change:+.1f}" for name, change in sorted(found.items(), key=lambda item: -abs(item[1]))]


def means(runs: Sequence[Mapping[str, Any]], task: str) -> list[float]:
    """The score of each run that finished."""
    return [run["scores"][task]["mean"] for run in runs if "scores" in run]


def measured_line(mode: str, difference: str, runs: Sequence[Mapping[str, Any]], tasks: Sequence[str]) -> list[str]:
    """The mean over seeds, task by task; the reason where a run failed."""
    difference = difference or HALF
    seeds = ", ".join(str(run["seed"]) for run in runs)
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return [mode, difference, seeds, *[f"failed: {failed[0]}"] * len(tasks)]
    return [mode, difference, seeds, *(percent([run["scores"][task]["mean"] for run in runs]) for task in tasks)]


def percent(values: Sequence[float]) -> str:
    """Mean and, of several values, standard deviation."""
    mean = f"{100 * statistics.fmean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

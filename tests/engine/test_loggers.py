"""The base class of loggers: what a logger is told, and that none changes or ends a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from killed_runs import contents
from toy_run import STEPS, toy_plan

from codaar_core import engine, evaluate, report
from codaar_core.api import RunLogger, hook

FUNCTIONS = ("open", "scalars", "scores", "table", "artefact", "close")


class Memory(RunLogger):
    """Keeps what it is told; a new start begins an empty log."""

    def open(self, directory, name, settings):
        self.name, self.settings = name, settings
        self.values: list[tuple[str, int]] = []
        self.others: list[str] = []

    def scalars(self, step, values):
        self.values += [(name, step) for name in values]

    def table(self, step, name, columns, rows):
        self.others.append(name)

    def artefact(self, step, path):
        self.others.append(path.name)

    def close(self, status):
        self.others.append(status)


def memory(**settings) -> Memory:
    return Memory(Memory.Config(**settings), None)


def failing(function: str) -> RunLogger:
    """A logger of which one function fails, as with a disk that is full."""

    def fail(self, *arguments):
        self.calls += 1
        raise OSError(28, "No space left\non device")

    return type(f"Fails{function.title()}", (Memory,), {function: fail, "calls": 0})(Memory.Config(), None)


class Stop:
    """Ends the run after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hook
    def codaar_step_end(self, step):
        if step + 1 == self.step:
            raise RuntimeError("stopped")


def test_a_logger_that_fails_is_reported_once_and_the_run_is_as_without_it(tmp_path):
    plan = toy_plan(tmp_path)
    loggers = [failing(function) for function in FUNCTIONS]
    with pytest.warns(UserWarning, match="logs nothing more") as warned:
        logged = engine.run(plan, observers=loggers, write_report=report.write)
    told = [str(each.message) for each in warned if "logs nothing more" in str(each.message)]
    reason = "logs nothing more of this run, which goes on: OSError: [Errno 28] No space left on device"
    assert Counter(told) == Counter(f"Fails{each.title()} {reason}" for each in FUNCTIONS)
    assert [logger.calls for logger in loggers] == [1] * len(FUNCTIONS)
    assert [getattr(logger, "others", ["finished"])[-1:] for logger in loggers[:-1]] == [["finished"]] * 5  # closed
    plain = engine.run(plan, write_report=report.write)
    assert contents(logged) == contents(plain)


def test_a_logger_switched_on_when_a_run_is_resumed_is_told_everything_once(tmp_path):
    plan = toy_plan(tmp_path, "evaluate.every=1")
    whole, late = memory(), memory()
    with pytest.raises(RuntimeError, match="stopped"):
        engine.run(plan, observers=[Stop(STEPS + 2)])
    engine.run(plan, resume="auto", observers=[late], write_report=report.write)
    engine.run(plan, observers=[whole], write_report=report.write)
    assert Counter(late.values) == Counter(whole.values) == Counter(dict.fromkeys(whole.values, 1))
    assert {name.partition("/")[0] for name, _ in whole.values} == {"step", "epoch", "curve", "transfer"}
    assert late.others == whole.others == ["transfer/toy", "report.html", "finished"]
    steps = [step for _, step in late.values]
    assert steps == sorted(steps)


def test_values_of_steps_are_thinned_those_of_epochs_are_not(tmp_path):
    logger = memory(every=4)
    engine.run(toy_plan(tmp_path), observers=[logger])
    assert [step for name, step in logger.values if name == "step/total"] == [4, 8, 12]
    assert [step for name, step in logger.values if name == "epoch/total"] == [STEPS, 2 * STEPS, 3 * STEPS]


def test_an_evaluation_has_a_log_of_its_own(tmp_path):
    plan = toy_plan(tmp_path, "run.epochs=1")
    directory = engine.run(plan)
    logger = memory()
    evaluated = evaluate(directory, overrides=["evaluate.seeds=[3]"], observers=[logger])
    transfers = json.loads((evaluated / "results.json").read_text("utf-8"))["transfers"]
    assert logger.name == f"toy/{evaluated.name}"
    assert len([name for name, _ in logger.values if name.startswith("transfer/")]) == len(transfers) == 2


@pytest.mark.parametrize(("value", "flat"), [([1, 2], "[1, 2]"), (0.5, 0.5), ({"b": True}, None)])
def test_settings_have_dotted_names(tmp_path, value, flat):
    logger = memory()
    start: Callable[..., None] = logger.codaar_run_start
    resolved = {"run": {"name": "x"}, "a": value}
    start(tmp_path, resolved, codewords=4, step=0, finished=[], logged=[], curves=[], results=[])
    expected = {"a.b": True} if flat is None else {"a": flat}
    assert logger.settings == {"run.name": "x", **expected}

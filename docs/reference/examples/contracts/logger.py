"""RunLogger

A logger is a hook component, switched on by `run.hooks`. [Logging](../logging.md) lists the names of values.
"""

from pathlib import Path

from codaar_core.api import RunLogger


class Lines(RunLogger):
    """Keeps one line for every value."""

    def open(self, directory, name, settings):
        self.lines = [f"{name} with learning rate {settings['optimizer.lr']}"]

    def scalars(self, step, values):
        self.lines += [f"{step}: {name} = {value}" for name, value in values.items()]


logger = Lines(Lines.Config(every=10), None)
logger.codaar_run_start(
    directory=Path("runs/avt/STAMP"),
    resolved={"run": {"name": "avt"}, "optimizer": {"lr": 4e-4}},
    codewords=800,
    step=0,
    finished=[],
    logged=[],
    curves=[],
    results=[],
)
logger.codaar_step_logged(step=10, values={"total": 3.5})
logger.codaar_step_logged(step=11, values={"total": 3.4})
assert logger.lines == ["avt/STAMP with learning rate 0.0004", "10: step/total = 3.5"]

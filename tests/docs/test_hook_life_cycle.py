"""The table of hooks in docs/plugins.md: complete, and in the order in which a run calls them."""

from __future__ import annotations

import inspect
import re

import codaar_core
from codaar_core.api import hook
from codaar_core.api.hooks import Specification

SMALL = (
    *("run.epochs=2", "run.log_every=1", "device.threads=1", "quantizer.codes=16", "quantizer.dim=16"),
    *("data.pretrain=16", "data.batch=8", "data.patches=8", "data.classification=[20,20]"),
    *("encoders.video.channels=[4,8]", "decoders.video.hidden=4"),
    *('evaluate.on=["classification"]', "evaluate.every=1", "evaluate.seeds=[1]", "bench.classification.epochs=1"),
)
LIFE_CYCLE = (
    r"run_start (epoch_start (step_end step_logged )+checkpoint_saved epoch_end (epoch_evaluated )?)+"
    r"(benchmark_start (head_end )+benchmark_end )+epoch_evaluated report_sections report_written run_end "
)


def documented(root) -> dict[str, list[str]]:
    """Hooks and their arguments, in the order of the table."""
    page = (root / "docs" / "plugins.md").read_text("utf-8")
    rows = re.findall(r"^\| `(codaar_\w+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", arguments) for name, arguments in rows}


def test_every_hook_is_in_the_table_with_its_arguments(root):
    specified = {
        name: [argument for argument in inspect.signature(function).parameters if argument != "self"]
        for name, function in vars(Specification).items()
        if name.startswith("codaar_")
    }
    assert documented(root) == specified


def test_the_table_is_in_order_of_time(root, tmp_path):
    called: list[str] = []

    def watching(name: str):
        def function(self):
            called.append(name)

        return hook(function)

    watcher = type("Watcher", (), {name: watching(name) for name in documented(root)})()
    overrides = [*SMALL, f"run.directory={str(tmp_path)!r}"]
    codaar_core.run(root / "recipes" / "av.toml", overrides, observers=[watcher])
    assert re.fullmatch(LIFE_CYCLE, "".join(name.removeprefix("codaar_") + " " for name in called))
    assert list(dict.fromkeys(called)) == list(documented(root))

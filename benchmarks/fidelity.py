"""Transfer on the digits by the released code and by the paper, and which single differences between them matter.

Pretrains both recipes of recipes/fidelity with three seeds, for their 500 steps and for 250; then, for 250 steps,
as-published with one difference of docs/fidelity.toml at a time taken from the paper, or with a reading that the
paper's recipe does not take. Each result is added to docs/fidelity_measured.toml as it comes; what stands there is not
measured again, so the script may be stopped any time. One run of 250 steps takes about two minutes on one core. Several
processes may share the work: --share 1/2 and --share 2/2.

python benchmarks/fidelity.py && python docs/make_fidelity.py
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import tomli
import tomli_w

import codaar_core
from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.results import Results, headline_means
from codaar_core.recipe.toml.literal import literal
from codaar_core.report import read as read_results

ROOT = Path(__file__).resolve().parents[1]
DIFFERENCES = ROOT / "docs" / "fidelity.toml"
MEASURED = ROOT / "docs" / "fidelity_measured.toml"
MODES = ("as-published", "paper")
SHORT = ("run.epochs=10",)  # 250 steps
WHOLE = "500 steps"  # those of the recipes, in place of a difference
OTHER_READINGS = {  # of what the text leaves open: docs/fidelity.toml, [[open]]
    "squared norms of Eqs. 8 and 9 summed": (
        'losses.reconstruction.reduction="sum"',
        'losses.commitment.reduction="sum"',
    ),
    "CSA also in the moving sums": ('quantizer.align_scope="sums"',),
    "CPC of Eq. 2 averaged over all ordered pairs": (
        'losses.cpc.reduction="mean"',
        "losses.cpc.within=0.0",
        'losses.cpc.normalise="targets"',
        "losses.cpc.bias=false",
    ),
    "reset also in the moving sums, first update not counted": ('quantizer.reset_scope="sums"',),
}
NOT_OF_PRETRAINING = ("bench.", "evaluate.")
NOT_COMPARED = (  # reached by no epoch here; single precision in both; scaled to the short run in both
    "optimizer.milestones",
    "device.dtype",
    "quantizer.reset_after",
)


@attrs.frozen
class Arm:
    """One pretraining: a mode, and what is taken from the other one (nothing, or a topic of docs/fidelity.toml)."""

    mode: str
    difference: str
    overrides: tuple[str, ...]
    seed: int

    def is_among(self, runs: Sequence[Mapping[str, Any]]) -> bool:
        """Whether it was measured already."""
        mine = (self.mode, self.difference, self.seed)
        return any((run["mode"], run["difference"], run["seed"]) == mine for run in runs)


def main() -> None:
    """Measure what is not measured yet; prints one JSON line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=MEASURED, help="file of results")
    parser.add_argument("--seeds", type=int, nargs="+", default=(43, 44, 45), help="of the modes; the first, of others")
    parser.add_argument("-o", dest="overrides", action="append", default=[], help="for all runs, e.g. run.epochs=1")
    parser.add_argument("--share", default="1/1", help="i/n: every n-th run only, beginning with the i-th")
    parser.add_argument("--list", action="store_true", help="only say what is still to be measured")
    options = parser.parse_args()
    part, parts = (int(number) for number in options.share.split("/"))
    for arm in itertools.islice(arms(options.seeds), part - 1, None, parts):
        if arm.is_among(read(options.to)):
            continue
        if options.list:
            print(arm.mode, arm.seed, arm.difference, *arm.overrides)
            continue
        run = measure(arm, options.overrides)
        runs = [*read(options.to), run]  # read again: another process may have added some
        options.to.write_text(tomli_w.dumps({"run": runs}), "utf-8")
        print(json.dumps({"benchmark": "fidelity", **run}), flush=True)


def arms(seeds: Sequence[int]) -> Iterator[Arm]:
    """All runs: both modes first."""
    yield from (Arm(mode, WHOLE, (), seed) for seed in seeds for mode in MODES)
    yield from (Arm(mode, "", SHORT, seed) for seed in seeds for mode in MODES)
    for topic, settings in differences().items():
        yield Arm(
            "as-published", topic, (*SHORT, *(f"{path}={literal(paper)}" for path, _, paper in settings)), seeds[0]
        )
    for reading, overrides in OTHER_READINGS.items():
        yield Arm("as-published", reading, (*SHORT, *overrides), seeds[0])
    yield Arm("as-published", "double precision", (*SHORT, 'device.dtype="float64"'), seeds[0])


def differences() -> dict[str, list[tuple[str, Any, Any]]]:
    """Settings of pretraining with two values, by topic; each in the first topic that has it."""
    topics: dict[str, list[tuple[str, Any, Any]]] = {}
    seen = set(NOT_COMPARED)
    for row in tomli.loads(DIFFERENCES.read_text("utf-8"))["row"]:
        if row.get("recipe", "avt") != "avt":
            continue
        new = [tuple(each) for each in row.get("settings", []) if each[1] != each[2] and each[0] not in seen]
        new = [each for each in new if not each[0].startswith(NOT_OF_PRETRAINING)]
        seen |= {path for path, *_ in new}
        if new:
            topics[row["topic"]] = new
    return topics


def measure(arm: Arm, overrides: Sequence[str]) -> dict[str, Any]:
    """Pretrain and evaluate; a run that breaks off (e.g. a loss is not finite) is a result too."""
    recipe, start = ROOT / "recipes" / "fidelity" / f"{arm.mode}.toml", time.monotonic()
    entry = {"mode": arm.mode, "difference": arm.difference, "seed": arm.seed, "overrides": list(overrides)}
    with tempfile.TemporaryDirectory() as folder:
        place = f"run.directory={literal(folder)}"
        try:
            run = codaar_core.run(recipe, [place, f"run.seed={arm.seed}", *arm.overrides, *overrides])
        except Interrupted:
            raise SystemExit(130) from None
        except CodaarError as error:
            return {**entry, "failed": error.message}
        scores = scores_of(read_results(run))
    return {**entry, "seconds": round(time.monotonic() - start), "scores": scores}


def scores_of(results: Results) -> dict[str, dict[str, Any]]:
    """By task: the headline metric, as the mean over transfers without caveat."""
    quantities = ("mean", "chance", "constant", "upper_bound")
    return {
        each.benchmark: {
            "metric": each.metric,
            **{quantity: round(getattr(each, quantity) or 0.0, 4) for quantity in quantities},
        }
        for each in headline_means(results.transfers)
    }


def read(path: Path) -> list[dict[str, Any]]:
    """The runs measured so far."""
    return tomli.loads(path.read_text("utf-8"))["run"] if path.is_file() else []


if __name__ == "__main__":
    main()

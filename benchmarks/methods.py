"""What a training step of each compared method costs at the paper's sizes, without any data.

With data, recipes/paper/table9.toml measures whole epochs: Table 9 of arXiv 2605.12145.

Prints one JSON line: seconds, CPU seconds, peak memory, minutes of an epoch of 40,801 clips that follow, and the ratio
of CPU seconds to those of CoDAAR. The paper's minutes and GB stand beside: of an A100, and of the methods' own code.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from steps import measure

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
WITHOUT_DECODERS = 'unset = ["decoders"]\n'
METHODS = {  # what each recipe of recipes/methods needs besides
    "codaar": "",
    "dcid": "",
    "dcid-six-updates": "",
    "dcid-reversal": "",
    "micu": "",
    "micu-two-updates": "",
    "cmcm": "",
    "codis": WITHOUT_DECODERS,
    "turn": WITHOUT_DECODERS,
    "fcid": 'unset = ["decoders.text"]\n',
    "hdcid": """
        encoders.video.use = "two-level-vgg"
        encoders.audio.use = "two-level-vggish"
        encoders.text.use = "two-level-bert"
        encoders.text.padding = "read"
    """,
    "residual": "",
    "simvq": "",
    "fsq": "",
    "lfq": "",
    "baseline-shared": "",
    "baseline": "",
}
CLIPS = 40_801
PUBLISHED = {"codaar": (14.4, 11.6), "dcid": (22.3, 7.2), "micu": (25.6, 8.4)}


def main() -> None:
    """Measure each in a process of its own, so that memory is its own too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--batch", type=int, default=80)
    parser.add_argument("--repeat", type=int, default=2, help="steps that are measured")
    parser.add_argument("--override", action="append", default=[], help="of recipes/as-published/avt.toml")
    parser.add_argument("--one", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options)))
        return
    measured = {method: alone(method) for method in options.method}
    first = next(iter(measured.values()))["cpu_seconds"]
    for method, each in measured.items():
        each["epoch_minutes"] = round(each["seconds"] * CLIPS / options.batch / 60, 1)
        each["ratio"] = round(each["cpu_seconds"] / first, 2)
        if method in PUBLISHED:
            each["published_minutes"], each["published_gb"] = PUBLISHED[method]
    print(json.dumps({"benchmark": "methods", "batch": options.batch, **measured}))


def alone(method: str) -> dict[str, float]:
    """One measurement in a new process."""
    command = [sys.executable, __file__, *sys.argv[1:], "--one", method]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def one(method: str, options: argparse.Namespace) -> dict[str, float]:
    """The method over the released sizes, in float32 unless overridden."""
    with TemporaryDirectory() as folder:
        recipe = Path(folder) / "method.toml"
        recipe.write_text(written(method), "utf-8")
        return measure(['device.dtype="float32"', *options.override], options.batch, options.repeat, recipe=recipe)


def written(method: str) -> str:
    """A recipe with the method over the released one."""
    parts = [
        RECIPES / "as-published" / "avt.toml",
        *([] if method == "codaar" else [RECIPES / "methods" / f"{method}.toml"]),
    ]
    return f"codaar = 1\nextends = {json.dumps([str(part) for part in parts])}\n{METHODS[method]}"


if __name__ == "__main__":
    main()

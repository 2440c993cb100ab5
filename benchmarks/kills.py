"""Kill a run of toy components at random times, resume it, and compare every file with an undisturbed run's.

Prints one JSON line. Each run is killed by SIGKILL one to three times, at times drawn over the length of an undisturbed
run, and resumed as by ``--resume auto``. A run counts as equal if no file of its run directory is missing, additional
or different: weights and training state bit for bit; times, process numbers and the path of the run aside. The exit
code is 1 if a run is not equal; its folder is kept and named.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from killed_runs import contents, differences, finish, kill_after, killable_plan, start

MOST_KILLS = 3  # of one run


def main() -> None:
    """Kill runs until there were enough kills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    draw, root = random.Random(options.seed), Path(mkdtemp(prefix="kills-"))
    plan = killable_plan(root)
    began = time.monotonic()
    undisturbed = contents(finish(plan, root / "undisturbed"))
    length = time.monotonic() - began
    kills = runs = equal = 0
    while kills < options.kills:
        folder = root / str(runs)
        for _ in range(min(draw.randint(1, MOST_KILLS), options.kills - kills)):
            kills += kill_after(start(plan, folder), draw.uniform(0, length))
        different = differences(finish(plan, folder), undisturbed)
        runs += 1
        equal += not different
        if different:
            print(f"{folder}: {', '.join(different)}", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(folder)
    print(json.dumps({"benchmark": "kills", "seed": options.seed, "kills": kills, "runs": runs, "equal_runs": equal}))
    if equal == runs:
        shutil.rmtree(root)
    sys.exit(equal < runs)


if __name__ == "__main__":
    main()

"""load_sweep, run_sweep

The control without alignment and losses between modalities, beside the method:
"""

from pathlib import Path

import codaar_core

Path("pair.toml").write_text(
    """
extends = ["recipes/av.toml"]

[run]
name = "pair"
epochs = 1

[data]
pretrain = 16
batch = 8

[quantizer]
codes = 16

[evaluate]
on = []

[sweep]
seeds = [1]

[sweep.columns]
"loss" = "pretraining/total"

[sweep.arms.method]

[sweep.arms.control.model]
align = []
"""
)
sweep = codaar_core.load_sweep("pair.toml")
assert [arm.name for arm in sweep.arms] == ["method", "control"]
measured = codaar_core.run_sweep(sweep)
assert [len(each.results) for each in measured] == [1, 1]

"""export, compare

A folder with everything that another machine needs to use a model ([models](../models.md)), and the scores of several
runs or folders, each in a column ([compare](../compare.md)):
"""

import torch

import codaar_core

SMALL = ["run.epochs=1", "data.pretrain=16", "data.batch=8", "quantizer.codes=16", "quantizer.dim=16"]
FAST = ["evaluate.on=['classification']", "data.classification=[20,20]", "bench.classification.epochs=1"]
directory = codaar_core.run("recipes/av.toml", overrides=[*SMALL, *FAST])
folder = codaar_core.export(directory, "shared", licence="CC-BY-4.0")
assert (folder / "README.md").read_text().startswith("---\nlicense:")

clips = {"audio": torch.rand(2, 10, 128)}
ours, theirs = (codaar_core.open_model(each).encode(clips)["audio"] for each in (directory, folder))
assert torch.equal(ours.indices, theirs.indices)

comparison = codaar_core.compare([directory, folder])
assert all(one.mean == other.mean for one, other in (row.scores for row in comparison.rows))
assert comparison.as_latex().startswith("\\begin{tabular}")

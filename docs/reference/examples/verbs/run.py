"""run, evaluate, open_model, adopt_model, read_lock, list_runs, write_report

A run that takes a second, and what can be done with its directory:
"""

from pathlib import Path

import torch

import codaar_core

SMALL = ["run.epochs=1", "data.pretrain=16", "data.batch=8", "quantizer.codes=16", "quantizer.dim=16", "evaluate.on=[]"]
directory = codaar_core.run("recipes/av.toml", overrides=SMALL)
assert [run.path for run in codaar_core.list_runs("runs")] == [directory]
assert codaar_core.write_report(directory) == directory / "report.html"
assert codaar_core.read_lock(directory)["components"]["quantizer"]["name"] == "vqvae:codebooks"

retrieval = ["evaluate.on=['digits-retrieval']", "evaluate.seeds=[1]", "data.retrieval=10"]
evaluated = codaar_core.evaluate(directory, overrides=retrieval)
assert evaluated.parent == directory / "evaluations" and (evaluated / "results.json").is_file()

model = codaar_core.open_model(directory)
inputs = {"audio": torch.randn(2, 10, 128)}
codes = model.encode(inputs)["audio"]
assert codes.indices.shape == (2, 10) and codes.indices.max() < 16

weights = model.model.state_dict()
copied = codaar_core.adopt_model(Path("copy"), "recipes/av.toml", SMALL, weights, origin="another run")
assert torch.equal(codaar_core.open_model(copied).encode(inputs)["audio"].indices, codes.indices)

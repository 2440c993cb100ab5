"""validate, load, explain, diff"""

import codaar_core

assert codaar_core.validate("recipes/av.toml") == []
problem = codaar_core.validate("recipes/av.toml", overrides=["optimizer.lr=-1"])[0]
assert "optimizer.lr" in str(problem)

plan = codaar_core.load("recipes/av.toml", overrides=["run.epochs=2"])
assert plan.run.epochs == 2 and set(plan.modalities) == {"audio", "video"}

values = {each.path: each for each in codaar_core.explain("recipes/av.toml", ["run.epochs=2"])}
assert values["run.epochs"].origin == "command line"

differences = codaar_core.diff("recipes/av.toml", "recipes/avt.toml")
assert "model.modalities" in {each.path for each in differences}

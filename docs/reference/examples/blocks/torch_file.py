"""load_torch_file, refuse_odd_tensors"""

from pathlib import Path

import torch

from codaar_core.nn import load_torch_file, refuse_odd_tensors

path = Path("weights.pt")
torch.save({"epoch": 3, "weights": {"a": torch.ones(2)}}, path)
content = load_torch_file(path)  # runs no code of the file
refuse_odd_tensors(content["weights"])
assert content["epoch"] == 3 and content["weights"]["a"].tolist() == [1, 1]

torch.save({"a": torch.zeros(1).expand(1000, 1000)}, path)
try:
    refuse_odd_tensors(load_torch_file(path), most=path.stat().st_size)
except ValueError as error:
    assert str(error).startswith("a needs more than")

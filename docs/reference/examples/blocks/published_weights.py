"""load_published, NetworkExtractor"""

from pathlib import Path

import attrs
import torch
from torch import nn

from codaar_core.api import DataError, ExtractorContext, Space, setting
from codaar_core.nn import NetworkExtractor, load_published


class Network(nn.Linear):
    """The network whose weights are published."""

    def __init__(self):
        super().__init__(3, 2)


class Projection(NetworkExtractor):
    """Two features of a text file with three numbers."""

    network_type = Network
    get_it = "write it with torch.save"
    suffixes = (".txt",)
    made_by = "projection"
    output = Space((2,))

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the extractor."""

        weights: str = setting(help="file of the weights")

    def extract(self, source):
        return self.network(torch.tensor([[float(word) for word in source.read_text().split()]]))


torch.save({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, "linear.pth")
module = Network()
load_published(module, Path("linear.pth"), get_it="write it with torch.save")
assert module.weight.sum() == 6

Path("numbers.txt").write_text("1 2 3")
extractor = Projection(Projection.Config(weights="linear.pth"), ExtractorContext(torch.device("cpu")))
extractor.prepare()
assert extractor.extract(Path("numbers.txt")).tolist() == [[6, 6]]
try:
    load_published(nn.Linear(4, 2), Path("linear.pth"), get_it="write it with torch.save")
except DataError as error:
    assert "weight has the shape (2, 3), not (2, 4)" in error.message

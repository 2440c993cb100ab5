"""DataSource, DataContext, Split, Batch, Card"""

import torch

from codaar_core.api import Batch, Card, DataContext, DataSource, Features, Space, Split


class InMemory(Split):
    """Clips that lie in memory."""

    def __init__(self, clips, seed):
        self.sound = torch.randn(clips, 10, 128, generator=torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.sound)

    def __getitem__(self, indices):
        return Batch({"audio": Features(self.sound[torch.as_tensor(indices)])}, targets={})


class Noise(DataSource):
    """Sound features made of noise."""

    card = Card(title="noise", licence="CC0-1.0", how_to_get="made while it runs")

    @property
    def spaces(self):
        return {"audio": Space((128,), length=10)}

    def split(self, name):
        return InMemory(100, seed=0)

    def synthetic(self, clips, seed):
        return InMemory(clips, seed)


source = Noise(Noise.Config(), DataContext(("audio",)))
batch = source.split("pretrain")[[3, 1]]
assert batch.inputs["audio"].values.shape == (2, 10, 128)
assert source.origin == "noise"

"""exchange, Shared, gather_clips, sum_all, uniform_by_clip

What losses and quantizers exchange with the other processes of a run: several tensors at once.
"""

import torch

from codaar_core.api import Shared, exchange, gather_clips, sum_all, uniform_by_clip
from codaar_core.api.ranks import SingleProcess

ranks = SingleProcess()  # in a loss: view.ranks
latents, real = torch.randn(4, 10, 8), torch.ones(4, 10, dtype=torch.bool)

of_all, real_of_all = gather_clips(ranks, latents, real)  # one exchange; every rank computes the same from them
assert of_all.shape == latents.shape

errors, steps = sum_all(ranks, latents.square().sum(), real.sum())
assert int(steps) == 40

both, other = exchange(ranks, Shared(clips=(latents,), sums=(real.sum(),)), Shared(sums=(errors,)))  # one exchange
assert torch.equal(both.clips[0], latents)

generator = torch.Generator().manual_seed(0)  # in a loss: view.device_generator
replaced = uniform_by_clip(ranks, clips=4, steps=10, generator=generator) < 0.5  # as one process would draw them
assert replaced.shape == (4, 10)

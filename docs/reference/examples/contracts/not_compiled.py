"""not_compiled

What a compiled loss leaves out: torch cannot trace a draw from a generator.
"""

import torch

from codaar_core.api import not_compiled


@not_compiled
def drawn(codes, generator):
    return codes[int(torch.randint(len(codes), (1,), generator=generator))]


def length(codes, generator):
    return drawn(codes, generator).norm(dim=-1).mean()


generator = torch.Generator().manual_seed(0)  # in a loss: view.generator
compiled = torch.compile(length, backend="eager")  # what device.compile does, but traced only
assert float(compiled(torch.ones(3, 10, 4), generator)) == 2

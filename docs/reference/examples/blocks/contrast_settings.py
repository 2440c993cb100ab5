"""ContrastSettings"""

import attrs
import torch

from codaar_core.api import exchange
from codaar_core.api.ranks import SingleProcess
from codaar_core.nn import ContrastSettings


@attrs.frozen(kw_only=True)
class Config(ContrastSettings):
    """Settings of a loss that compares clips."""


latents = torch.randn(4, 8)
config = Config(negatives="gathered")
(shared,) = exchange(SingleProcess(), config.shared(latents))  # in a SharingLoss, prepare returns config.shared(...)
assert torch.equal(config.compared(shared)[0], latents)  # with one process its clips are all there are
assert torch.equal(config.gather(SingleProcess())(latents), latents)  # an exchange of its own

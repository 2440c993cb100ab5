"""ContrastSettings"""

import attrs
import torch

from codaar_core.api.ranks import SingleProcess
from codaar_core.nn import ContrastSettings


@attrs.frozen(kw_only=True)
class Config(ContrastSettings):
    """Settings of a loss that compares clips."""


latents = torch.randn(4, 8)
gather = Config(negatives="gathered").gather(SingleProcess())
assert torch.equal(gather(latents), latents)  # with one process its clips are all there are

"""MaskedBatchNorm"""

import torch

from codaar_core.nn import MaskedBatchNorm

steps, real = torch.randn(6, 8), torch.tensor([True, True, False, True, True, True])
norm = MaskedBatchNorm(8, affine=False)
normalised = norm(steps, real)
assert torch.allclose(normalised[real].mean(0), torch.zeros(8), atol=1e-6)

"""Quantized"""

import torch

from codaar_core.api import Quantized

indices = torch.tensor([[3, 3, 1]])
codes = Quantized(indices, own=torch.randn(1, 3, 8), full=torch.randn(1, 3, 16))
assert codes.real().all() and codes.distances is None

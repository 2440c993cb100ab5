"""Features, Encoded

A clip whose last two steps are padding:
"""

import torch

from codaar_core.api import Encoded, Features

mask = torch.tensor([[True, True, False, False]])
features = Features(torch.randn(1, 4, 128), mask)
encoded = Encoded(torch.ones(1, 4, 8), mask=features.mask)
assert encoded.real().sum() == 2
assert encoded.mean().tolist() == [[1] * 8]  # padding does not count

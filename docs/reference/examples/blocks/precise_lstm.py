"""PreciseLstm"""

import torch

from codaar_core.nn import PreciseLstm

lstm = PreciseLstm(8, 16, batch_first=True)
with torch.autocast("cpu", dtype=torch.bfloat16):
    hidden, _ = lstm(torch.randn(2, 10, 8))
assert hidden.dtype == torch.float32

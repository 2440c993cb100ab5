"""StepView"""

import torch

from codaar_core.api import Encoded, Features, StepView

features = {"audio": Features(torch.randn(2, 10, 128))}
encoded = {"audio": Encoded(torch.randn(2, 10, 8))}
view = StepView(features, encoded, quantized={}, decoded={}, epoch=0, step=7, generator=torch.Generator())
assert view.ranks.size == 1
assert view.encoded["audio"].semantic.shape == (2, 10, 8)

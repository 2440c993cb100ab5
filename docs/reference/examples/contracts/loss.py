"""Loss, LossContext"""

import torch

from codaar_core.api import Encoded, Loss, LossContext, Space, StepView


class Distance(Loss):
    """Squared distance of latents of audio and video at the same time step."""

    def forward(self, view):
        audio, video = (view.encoded[modality].semantic for modality in ("audio", "video"))
        return {"audio-video": (audio - video).square().mean()}


context = LossContext(("audio", "video"), latent=Space((4,)), code_space=Space((8,)))
loss = Distance(Distance.Config(), context)
encoded = {"audio": Encoded(torch.zeros(2, 5, 4)), "video": Encoded(torch.ones(2, 5, 4))}
view = StepView({}, encoded, {}, {}, epoch=0, step=0, generator=torch.Generator())
assert loss(view) == {"audio-video": torch.tensor(1.0)}

"""Loss, SharingLoss, LossContext"""

import torch

from codaar_core.api import Encoded, Loss, LossContext, Shared, SharingLoss, Space, StepView


class Distance(Loss):
    """Squared distance of latents of audio and video at the same time step."""

    def forward(self, view):
        audio, video = (view.encoded[modality].semantic for modality in ("audio", "video"))
        return {"audio-video": (audio - video).square().mean()}


class MaskedDistance(SharingLoss):
    """The same over the real steps of all processes."""

    def prepare(self, view):
        audio, video = (view.encoded[modality] for modality in ("audio", "video"))
        real = audio.real() & video.real()
        errors = (audio.semantic - video.semantic).square().mean(dim=-1)
        return Shared(sums=(real.sum(),), kept=(errors.masked_fill(~real, 0).sum(),))

    def complete(self, view, shared):
        (steps,), (total,) = shared.sums, shared.kept
        return {"audio-video": total * view.ranks.size / steps.clamp_min(1)}


context = LossContext(("audio", "video"), latent=Space((4,)), code_space=Space((8,)))
loss = Distance(Distance.Config(), context)
encoded = {"audio": Encoded(torch.zeros(2, 5, 4)), "video": Encoded(torch.ones(2, 5, 4))}
view = StepView({}, encoded, {}, {}, epoch=0, step=0, generator=torch.Generator())
assert loss(view) == MaskedDistance(MaskedDistance.Config(), context)(view)
assert loss(view) == {"audio-video": torch.tensor(1.0)}

"""Optimal transport to prototypes: encoders predict the assignments of teachers of the other modalities."""

from __future__ import annotations

from copy import deepcopy
from itertools import permutations, product
from typing import ClassVar, Literal, NamedTuple

import attrs
import torch
from attrs.validators import and_, ge, gt, lt
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import ComponentError, Encoded, Loss, LossContext, StepView, gather_clips, setting


class Transport(Loss):
    """Alignment by prototypes (CODIS: Duan et al., arXiv 2203.00048), of clips or of steps.

    A teacher, the exponential moving average of an encoder, gives targets: the transport plan of its latents to the
    prototypes, all used equally, with the least sum of cosine distances. Three terms: "code", cross-entropy between the
    plan and the prediction by the latents of the other modalities; "transport", the cost of the modality's own latents
    under its plan, which also trains the prototypes; "contrast", InfoNCE of each latent with the teachers' latents of
    all modalities, against the rest of the batch and a queue of earlier latents.

    Raises:
        ComponentError: There are no encoders, no trained prototypes, or only one modality.
    """

    teachers: nn.ModuleDict
    examples: ClassVar = ({"of": "clips"},)
    expected_failures: ClassVar = {"settings-matter": "momentum has no effect in one step: teachers begin as copies"}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings; the sources give no values for this use: see docs/methods.md."""

        of: Literal["clips", "steps"] = setting("steps", "what is assigned: mean latents of clips, or single steps")
        temperature: float = setting(0.1, "temperature of the softmax over prototypes", gt(0.0))
        contrast_temperature: float = setting(0.07, "temperature of the contrast", gt(0.0))
        momentum: float = setting(0.995, "decay of the moving average that makes the teachers", and_(ge(0.0), lt(1.0)))
        queue: int = setting(8192, "number of earlier latents of each teacher in its queue", ge(1))
        smoothness: float = setting(
            0.05, "weight of the entropy of the plan: larger values spread it more evenly", gt(0.0)
        )
        rounds: int = setting(3, "rounds of Sinkhorn scaling of rows and columns", ge(1))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        if len(context.modalities) < 2 or not context.encoders:
            raise ComponentError("transport compares modalities, but the model has only one", "leave it out of losses")
        if context.quantizer is None or not any(True for _ in context.quantizer.parameters()):
            raise ComponentError(
                "transport needs prototypes that are trained by gradient", 'write quantizer.use = "learned-codebook"'
            )
        self.modalities = context.modalities
        self.context = context
        self.teachers = deepcopy(nn.ModuleDict(context.encoders)).requires_grad_(False).eval()
        for modality in self.modalities:
            self.register_buffer(f"queue_{modality}", torch.zeros(config.queue, context.latent.width))
            self.register_buffer(f"queued_{modality}", torch.zeros(config.queue, dtype=torch.bool))

    def train(self, mode: bool = True) -> Transport:
        """Set the mode; teachers stay in evaluation mode."""
        super().train(mode)
        self.teachers.eval()
        return self

    @torch.no_grad()
    def inner_step(self, view: StepView) -> None:
        """Update the teachers, and put their latents of this batch into the queues."""
        for modality in self.modalities:
            teacher, student = self.teachers[modality], self.context.encoders[modality]
            pairs = zip(teacher.parameters(), student.parameters(), strict=True)
            slow, fast = zip(*((slow, fast.to(slow.dtype)) for slow, fast in pairs), strict=True)
            torch._foreach_lerp_(slow, fast, 1 - self.config.momentum)
            for slow, fast in zip(teacher.buffers(), student.buffers(), strict=True):
                slow.copy_(fast)
        for modality, items in self._taught(view).items():
            for name, new in (("queue", items.directions), ("queued", items.real)):
                kept = getattr(self, f"{name}_{modality}")
                kept.copy_(torch.cat([new.to(kept.dtype), kept])[: len(kept)])

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give the terms "code", "transport" and "contrast"."""
        taught = self._taught(view)
        with torch.autocast(
            view.inputs[self.modalities[0]].values.device.type, enabled=False
        ):  # differences of cosines are small
            return self._terms(self._items(view, view.encoded), taught)

    def _terms(self, students: dict[str, Items], taught: dict[str, Items]) -> dict[str, Tensor]:
        candidates = {modality: self._with_queue(modality, items) for modality, items in taught.items()}
        prototypes = self._prototypes()
        plans = {m: self._plan(candidates[m], prototypes[m])[: len(taught[m].real)] for m in self.modalities}
        cosines = {m: students[m].directions @ prototypes[m].T for m in self.modalities}
        code = [
            -mean((plans[n] * (cosines[m] / self.config.temperature).log_softmax(dim=-1)).sum(dim=-1), students[m].real)
            for m, n in permutations(self.modalities, 2)
        ]
        transport = [mean((plans[m] * (1 - cosines[m])).sum(dim=-1), students[m].real) for m in self.modalities]
        contrast = [self._contrast(students[m], candidates[n]) for m, n in product(self.modalities, repeat=2)]
        terms = {"code": code, "transport": transport, "contrast": contrast}
        return {name: torch.stack(term).sum() for name, term in terms.items()}

    def _prototypes(self) -> dict[str, Tensor]:
        """Unit vectors (K, D) of the prototypes, with gradient."""
        codebooks = self.context.quantizer.codebooks()
        return {modality: F.normalize(codebooks[modality], dim=-1) for modality in self.modalities}

    @torch.no_grad()
    def _taught(self, view: StepView) -> dict[str, Items]:
        """Latents of the batch by the teachers."""
        return self._items(view, {m: self.teachers[m](view.inputs[m]) for m in self.modalities})

    def _items(self, view: StepView, encoded: dict[str, Encoded]) -> dict[str, Items]:
        """Clips or steps of all ranks; real where all modalities are."""
        shared = min(encoded[m].semantic.shape[1] for m in self.modalities)
        real = torch.stack([encoded[m].real()[:, :shared] for m in self.modalities]).all(dim=0)
        if self.config.of == "clips":
            latents, real = {m: encoded[m].mean()[:, None] for m in self.modalities}, real.any(dim=1, keepdim=True)
        else:
            latents = {m: encoded[m].semantic[:, :shared] for m in self.modalities}
        gathered, *of_all = gather_clips(view.ranks, real, *latents.values())
        real = gathered.flatten()
        directions = [F.normalize(each.flatten(0, 1), dim=-1).masked_fill(~real[:, None], 0) for each in of_all]
        return {m: Items(each, real) for m, each in zip(latents, directions, strict=True)}

    def _with_queue(self, modality: str, items: Items) -> Items:
        """The batch, then the earlier part of the queue, which begins with the batch itself."""
        earlier = slice(len(items.real), None)
        queue, queued = (getattr(self, f"{name}_{modality}")[earlier] for name in ("queue", "queued"))
        return Items(torch.cat([items.directions, queue]), torch.cat([items.real, queued]))

    @torch.no_grad()
    def _plan(self, items: Items, prototypes: Tensor) -> Tensor:
        """Shares (N, K) of each item that go to each prototype: rows sum to one (Sinkhorn, arXiv 1306.0895)."""
        plan = ((items.directions @ prototypes.T - 1) / self.config.smoothness).exp() * items.real[:, None]
        for _ in range(self.config.rounds):
            plan = plan / plan.sum(dim=0, keepdim=True).clamp_min(torch.finfo(plan.dtype).tiny)
            plan = plan / plan.sum(dim=1, keepdim=True).clamp_min(torch.finfo(plan.dtype).tiny)
        return plan

    def _contrast(self, students: Items, candidates: Items) -> Tensor:
        """-log softmax of each item with itself among all candidates; the first candidates are the items."""
        scores = students.directions @ candidates.directions.T / self.config.contrast_temperature
        itself = torch.eye(*scores.shape, dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(~candidates.real & ~itself, -torch.inf)
        return mean(scores.logsumexp(dim=-1) - scores.diagonal(), students.real)


class Items(NamedTuple):
    """Clips or steps: unit vectors (N, D), zero where not real, and which of them are real, (N,)."""

    directions: Tensor
    real: Tensor


def mean(losses: Tensor, real: Tensor) -> Tensor:
    """Mean of losses (N,) over the real items."""
    return losses.masked_fill(~real, 0).sum() / real.sum().clamp_min(1)

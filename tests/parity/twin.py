"""A second reading of the released training script: plain tensor operations in one flat function, slow and obvious.

It shares nothing with the framework: weights are a dictionary of released names, LSTMs are loops over time, clipping
and Adam are written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

COMMITMENT, DECAY, EPSILON = 0.25, 0.99, 1e-5
LEARNING_RATE, BETA_1, BETA_2, ADAM_EPSILON, CLIP = 4e-4, 0.9, 0.999, 1e-8, 0.5
DTA = {2: (0.75, 0.25), 3: (0.6, 0.2)}  # own share, share of each other modality
DEAD_AFTER, ACTIVE_BELOW, RESET_NOISE = 300, 100, 0.001


class Step(NamedTuple):
    """Result of one optimizer step."""

    terms: dict[str, float]
    norms: dict[str, float]  # by released module, before clipping
    state: dict[str, Tensor]  # weights and buffers after it, by released names


def noise(rows: int, width: int) -> Tensor:
    """Replaces the random noise of a reset, by row of the codebook."""
    return torch.arange(rows * width, dtype=torch.float64).cos().view(rows, width)


def donors(active: Tensor, rows: int) -> Tensor:
    """Replaces the random choice among active rows, by row of the codebook."""
    return active[torch.arange(rows) % len(active)]


def train(
    weights: Mapping[str, Tensor], batches: Sequence[Mapping[str, Tensor]], times: Sequence[int], heads: int = 4
) -> list[Step]:
    """Optimizer steps of the released code, without dropout.

    Args:
        weights: The initial state by ``module/name``, in double precision.
        batches: ``video`` (B, T, 7, 7, C), ``audio`` (B, T, F) and, where there is one, ``text`` (B, T, W), by step.
        times: Time index of CPC by step.
    """
    w = {name: tensor.clone() for name, tensor in weights.items()}
    quantizer = "Encoder/Cross_quantizer."
    is_buffer = ("Cross_quantizer", "running_mean", "running_var", "num_batches_tracked")
    parameters = [name for name in w if not any(part in name for part in is_buffer)]
    for name in parameters:
        w[name].requires_grad_()
    modalities = [m for m in ("video", "audio", "text") if m in batches[0]]
    others = {m: [n for n in modalities if n != m] for m in modalities}
    first_moment = {name: torch.zeros_like(w[name]) for name in parameters}
    second_moment = {name: torch.zeros_like(w[name]) for name in parameters}
    updates = dict.fromkeys(parameters, 0)

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def lstm(x: Tensor, name: str, suffix: str) -> Tensor:
        hidden = cell = torch.zeros(len(x), w[f"{name}weight_hh_{suffix}"].shape[1], dtype=x.dtype)
        outputs = []
        steps = range(x.shape[1])
        for time in reversed(steps) if suffix.endswith("reverse") else steps:
            gates = x[:, time] @ w[f"{name}weight_ih_{suffix}"].T + w[f"{name}bias_ih_{suffix}"]
            gates = gates + hidden @ w[f"{name}weight_hh_{suffix}"].T + w[f"{name}bias_hh_{suffix}"]
            enter, forget, candidate, leave = gates.chunk(4, dim=1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs[::-1] if suffix.endswith("reverse") else outputs, dim=1)

    def layer_norm(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        return (x - mean) / (variance + 1e-5).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]

    def batch_norm(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        count = x.numel() / x.shape[1]
        with torch.no_grad():
            w[f"{name}.running_mean"] = 0.9 * w[f"{name}.running_mean"] + 0.1 * mean
            w[f"{name}.running_var"] = 0.9 * w[f"{name}.running_var"] + 0.1 * variance * count / (count - 1)
            w[f"{name}.num_batches_tracked"] = w[f"{name}.num_batches_tracked"] + 1
        x = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
        return x * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]

    steps = []
    for batch, time in zip(batches, times, strict=True):
        inputs = {m: batch[m].double() for m in modalities}
        clips, length = inputs["video"].shape[:2]

        # Text front end: two layers, both directions, padding read like words.
        if "text" in modalities:
            words = inputs["text"]
            for layer in ("l0", "l1"):
                forth, back = (lstm(words, "Text_ar_lstm/", layer + suffix) for suffix in ("", "_reverse"))
                words = torch.cat([forth, back], dim=-1)
            inputs["text"] = words  # also the target of reconstruction, with its gradient

        # Video: channel attention, sum over cells, two convolutions beside it.
        name = "Encoder/video_semantic_encoder."
        maps = inputs["video"].flatten(0, 1)
        squeezed = (maps.mean((1, 2)) @ w[name + "se_layer.0.weight"].T).relu()
        strength = (squeezed @ w[name + "se_layer.2.weight"].T).sigmoid()
        maps = maps * strength[:, None, None] + maps
        features = {**inputs, "video": maps.sum((1, 2)).unflatten(0, (clips, length))}
        x = maps.permute(0, 3, 1, 2)
        for convolution, norm in ((0, 1), (3, 4)):
            x = F.conv2d(
                x,
                w[f"{name}spatial_conv_stack.{convolution}.weight"],
                w[f"{name}spatial_conv_stack.{convolution}.bias"],
            )
            x = batch_norm(x, f"{name}spatial_conv_stack.{norm}").relu()
        private = {"video": x}  # (B T, P, 3, 3)
        private["audio"] = linear(inputs["audio"], "Encoder/Audio_encoder.audio_linear").relu()
        if "text" in modalities:
            private["text"] = linear(inputs["text"], "Encoder/Text_encoder.text_linear").relu()

        # Temporal modules: post-norm transformer layers without positions.
        latents = {}
        for m in modalities:
            x = linear(features[m], f"Encoder/{m}_self_att.affine_matrix")
            for layer in (0, 1):
                name = f"Encoder/{m}_self_att.encoder.layers.{layer}."
                projected = x @ w[name + "self_attn.in_proj_weight"].T + w[name + "self_attn.in_proj_bias"]
                query, key, value = (
                    part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in projected.chunk(3, dim=-1)
                )
                scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
                mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
                x = layer_norm(x + linear(mixed, name + "self_attn.out_proj"), name + "norm1")
                x = layer_norm(x + linear(linear(x, name + "linear1").relu(), name + "linear2"), name + "norm2")
            latents[m] = x

        # Quantizer, with the codebook from before this step.
        codebook = w[quantizer + "embedding"]
        books = dict(zip(modalities, codebook.chunk(len(modalities), dim=1), strict=True))
        distances = {m: (latents[m][:, :, None] - books[m]).square().sum(-1) for m in modalities}
        indices = {m: distances[m].argmin(-1) for m in modalities}
        usage = {m: (-distances[m].sqrt()).softmax(-1).mean(1) for m in modalities}
        own = {m: books[m][indices[m]] for m in modalities}
        joined = torch.cat([latents[m] for m in modalities], dim=-1)
        rows = {m: joined + (codebook[indices[m]] - joined).detach() for m in modalities}

        terms = {}
        for position, a in enumerate(modalities):
            for b in modalities[position + 1 :]:
                scores = usage[a] @ (usage[b] + 1e-10).log().T + usage[b] @ (usage[a] + 1e-10).log().T
                shifted = (scores + (-scores).max()).exp()
                terms[f"cmcm.{a}-{b}"] = 0.5 * -(shifted.diagonal() / (shifted.sum(1) + 1e-5)).log().mean()
        for m in modalities:
            terms[f"commitment.{m}"] = 2 * COMMITMENT * F.mse_loss(latents[m], own[m])
            for n in others[m]:
                terms[f"commitment.{m}"] = terms[f"commitment.{m}"] + COMMITMENT / 2 * F.mse_loss(latents[m], own[n])

        # CPC on the continuous latents.
        context, predictions = {}, {}
        for m in modalities:
            hidden = lstm(lstm(latents[m], f"CPC/{m}_ar_lstm.", "l0"), f"CPC/{m}_ar_lstm.", "l1")
            context[m] = hidden[:, time]
            predictions[m] = linear(context[m], f"CPC/{m}_predictors.0")
        terms["cpc.nce"] = torch.zeros((), dtype=torch.float64)
        for target in modalities:
            for predictor in modalities:
                scores = latents[target][:, time + 1] @ predictions[predictor].T
                correct = scores.log_softmax(dim=1).trace() / clips
                terms["cpc.nce"] = terms["cpc.nce"] - (0.1 if target == predictor else 1.0) * correct

        # Decoders: each reads the row of its own modality.
        for m in modalities:
            name = f"Decoder/{m.title()}_decoder."
            code = linear(linear(rows[m], f"{name}{m}_linear_1"), f"{name}{m}_linear")
            if m == "video":
                cells = code.flatten(0, 1)[:, :, None, None].expand(-1, -1, 3, 3)
                stack = name + "inverse_conv_block."
                x = torch.cat([cells, private["video"]], dim=1)
                x = F.conv_transpose2d(x, w[stack + "0.weight"], w[stack + "0.bias"]).relu()  # in place: skipped too
                branch = F.conv2d(x, w[stack + "1.stack.0.res_block.1.weight"], padding=1).relu()
                x = (x + F.conv2d(branch, w[stack + "1.stack.0.res_block.3.weight"])).relu()
                x = F.conv_transpose2d(x, w[stack + "2.weight"], w[stack + "2.bias"]).relu()
                x = F.conv_transpose2d(x, w[stack + "4.weight"], w[stack + "4.bias"])
                decoded = x.permute(0, 2, 3, 1).unflatten(0, (clips, length))
            else:
                decoded = linear(torch.cat([code, private[m]], dim=-1), f"{name}{m}_rec")
            terms[f"reconstruction.{m}"] = F.mse_loss(decoded, inputs[m])

        # Codebooks: EMA of mixed targets, cascaded means, reset; all from before the optimizer step.
        with torch.no_grad():
            sums = dict(zip(modalities, w[quantizer + "ema_weight"].chunk(len(modalities), dim=1), strict=True))
            own_share, other_share = DTA[len(modalities)]
            moved, total_count = {}, torch.zeros_like(w[quantizer + "ema_count"])
            for m in modalities:
                chosen = F.one_hot(indices[m].flatten(), len(codebook)).double()
                count = DECAY * w[f"{quantizer}ema_count_{m[0]}"] + (1 - DECAY) * chosen.sum(0)
                all_counts = count.sum()
                count = (count + EPSILON) / (all_counts + len(codebook) * EPSILON) * all_counts
                gathered = own_share * chosen.T @ latents[m].flatten(0, 1)
                for n in others[m]:
                    gathered = gathered + other_share * chosen.T @ latents[n].flatten(0, 1)
                sums[m] = DECAY * sums[m] + (1 - DECAY) * gathered
                moved[m] = sums[m] / count[:, None]
                w[f"{quantizer}ema_count_{m[0]}"] = count
                total_count = total_count + count
            for m in reversed(modalities):
                moved[m] = sum(moved.values()) / len(modalities)
            codebook = torch.cat([moved[m] for m in modalities], dim=1)
            idle = w[quantizer + "unactivated_count"] + 1
            for m in modalities:
                idle[indices[m].flatten()] = 0
            dead = (idle > DEAD_AFTER).nonzero().flatten()
            active = ((idle >= 0) & (idle < ACTIVE_BELOW)).nonzero().flatten()
            idle[dead] = 0
            if len(dead) and len(active):
                revived = codebook[donors(active, len(codebook))] + RESET_NOISE * noise(*codebook.shape)
                codebook[dead] = revived[dead]
            w[quantizer + "embedding"] = codebook
            w[quantizer + "ema_weight"] = torch.cat([sums[m] for m in modalities], dim=1)
            w[quantizer + "ema_count"] = total_count
            w[quantizer + "unactivated_count"] = idle

        # Gradients, clipped module by module; Adam.
        found = torch.autograd.grad(sum(terms.values()), [w[name] for name in parameters], allow_unused=True)
        gradients = {name: each for name, each in zip(parameters, found, strict=True) if each is not None}
        norms = {}
        for module in ("CPC", "Encoder", "Text_ar_lstm", "Decoder"):
            inside = [name for name in gradients if name.startswith(f"{module}/")]
            norms[module] = math.sqrt(sum(float(gradients[name].square().sum()) for name in inside))
            for name in inside:
                gradients[name] = gradients[name] * min(1.0, CLIP / (norms[module] + 1e-6))
        with torch.no_grad():
            for name, gradient in gradients.items():
                updates[name] += 1
                first_moment[name] = BETA_1 * first_moment[name] + (1 - BETA_1) * gradient
                second_moment[name] = BETA_2 * second_moment[name] + (1 - BETA_2) * gradient.square()
                mean = first_moment[name] / (1 - BETA_1 ** updates[name])
                spread = (second_moment[name] / (1 - BETA_2 ** updates[name])).sqrt()
                w[name] -= LEARNING_RATE * mean / (spread + ADAM_EPSILON)
        values = {name: float(value.detach()) for name, value in terms.items()}
        steps.append(Step(values, norms, {name: tensor.detach().clone() for name, tensor in w.items()}))
    return steps

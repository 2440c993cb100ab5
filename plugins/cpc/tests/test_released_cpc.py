"""CPC against numbers of the released code in float64: value, and gradient of every latent and parameter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from codaar_plugin_cpc.cpc import Cpc
from torch import Tensor

from codaar_core.api import Encoded, LossContext, Space, StepView
from codaar_core.testing.released_numbers import ReleasedNumbers, drawn_weight

RELEASED_NAMES = {"v": "video", "a": "audio", "t": "text"}
Read = Callable[[str], ReleasedNumbers]


@pytest.mark.parametrize("form", ["small", "small_t2", "paperH2L1"])
@pytest.mark.parametrize("name", ["av", "avt"])
def test_released_numbers(name: str, form: str, released_numbers: Read) -> None:
    numbers = released_numbers(f"cpc_{name}_{form}")
    loss = build(name, numbers)
    loss.load_state_dict(our_names(numbers, "w_", loss))
    check_value_and_latents(loss, numbers)
    expected = our_names(numbers, "grad_", loss)
    for parameter_name, parameter in loss.named_parameters():
        assert_same(parameter.grad, expected[parameter_name])


@pytest.mark.parametrize("name", ["av", "avt"])
def test_released_numbers_at_full_size(name: str, released_numbers: Read) -> None:
    """Weights are drawn by their names; of their gradients only the norms are stored."""
    numbers = released_numbers(f"cpc_{name}_full")
    loss = build(name, numbers)
    for parameter_name, parameter in loss.named_parameters():
        parameter.data = drawn_weight(f"{name}_full", released_name(parameter_name), tuple(parameter.shape))
    check_value_and_latents(loss, numbers)
    for parameter_name, parameter in loss.named_parameters():
        assert_same(parameter.grad.norm(), numbers[f"gradnorm_{released_name(parameter_name)}"])


def build(name: str, numbers: ReleasedNumbers) -> Cpc:
    width = numbers["in_a"].shape[-1]
    config = Cpc.Config(horizon=int(numbers["H"]), layers=int(numbers["layers"]))
    return Cpc(config, LossContext(tuple(name), Space((width,)), Space((width,)))).double()


def check_value_and_latents(loss: Cpc, numbers: ReleasedNumbers) -> None:
    """Compare the loss and the gradients of the latents, after a forward and a backward pass."""
    latents = {m: numbers[f"in_{m}"].requires_grad_() for m in loss.modalities}
    generator = generator_that_draws(int(numbers["draw"]), latents["a"].shape[1] - 1 - loss.config.horizon)
    encoded = {m: Encoded(z) for m, z in latents.items()}
    value = loss(StepView({}, encoded, {}, {}, 0, 0, generator))["nce"]
    value.backward()
    assert_same(value.detach(), numbers["nce"])
    for m in latents:
        assert_same(latents[m].grad, numbers[f"grad_in_{m}"])


def released_name(parameter_name: str) -> str:
    """The released name of a parameter of a model that predicts one step."""
    kind, m, rest = parameter_name.split(".", 2)
    module = {"contexts": "ar_lstm.", "predictors": "predictors.0."}[kind]
    return f"{RELEASED_NAMES[m]}_{module}{rest}"


def our_names(numbers: ReleasedNumbers, prefix: str, loss: Cpc) -> dict[str, Tensor]:
    """Released tensors by our parameter names; the released predictors of all steps are one parameter here."""
    ours = {}
    for m in loss.modalities:
        released = f"{prefix}{RELEASED_NAMES[m]}"
        for parameter_name, _ in loss.contexts[m].named_parameters():
            ours[f"contexts.{m}.{parameter_name}"] = numbers[f"{released}_ar_lstm.{parameter_name}"]
        for part in ("weight", "bias"):
            steps = [numbers[f"{released}_predictors.{step}.{part}"] for step in range(loss.config.horizon)]
            ours[f"predictors.{m}.{part}"] = torch.cat(steps)
    return ours


def generator_that_draws(draw: int, choices: int) -> torch.Generator:
    for seed in range(1000):
        if int(torch.randint(choices, (1,), generator=torch.Generator().manual_seed(seed))) == draw:
            return torch.Generator().manual_seed(seed)
    raise AssertionError(f"no seed draws {draw} of {choices}")


def assert_same(ours: Tensor, released: Tensor) -> None:
    """The absolute tolerance is for biases of predictors: a softmax over predictions makes their gradient zero."""
    torch.testing.assert_close(ours, released, rtol=1e-10, atol=1e-10 * float(released.abs().max()) + 1e-15)

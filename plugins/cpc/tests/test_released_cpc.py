"""CPC against numbers of the released code in float64: value, and gradient of every latent and parameter."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_cpc.cpc import Cpc
from torch import Tensor

from codaar_core.api import Encoded, LossContext, Space, StepView

RELEASED_NAMES = {"v": "video", "a": "audio", "t": "text"}
REPOSITORY = Path(__file__).resolve().parents[3]
FOLDERS = (
    Path(os.environ.get("CODAAR_SHARED", REPOSITORY.parent / "shared")) / "vectors",
    REPOSITORY / "tests" / "data",
)


def find(file: str) -> Path:
    """Beside the checkout, or among those small enough to come with it."""
    for folder in FOLDERS:
        if (folder / f"{file}.npz").is_file():
            return folder / f"{file}.npz"
    pytest.skip(f"no released numbers {file} in {FOLDERS[0]} (set CODAAR_SHARED)")


@pytest.mark.parametrize("form", ["small", "small_t2", "paperH2L1"])
@pytest.mark.parametrize("name", ["av", "avt"])
def test_released_numbers(name: str, form: str) -> None:
    with np.load(find(f"cpc_{name}_{form}"), allow_pickle=False) as file:
        numbers = {key: torch.from_numpy(file[key]) for key in file.files}
    latents = {m: numbers[f"in_{m}"].requires_grad_() for m in name}
    _, steps, width = latents["a"].shape
    config = Cpc.Config(horizon=int(numbers["H"]), layers=int(numbers["layers"]))
    loss = Cpc(config, LossContext(tuple(name), Space((width,)), Space((width,)))).double()
    loss.load_state_dict(our_names(numbers, "w_", loss))
    generator = generator_that_draws(int(numbers["draw"]), steps - 1 - config.horizon)
    encoded = {m: Encoded(z) for m, z in latents.items()}
    value = loss(StepView({}, encoded, {}, {}, 0, 0, generator))["nce"]
    value.backward()

    assert_same(value.detach(), numbers["nce"])
    for m in latents:
        assert_same(latents[m].grad, numbers[f"grad_in_{m}"])
    expected = our_names(numbers, "grad_", loss)
    for parameter_name, parameter in loss.named_parameters():
        assert_same(parameter.grad, expected[parameter_name])


def our_names(numbers: dict[str, Tensor], prefix: str, loss: Cpc) -> dict[str, Tensor]:
    """Released tensors by our parameter names; the released predictors of all steps are one of ours."""
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
    """The floor is for the predictors' biases: a softmax over predictions does not see them."""
    torch.testing.assert_close(ours, released, rtol=1e-10, atol=1e-10 * float(released.abs().max()) + 1e-15)

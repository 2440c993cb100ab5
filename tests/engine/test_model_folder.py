"""A trained model checks the features that it is given, and turns codes into vectors and features."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from smallest import SMALLEST
from toy_run import toy_plan

from codaar_core import open_model
from codaar_core.api import CodaarError, DataError, Features
from codaar_core.engine import TrainedModel, run
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.evaluation.encode_split import encode_split
from codaar_core.recipe import load


@pytest.fixture(scope="module")
def digits() -> TrainedModel:
    """recipes/avt.toml, small and untrained; its codebooks are spread over the latents."""
    plan = load("recipes/avt.toml", SMALLEST)
    model = build_model(plan, dict(build_data(plan).spaces))
    torch.manual_seed(0)
    model.quantizer.codewords.normal_()
    return TrainedModel(model)


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> TrainedModel:
    return open_model(run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1", "evaluate.on=[]")))


def clips() -> torch.Tensor:
    return torch.rand(4, 10, 128, generator=torch.Generator().manual_seed(0)) * 3


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -float("inf")])
def test_features_that_are_not_finite_are_refused_with_clip_and_modality(digits, junk):
    spoilt = clips()
    spoilt[2, 3, 7] = junk
    with pytest.raises(DataError, match=r"audio: clip 2: 1 values are NaN or infinite in float32"):
        digits.encode({"audio": spoilt})


def test_values_beyond_the_type_of_the_model_are_refused(digits):
    with pytest.raises(DataError, match="clip 1: 1 values are NaN or infinite in float32"):
        digits.encode(
            {
                "audio": clips()
                .double()
                .index_put((torch.tensor(1), torch.tensor(0), torch.tensor(0)), torch.tensor(1e300).double())
            }
        )


def test_a_huge_value_changes_its_own_clip_only(digits):
    spoilt = clips()
    spoilt[0, 3, 7] = 1e30
    given, expected = digits.encode({"audio": spoilt})["audio"], digits.encode({"audio": clips()})["audio"]
    assert torch.equal(given.indices[1:], expected.indices[1:])
    assert len(expected.indices.unique()) > 4


@pytest.mark.parametrize("junk", [float("nan"), 1e30])
def test_masked_steps_change_nothing(digits, junk):
    mask = torch.ones(4, 10, dtype=torch.bool)
    mask[0, 6:] = False
    spoilt = clips()
    spoilt[0, 6:] = junk
    given = digits.encode({"audio": Features(spoilt, mask)})["audio"].indices
    assert torch.equal(given[mask], digits.encode({"audio": Features(clips(), mask)})["audio"].indices[mask])


def test_clips_alone_have_the_codes_of_the_batch(digits):
    together = digits.encode({"audio": clips()})["audio"].indices
    alone = [digits.encode({"audio": clip[None]})["audio"].indices for clip in clips()]
    assert torch.equal(torch.cat(alone), together)


def test_features_are_cast_as_in_a_run(digits):
    expected = digits.encode({"audio": clips()})["audio"].indices
    read_only = clips().numpy()
    read_only.flags.writeable = False
    for given in (clips().double(), clips().double().numpy(), read_only):
        assert torch.equal(digits.encode({"audio": given})["audio"].indices, expected)


def test_a_model_in_float64_takes_float32_and_arrays():
    plan = load("recipes/avt.toml", [*SMALLEST, 'device.dtype="float64"'])
    model = TrainedModel(build_model(plan, dict(build_data(plan).spaces)).double())
    codes = model.encode({"audio": clips().numpy(), "text": torch.zeros(2, 10, 16)})
    assert codes["audio"].own.dtype == torch.float64
    assert codes["audio"].indices.shape == (4, 10)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 10, 64), r"audio: features should be \(clips, steps, 128\), they are \(2, 10, 64\)"),
        ((10, 128), r"they are \(10, 128\)\n.*features\[None\]"),
        ((0, 10, 128), r"they are \(0, 10, 128\)"),
    ],
)
def test_other_shapes_are_refused_with_both(digits, shape, message):
    with pytest.raises(DataError, match=message):
        digits.encode({"audio": torch.zeros(shape)})


def test_other_masks_and_modalities_are_refused(digits):
    with pytest.raises(DataError, match=r"audio: the mask should be \(4, 10\), it is \(4, 9\)"):
        digits.encode({"audio": Features(clips(), torch.ones(4, 9, dtype=torch.bool))})
    with pytest.raises(CodaarError, match="no modality 'smell' in this model\n.*audio"):
        digits.encode({"smell": clips()})
    with pytest.raises(CodaarError, match="no features given"):
        digits.encode({})


def test_lookup_gives_the_vectors_of_the_codes(toy):
    codes = toy.encode({"north": torch.randn(3, 5, 8)})["north"]
    assert torch.equal(toy.lookup("north", codes.indices), codes.own)
    assert torch.equal(toy.lookup("north", codes.indices, full=True), codes.full)
    assert torch.equal(toy.lookup("north", codes.indices[1, 2]), codes.own[1, 2])
    assert toy.lookup("north", np.array([[[0, 15]]])).shape == (1, 1, 2, 8)


@pytest.mark.parametrize("indices", [torch.tensor([16]), torch.tensor([-1]), torch.tensor([0.5]), torch.tensor([True])])
def test_lookup_refuses_other_indices(toy, indices):
    with pytest.raises(CodaarError, match="north: indices should be whole numbers from 0 to 15"):
        toy.lookup("north", indices)


def test_decode_reconstructs_features(toy):
    features = {m: torch.randn(3, 5, 8) for m in ("north", "east")}
    decoded = toy.decode(features)
    encoded = toy.model.encode({m: Features(each) for m, each in features.items()})
    expected = toy.model.decode(encoded, toy.model.quantizer.quantize(encoded))
    assert {m: each.shape for m, each in decoded.items()} == {m: each.shape for m, each in features.items()}
    for modality, each in expected.items():
        torch.testing.assert_close(decoded[modality], each)
    assert torch.equal(toy.decode({"east": features["east"]})["east"], decoded["east"])


def test_decode_takes_the_codes_of_another_modality(toy):
    features = {m: torch.randn(3, 5, 8) for m in ("north", "east")}
    north = toy.encode(features)["north"].indices
    swapped = toy.decode({"east": features["east"]}, {"east": north})["east"]
    assert not torch.equal(swapped, toy.decode({"east": features["east"]})["east"])
    with pytest.raises(CodaarError, match=r"east: indices should be \(3, 5\), they are \(2, 5\)"):
        toy.decode({"east": features["east"]}, {"east": north[:2]})


def test_decoding_all_modalities_together_needs_all_features():
    plan = load("recipes/avt.toml", [*SMALLEST, 'quantizer.decode="concatenation"'])
    model = TrainedModel(build_model(plan, dict(build_data(plan).spaces)))
    with pytest.raises(CodaarError, match=r"there are no features of 'video'|there are no features of 'text'"):
        model.decode({"audio": clips()})


def test_the_evaluation_refuses_features_that_are_not_finite(toy, tmp_path):
    plan = toy_plan(tmp_path)
    split = build_data(plan).split("pretrain")
    split.values["north"][3, 1] = torch.nan
    with pytest.raises(DataError, match="north: clip 3: 8 values are NaN or infinite"):
        encode_split(toy.model, make_runtime(attrs.evolve(plan.device, on="cpu")), split, "north")
    assert encode_split(toy.model, make_runtime(plan.device), split, "east").indices.shape == (40, 5)


def test_a_device_that_is_not_there_is_refused(toy, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has it")
    directory = run(toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]"))
    with pytest.raises(CodaarError, match="device = 'cuda'"):
        open_model(directory, device="cuda")
    assert open_model(directory, device="auto").device.type == "cpu"

"""From a plan to objects: widths travel through contexts, seeds follow from places, and what does not fit is named."""

from __future__ import annotations

import pytest
import torch
from toy_run import toy_plan

from codaar_core.api import Space
from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_head, build_model, closed_forms
from codaar_core.recipe import RecipeError


def model_of(plan):
    return build_model(plan, dict(build_data(plan).spaces))


def state(module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def refused(folder, *overrides: str, components: str = "") -> str:
    """The message of the recipe error that building gives."""
    plan = toy_plan(folder, *overrides, components=components)
    with pytest.raises(RecipeError) as error:
        data = build_data(plan)
        build_benchmarks(plan, data, build_model(plan, dict(data.spaces)).quantizer)
    return str(error.value)


# Widths


@pytest.mark.parametrize("shape", ["[3]", "[2, 5]"])
def test_the_shape_of_the_data_reaches_encoders_and_decoders(tmp_path, shape) -> None:
    plan = toy_plan(tmp_path, f"data.shape={shape}")
    width = int(torch.tensor(eval(shape)).prod())
    model = model_of(plan)
    assert model.encoders["north"].latents.in_features == width
    assert model.decoders["north"].steps.out_features == width


def test_the_width_of_private_features_reaches_the_decoder_of_that_modality(tmp_path) -> None:
    model = model_of(toy_plan(tmp_path, "encoders.north.private=[4, 2]"))
    widths = {m: model.decoders[m].steps.in_features for m in ("north", "east")}
    assert widths["north"] == widths["east"] + 8 == model.quantizer.code_space.width + 8


def test_heads_get_the_classes_of_the_benchmark_and_the_width_of_codes(tmp_path) -> None:
    plan = toy_plan(tmp_path)
    data, model = build_data(plan), model_of(plan)
    benchmark = build_benchmarks(plan, data, model.quantizer)["toy"]
    head = build_head(plan, plan.benchmarks[0], benchmark, model.quantizer, seed=1)
    assert head.classify.in_features == model.quantizer.code_space.width
    assert head.classify.out_features == len(benchmark.classes)


CONTEXTS = """
from codaar_core.api import Loss

SEEN = []


class ToyCurious(Loss):
    '''Keeps what it is told.'''

    def __init__(self, config, context):
        super().__init__(config, context)
        self.context = context

    def forward(self, view):
        return {}
"""


def test_a_loss_is_told_spaces_and_given_the_parts_of_the_model(tmp_path) -> None:
    plan = toy_plan(
        tmp_path,
        *("model.losses=['reconstruction', 'curious']", "losses.curious.use='local:toy-curious'"),
        components=CONTEXTS,
    )
    model = model_of(plan)
    context = model.losses["curious"].context
    assert context.modalities == ("north", "east") and context.inputs == dict.fromkeys(("north", "east"), Space((8,)))
    assert context.latent == model.quantizer.latent and context.code_space == model.quantizer.code_space
    assert context.quantizer is model.quantizer and context.encoders["north"] is model.encoders["north"]


# Seeds


def test_equal_plans_give_equal_models_and_seeds_tell_them_apart(tmp_path) -> None:
    first, second, other = (model_of(toy_plan(tmp_path, f"run.seed={seed}")) for seed in (1, 1, 2))
    assert all(torch.equal(value, state(second)[name]) for name, value in state(first).items())
    assert not torch.equal(state(first)["encoders.north.latents.weight"], state(other)["encoders.north.latents.weight"])


def test_a_component_that_is_exchanged_leaves_the_weights_of_the_others(tmp_path) -> None:
    plain = state(model_of(toy_plan(tmp_path)))
    changed = state(model_of(toy_plan(tmp_path, "encoders.north.private=[4]")))
    same = [name for name in plain if not name.startswith(("encoders.north", "decoders.north"))]
    assert same and all(torch.equal(plain[name], changed[name]) for name in same)
    assert torch.equal(plain["encoders.north.latents.weight"], changed["encoders.north.latents.weight"])


def test_building_leaves_the_generator_of_the_process_alone(tmp_path) -> None:
    plan = toy_plan(tmp_path)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    model_of(plan)
    assert torch.equal(torch.rand(2), expected)


def test_initial_weights_of_heads_follow_from_the_seed_of_the_head(tmp_path) -> None:
    plan = toy_plan(tmp_path)
    model = model_of(plan)
    benchmark = build_benchmarks(plan, build_data(plan), model.quantizer)["toy"]
    one, again, other = (
        build_head(plan, plan.benchmarks[0], benchmark, model.quantizer, seed).classify.weight for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)


# What does not fit


def test_a_modality_that_the_data_lack_is_named(tmp_path) -> None:
    narrow = """
class ToyNarrow(toy_model.ToyFeatures):
    '''Has one modality.'''

    @property
    def spaces(self):
        return {"north": super().spaces["north"]}
"""
    message = refused(tmp_path, "data.use='local:toy-narrow'", components=narrow)
    assert "'east'" in message and "north" in message and "command line" in message


def test_a_component_that_forgets_its_base_is_named_with_its_line(tmp_path) -> None:
    forgetful = """
class ToyForgetful(toy_model.ToyEncoder):
    '''Does not call its base class.'''

    def __init__(self, config, context):
        nn.Module.__init__(self)
"""
    message = refused(tmp_path, "encoders.north.use='local:toy-forgetful'", components=forgetful)
    assert "ToyForgetful.__init__ must call super().__init__(config, context)" in message


def test_an_exception_of_a_component_points_to_its_line_and_names_its_own_line(tmp_path) -> None:
    failing = """
class ToyFailing(toy_model.ToyEncoder):
    '''Fails.'''

    def __init__(self, config, context):
        super().__init__(config, context)
        [][1]
"""
    message = refused(tmp_path, "encoders.north.use='local:toy-failing'", components=failing)
    assert "IndexError" in message and "toys.py:" in message and "encoders.north" in message


DISTANT = """
from codaar_core.api import Loss


class ToyDistant(Loss):
    '''Reads distances.'''

    needs_distances = True

    def forward(self, view):
        return {"north": view.quantized["north"].distances.mean()}


class ToyScalar(toy_model.ToyQuantizer):
    '''Says that it has no distances.'''

    gives_distances = False
"""
READS_DISTANCES = ("model.losses=['reconstruction', 'distant']", "losses.distant.use='local:toy-distant'")


def test_a_loss_over_distances_needs_a_quantizer_that_gives_them(tmp_path) -> None:
    message = refused(tmp_path, *READS_DISTANCES, "quantizer.use='local:toy-scalar'", components=DISTANT)
    assert "distant needs the distances to all codewords" in message


def test_a_quantizer_knows_whether_distances_are_read(tmp_path) -> None:
    assert model_of(toy_plan(tmp_path, *READS_DISTANCES, components=DISTANT)).quantizer.wants_distances
    assert not model_of(toy_plan(tmp_path, components=DISTANT)).quantizer.wants_distances


EXTRACTED = """
class ToyExtracted(toy_model.ToyFeatures):
    '''Says what made its features.'''

    extraction = {"north": "one-net"}


class ToyOtherTask(toy_model.ToyTask):
    '''Brings features of another network.'''

    extraction = {"north": "another-net"}
"""


def test_features_of_different_extractors_are_not_mixed_unless_asked_for(tmp_path) -> None:
    task = "bench.toy={use = 'local:toy-other-task', head = {use = 'local:toy-head'}}"
    mixed = ("data.use='local:toy-extracted'", task)
    message = refused(tmp_path, *mixed, components=EXTRACTED)
    assert "another-net" in message and "one-net" in message and "evaluate.extraction" in message
    plan = toy_plan(tmp_path, *mixed, "evaluate.extraction='any'", components=EXTRACTED)
    data = build_data(plan)
    assert list(build_benchmarks(plan, data, build_model(plan, dict(data.spaces)).quantizer)) == ["toy"]


def test_steps_that_are_not_linear_have_no_closed_form(tmp_path) -> None:
    assert not closed_forms(model_of(toy_plan(tmp_path, "model.align=['pull']")))

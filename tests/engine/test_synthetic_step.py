"""``validate --deep`` names the component that fails, and its line of the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

import codaar_core

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("quantizer.codes=16", "quantizer.dim=16", "device.threads=1")
HEADER = "import attrs\nimport torch\nfrom codaar_core.api import *\n\n"

BROKEN = {
    "an encoder of another width": (
        "encoders.video",
        """
class Broken(Encoder):
    def forward(self, features):
        return Encoded(features.values.flatten(2)[..., :3])
""",
        "encoders.video: semantic has the shape (4, 10, 3), expected (4, 10, 16)",
    ),
    "a decoder that fails": (
        "decoders.audio",
        """
class Broken(Decoder):
    def forward(self, encoded, quantized):
        return quantized.full @ torch.zeros(3, 3, dtype=quantized.full.dtype)
""",
        "decoders.audio: RuntimeError: ",
    ),
    "a loss that is not finite": (
        "losses.broken",
        """
class Broken(Loss):
    def forward(self, view):
        return {"all": torch.tensor(float("nan"))}
""",
        "losses.broken: the loss of random features is nan",
    ),
    "a loss that cannot be built": (
        "losses.broken",
        """
class Broken(Loss):
    def __init__(self, config, context):
        raise KeyError("width")
""",
        "losses.broken: KeyError: 'width'",
    ),
    "a loss that complains": (
        "losses.broken",
        """
class Broken(Loss):
    def __init__(self, config, context):
        raise ComponentError("too many modalities")

    def forward(self, view):
        return {}
""",
        "losses.broken: too many modalities",
    ),
    "an alignment step of another shape": (
        "align.broken",
        """
class Broken(AlignmentStep):
    def adjust(self, codebooks):
        return {m: book[:3] for m, book in codebooks.items()}
""",
        "align.broken: ",
    ),
    "a head that wants features": (
        "bench.classification.head",
        """
class Broken(TaskHead):
    def forward(self, quantized):
        return quantized.features

    def predict(self, logits):
        return logits
""",
        "bench.classification.head: AttributeError: 'Quantized' object has no attribute 'features'",
    ),
}
LISTS = {
    "losses": 'model.losses=["commitment", "broken"]',
    "align": 'model.align=["broken"]',
}


@pytest.mark.parametrize("recipe", ["av.toml", "avt.toml"])
def test_shipped_recipes_pass(recipe):
    assert codaar_core.validate(ROOT / "recipes" / recipe, SMALL, deep=True) == []


@pytest.mark.parametrize(("path", "source", "said"), BROKEN.values(), ids=BROKEN)
def test_failing_component_is_named(tmp_path, path, source, said):
    if "__init__" in source and "forward" not in source:
        source += "\n    def forward(self, view):\n        return {}\n"
    (tmp_path / "broken.py").write_text(HEADER + source)
    recipe = tmp_path / "recipe.toml"
    section = path.partition(".")[0]
    unset = 'unset = ["decoders.video"]' if section == "encoders" else ""  # it would refuse this encoder
    recipe.write_text(f"extends = [{str(ROOT / 'recipes' / 'av.toml')!r}]\n{unset}\n[{path}]\nuse = 'local:broken'\n")
    overrides = [*SMALL, LISTS.get(section, "run.seed=1")]
    problems = codaar_core.validate(recipe, overrides, [tmp_path / "broken.py"], deep=True)
    (problem,) = [each for each in problems if each.level == "error"]
    assert problem.message.startswith(said)
    assert problem.code in ("unbuildable", "failing-component")
    assert problem.origin.source.name == str(recipe) and problem.origin.line == 4
    if "Error: " in said:
        assert "broken.py:" in problem.message and problem.code == "failing-component"

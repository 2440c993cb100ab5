"""PVT-v2: the published network by its names and sizes, an independent implementation, and its weights' file."""

from __future__ import annotations

import re

import attrs
import pytest
import torch
from codaar_plugin_avsbench.backbones import BACKBONES, build_backbone
from codaar_plugin_avsbench.pvt_v2 import PvtSize, PvtV2

from codaar_core.api import DataError

TINY = PvtSize(
    widths=(8, 16, 20, 32), depths=(1, 2, 1, 1), heads=(1, 2, 5, 8), expansions=(4, 4, 2, 2), reductions=(8, 4, 2, 1)
)
TWIN_NAMES = (
    (r"patch_embed(\d)\.proj", "encoder.layers.{}.patch_embedding.proj"),
    (r"patch_embed(\d)\.norm", "encoder.layers.{}.patch_embedding.layer_norm"),
    (r"block(\d)\.(\d+)\.norm([12])", "encoder.layers.{}.blocks.{}.layer_norm_{}"),
    (r"block(\d)\.(\d+)\.attn\.q", "encoder.layers.{}.blocks.{}.attention.query"),
    (r"block(\d)\.(\d+)\.attn\.proj", "encoder.layers.{}.blocks.{}.attention.proj"),
    (r"block(\d)\.(\d+)\.attn\.sr", "encoder.layers.{}.blocks.{}.attention.spatial_reduction"),
    (r"block(\d)\.(\d+)\.attn\.norm", "encoder.layers.{}.blocks.{}.attention.layer_norm"),
    (r"block(\d)\.(\d+)\.mlp\.fc1", "encoder.layers.{}.blocks.{}.mlp.dense1"),
    (r"block(\d)\.(\d+)\.mlp\.fc2", "encoder.layers.{}.blocks.{}.mlp.dense2"),
    (r"block(\d)\.(\d+)\.mlp\.dwconv\.dwconv", "encoder.layers.{}.blocks.{}.mlp.dwconv.dwconv"),
    (r"norm(\d)", "encoder.layers.{}.layer_norm"),
)


def twin_name(module: str) -> str:
    for pattern, form in TWIN_NAMES:
        if found := re.fullmatch(pattern, module):
            stage, *rest = found.groups()
            return form.format(int(stage) - 1, *rest)
    raise KeyError(module)


def twin_weights(network: PvtV2) -> dict[str, torch.Tensor]:
    weights = {}
    for name, value in network.state_dict().items():
        module, _, kind = name.rpartition(".")
        if module.endswith("attn.kv"):
            query = twin_name(module[:-2] + "q")
            halves = value.chunk(2)
            weights |= {f"{query[:-5]}{half}.{kind}": part for half, part in zip(("key", "value"), halves, strict=True)}
        else:
            weights[f"{twin_name(module)}.{kind}"] = value
    return weights


def random_network(size: PvtSize) -> PvtV2:
    torch.manual_seed(0)
    network = PvtV2(size)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.double().eval()


def test_transformers_computes_the_same():
    transformers = pytest.importorskip("transformers")
    config = transformers.PvtV2Config(
        hidden_sizes=TINY.widths,
        depths=TINY.depths,
        num_attention_heads=TINY.heads,
        mlp_ratios=TINY.expansions,
        sr_ratios=TINY.reductions,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    network = random_network(TINY)
    twin = transformers.PvtV2Backbone(config).double().eval()
    weights = twin_weights(network)
    prefix = "pvt_v2." if any(name.startswith("pvt_v2.") for name in twin.state_dict()) else ""
    twin.load_state_dict({f"{prefix}{name}": value for name, value in weights.items()})
    for name, module in twin.named_modules():
        if name.endswith(("patch_embedding.layer_norm", "attention.layer_norm")):
            module.eps = 1e-5  # as in the published code; transformers has 1e-6 everywhere
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for ours, theirs in zip(network(pictures), twin(pictures).feature_maps, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


def test_b5_has_the_names_and_sizes_of_the_published_file():
    with torch.device("meta"):
        network = PvtV2()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert sum(parameter.numel() for parameter in network.parameters()) == 81_443_008
    assert len(network.block3) == 40
    assert shapes["patch_embed1.proj.weight"] == (64, 3, 7, 7)
    assert shapes["block1.0.attn.sr.weight"] == (64, 64, 8, 8)
    assert shapes["block3.39.attn.kv.weight"] == (640, 320)
    assert shapes["block4.2.mlp.dwconv.dwconv.weight"] == (2048, 1, 3, 3)
    assert shapes["norm4.weight"] == (512,)
    assert "block4.0.attn.sr.weight" not in shapes


def test_stochastic_depth_is_for_training_alone():
    network = PvtV2(attrs.evolve(TINY, drop_path=0.5))
    pictures = torch.randn(4, 3, 32, 32)
    assert not torch.equal(network.train()(pictures)[3], network(pictures)[3])
    assert torch.equal(network.eval()(pictures)[3], network(pictures)[3])
    rates = [block.drop_path for stage in range(1, 5) for block in network.get_submodule(f"block{stage}")]
    assert rates == pytest.approx([0, 0.125, 0.25, 0.375, 0.5])


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_four_maps(name):
    backbone = PvtV2(TINY) if name == "pvt-v2-b5" else BACKBONES[name]()
    maps = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(each.shape) for each in maps] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(backbone.widths, (4, 8, 16, 32), strict=True)
    ]


# The file


@pytest.fixture
def tiny(monkeypatch):
    """Under the published network's name, a smaller one."""
    monkeypatch.setitem(BACKBONES, "pvt-v2-b5", lambda: PvtV2(TINY))


def test_published_weights_are_read_without_their_classifier(tiny, tmp_path):
    saved = random_network(TINY).float()
    classifier = {"head.weight": torch.zeros(10, 32), "head.bias": torch.zeros(10)}
    torch.save({**saved.state_dict(), **classifier}, tmp_path / "pvt.pth")
    network = build_backbone("pvt-v2-b5", str(tmp_path / "pvt.pth"))
    assert all(torch.equal(*pair) for pair in zip(network.parameters(), saved.parameters(), strict=True))


def test_another_networks_weights_are_refused(tiny, tmp_path):
    torch.save({"neck.weight": torch.zeros(1)}, tmp_path / "pvt.pth")
    with pytest.raises(DataError, match=r"pvt\.pth lacks ") as caught:
        build_backbone("pvt-v2-b5", str(tmp_path / "pvt.pth"))
    assert "PVT" in caught.value.help

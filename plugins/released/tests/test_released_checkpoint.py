"""Import, export and refusal of checkpoints with the names of released ones, at small sizes."""

from __future__ import annotations

import json
import os
import re
import zipfile
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli
import tomli_w
import torch
from click.testing import CliRunner
from codaar_plugin_released.checkpoint import read_checkpoint
from codaar_plugin_released.commands import export_checkpoint, import_checkpoint
from codaar_plugin_released.conversion import to_ours, to_released
from codaar_plugin_released.layout import COLUMNS, layout, shape_of
from codaar_plugin_released.recipe import recipe_of

import codaar_core
from codaar_core import adopt_model, open_model, report
from codaar_core.api import CodaarError
from codaar_core.report.page import render

SIZES = {
    "attention": 8,
    "classes": 142,
    "codes": 12,
    "dim": 8,
    "features.video": 16,
    "features.audio": 128,
    "words": 9,
    "lstm": 3,
    "squeezed": 2,
    "first": 5,
    "private.video": 7,
    "private.audio": 6,
    "private.text": 4,
    "hidden": 8,
    "output": 9,
    "code.video": 10,
    "code.audio": 11,
    "code.text": 13,
    "feedforward.video": 14,
    "feedforward.audio": 15,
    "feedforward.text": 17,
}


def tensors(modalities: tuple[str, ...]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    made = {
        row.released: torch.randn(shape_of(row, SIZES), generator=generator, dtype=torch.float64)
        for row in layout(modalities)
    }
    for name in made:
        if name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            made[name] = made[name].abs()
        elif name.endswith("unactivated_count"):
            made[name] = torch.arange(12, dtype=torch.float64) - 1
    quantizer = "Encoder/Cross_quantizer."
    made[quantizer + "ema_count"] = sum(made[f"{quantizer}ema_count_{m[0]}"] for m in modalities)
    return made


def save(path: Path, made: dict[str, torch.Tensor], **more: object) -> Path:
    content: dict = {"optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": []}, "epoch": 4}
    content |= {"total_step": 2554, **more}
    for name, tensor in made.items():
        module, _, key = name.partition("/")
        content.setdefault(f"{module}_parameters", {})[key] = tensor
    torch.save(content, path)
    return path


def call(command, *arguments: object):
    return CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=True)


def refusal(path: Path, tmp_path: Path) -> CodaarError:
    result = call(import_checkpoint, path, tmp_path / "run")
    assert isinstance(result.exception, CodaarError), result.output
    assert not (tmp_path / "run").exists()
    return result.exception


@pytest.fixture(params=["av", "avt"])
def modalities(request) -> tuple[str, ...]:
    return COLUMNS[: len(request.param)]


@pytest.fixture
def imported(modalities, tmp_path) -> Path:
    checkpoint = save(tmp_path / "model.pt", tensors(modalities))
    result = call(import_checkpoint, checkpoint, tmp_path / "run")
    assert result.exit_code == 0, result.exception
    return tmp_path / "run"


def test_an_imported_run_opens_and_encodes(imported, modalities):
    model = open_model(imported).model
    released = tensors(modalities)
    assert model.modalities == modalities
    state = model.state_dict()
    for row in layout(modalities):
        if row.ours:
            assert torch.equal(state[row.ours], released[row.released]), row.ours
    codebook = released["Encoder/Cross_quantizer.embedding"]
    for column, modality in enumerate(modalities):
        expected = codebook[:, column * 8 : column * 8 + 8]
        assert torch.equal(model.quantizer.codebooks()[modality], expected)
    values = torch.randn(2, 10, 128, dtype=torch.float64)
    codes = open_model(imported).encode({"audio": values})["audio"]
    assert torch.equal(codes.full, codebook[codes.indices])


def test_an_imported_run_records_its_origin(imported):
    status = json.loads((imported / "status.json").read_text())
    assert status["status"] == "imported" and status["epoch"] == 4
    assert status["origin"].endswith("model.pt")
    recipe = tomli.loads((imported / "resolved.toml").read_text())
    assert recipe["quantizer"]["codes"] == 12 and recipe["device"]["dtype"] == "float64"


def test_export_gives_the_imported_tensors(imported, modalities, tmp_path):
    result = call(export_checkpoint, imported, tmp_path / "back.pt", "--epoch", 4)
    assert result.exit_code == 0, result.exception
    back, before = read_checkpoint(tmp_path / "back.pt"), tensors(modalities)
    assert back.epoch == 4 and back.tensors.keys() == before.keys()
    for row in layout(modalities):
        if row.ours or "Cross_quantizer" in row.released:
            torch.testing.assert_close(back.tensors[row.released], before[row.released], rtol=1e-15, atol=0)
        elif ".encoder_layer." in row.released:
            copied = row.released.replace(".encoder_layer.", ".encoder.layers.0.")
            assert torch.equal(back.tensors[row.released], before[copied])
        else:
            assert back.tensors[row.released].shape == before[row.released].shape
            assert not back.tensors[row.released].any()


NAMED = """
from codaar_plugin_digits.digits import Digits
from codaar_core.api import Split


class Clips(Split):
    ids = ("one", "two", "two")

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, indices):
        raise AssertionError("names are enough")


class Named(Digits):
    '''Named clips.'''

    origin = "three clips"

    def split(self, name):
        return Clips()
"""


def test_an_imported_model_takes_the_pretraining_clips_of_a_recipe(tmp_path):
    recipe = recipe_of(SimpleNamespace(modalities=COLUMNS))
    (tmp_path / "named.py").write_text(NAMED)
    (tmp_path / "data.toml").write_text(
        f"extends = ['{recipe}']\n[run]\nplugins = ['named.py']\n[data]\nuse = 'local:named'\n"
    )
    made = [save(tmp_path / "model.pt", tensors(COLUMNS[:2])), tmp_path / "run"]
    assert call(import_checkpoint, *made, "--data", tmp_path / "data.toml").exit_code == 0
    lines = (tmp_path / "run" / "pretraining_clips.txt").read_text().splitlines()
    assert lines == ["codaar-clips 1", *sorted(sha256(name.encode()).hexdigest()[:16] for name in ("one", "two"))]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["origin_data"] == "three clips"


def test_a_resumed_imported_run_is_evaluated_in_place(tmp_path):
    call(import_checkpoint, save(tmp_path / "model.pt", tensors(COLUMNS[:2])), tmp_path / "run")
    recipe = tmp_path / "run" / "resolved.toml"
    values = tomli.loads(recipe.read_text())
    values["data"] |= {"pretrain": 4, "classification": [10, 10]}
    values["evaluate"] |= {"on": ["classification"], "seeds": [1]}
    values["bench"]["classification"]["epochs"] = 1
    recipe.write_text(tomli_w.dumps(values))
    codaar_core.run(recipe, resume=str(tmp_path / "run"))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    origin = f"imported from model.pt (sha256 {sha256((tmp_path / 'model.pt').read_bytes()).hexdigest()})"
    assert (results["origin"], results["data"]) == (origin, "unknown")
    assert "unknown, seen clips cannot be counted" in results["notes"][0] and not results["overlap"]
    page = render(report.read(tmp_path / "run"))
    assert origin in page and "0 epochs" not in page and results["notes"][0] in page
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["status"] == "finished" and status["origin_file"] == "model.pt"
    with pytest.raises(CodaarError, match="the data that the imported weights were pretrained on are not named"):
        codaar_core.evaluate(tmp_path / "run", overrides=["evaluate.seen='drop'"])
    assert {"video->audio", "audio->video"} <= {f"{each['train']}->{each['test']}" for each in results["transfers"]}
    state = open_model(tmp_path / "run").model.state_dict()
    for name, tensor in to_ours(tensors(COLUMNS[:2]), COLUMNS[:2]).items():
        assert torch.equal(state[name], tensor), name


class Foreign:
    """A class that weights-only loading refuses."""


class Attack:
    def __reduce__(self):
        return (Path.touch, (Path("attacked"),))


@pytest.mark.parametrize("content", [Foreign(), Attack()], ids=["foreign class", "code"])
def test_a_pickle_that_asks_for_code_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path / "model.pt", tensors(COLUMNS), args=content)
    error = refusal(path, tmp_path)
    assert "contains more than tensors and numbers and was not loaded" in error.message
    assert not Path("attacked").exists()


ODD = {"inf": float("inf"), "nan": float("nan"), "text": "5", "tensor": torch.tensor(3), "list": [1], "flag": True}


@pytest.mark.parametrize("epoch", [*ODD.values(), -1, 10**30, 2.0], ids=[*ODD, "negative", "large", "fraction"])
def test_an_odd_epoch_is_refused(epoch, tmp_path):
    path = save(tmp_path / "model.pt", tensors(COLUMNS), epoch=epoch)
    assert re.search(r"model\.pt: its epoch is .*, expected a number from 0", refusal(path, tmp_path).message)


def test_an_absent_epoch_is_zero(tmp_path):
    assert read_checkpoint(save(tmp_path / "model.pt", tensors(COLUMNS), epoch=None)).epoch == 0


@pytest.mark.parametrize("position", range(0, 2400, 61))
def test_a_damaged_file_in_the_older_layout_is_one_error(position, tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"epoch": 1, "Encoder_parameters": {"a": torch.ones(300)}}, path, _use_new_zipfile_serialization=False)
    content = bytearray(path.read_bytes())
    for offset in range(4):
        content[(position + offset) % len(content)] ^= 0x55
    path.write_bytes(content)
    assert "model.pt" in refusal(path, tmp_path).message


NAME = "Encoder/audio_self_att.encoder.layers.1.linear2.weight"


@pytest.mark.parametrize(
    ("tensor", "told"),
    [
        (torch.zeros(1).expand(10**6, 10**6), "needs more than .* bytes"),
        (torch.zeros(8, 15).to_sparse(), "is not a plain tensor of real numbers"),
        (torch.zeros(8, 15, dtype=torch.complex64), "is not a plain tensor of real numbers"),
        (torch.zeros(8, 15, device="meta"), "is not a plain tensor of real numbers"),
        ([1.0], "is not a tensor"),
        (torch.zeros(0, 15), r"has the shape \(0, 15\)"),
    ],
)
def test_odd_tensors_are_refused(tensor, told, tmp_path):
    path = save(tmp_path / "model.pt", {**tensors(COLUMNS), NAME: tensor})
    assert re.search(f"{NAME} {told}", refusal(path, tmp_path).message)


def test_a_compressed_file_is_refused(tmp_path):
    path = save(tmp_path / "model.pt", {**tensors(COLUMNS), "Encoder/more": torch.zeros(1 << 20)})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "is damaged or not a torch file" in refusal(tmp_path / "small.pt", tmp_path).message


def test_a_named_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "model.pt")
    assert "is a named pipe" in refusal(tmp_path / "model.pt", tmp_path).message


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_refused(share, tmp_path):
    path = save(tmp_path / "model.pt", tensors(COLUMNS))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "is damaged or not a torch file" in refusal(path, tmp_path).message


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("Encoder/audio_self_att.encoder.layers.1.linear2.weight", (8, 16), "(8, 15)"),
        ("Encoder/Cross_quantizer.ema_weight", (12, 23), "(12, 24)"),
        ("Decoder/Video_decoder.inverse_conv_block.0.weight", (18, 8, 3, 3), "(17, 8, 3, 3)"),
        ("Text_ar_lstm/weight_hh_l1", (12, 4), "(12, 3)"),
        ("CPC/text_predictors.0.bias", (8, 1), "1 axes"),
    ],
)
def test_a_wrong_shape_names_the_tensor(name, shape, expected, tmp_path):
    path = save(tmp_path / "model.pt", {**tensors(COLUMNS), name: torch.zeros(shape)})
    message = refusal(path, tmp_path).message
    assert message == f"{name} has the shape {shape}, but by the other tensors it must be {expected}"


def test_a_missing_and_an_unknown_tensor_are_named(tmp_path):
    made = tensors(COLUMNS)
    name = "Encoder/Audio_encoder.audio_linear.weight"
    lacking = {key: value for key, value in made.items() if key != name}
    assert refusal(save(tmp_path / "model.pt", lacking), tmp_path).message == f"the checkpoint lacks {name}"
    more = {**made, "Encoder/extra": torch.zeros(1)}
    assert "has Encoder/extra, which" in refusal(save(tmp_path / "model.pt", more), tmp_path).message


def test_another_torch_file_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "model.pt")
    assert "is not a checkpoint of the released pretraining" in refusal(tmp_path / "model.pt", tmp_path).message


def test_an_absent_file_is_named(tmp_path):
    assert "cannot read" in refusal(tmp_path / "model.pt", tmp_path).message


def test_nothing_is_overwritten(imported, modalities, tmp_path):
    again = call(import_checkpoint, tmp_path / "model.pt", imported)
    assert "cannot make" in again.exception.message
    back = call(export_checkpoint, imported, tmp_path / "model.pt")
    assert "already exists" in back.exception.message


def test_a_model_without_the_released_tensors_is_not_exported(imported, modalities, tmp_path):
    recipe = imported / "resolved.toml"
    model = open_model(imported).model
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("losses.")}
    other = adopt_model(tmp_path / "other", recipe, ["model.losses=[]"], state, "a test")
    result = call(export_checkpoint, other, tmp_path / "back.pt")
    assert "cannot be exported to the released layout: the model lacks losses.cpc" in result.exception.message


def test_a_model_with_other_codebooks_is_not_exported(imported, modalities):
    state = open_model(imported).model.state_dict()
    without = {name: value for name, value in state.items() if name != "quantizer.counts"}
    with pytest.raises(CodaarError, match=r"the model lacks quantizer\.counts"):
        to_released(without, modalities)
    with pytest.raises(CodaarError, match="its modalities do not have a codebook each"):
        to_released(state | {"quantizer.counts": state["quantizer.counts"][:, :1]}, modalities)

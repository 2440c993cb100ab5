"""Opens trained models: run directories and exported folders; and makes one from weights trained elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tomli
import torch
from torch import Tensor

from codaar_core.api import CodaarError
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.devices.runtime import choose_device
from codaar_core.engine.exported.manifest import (
    AGAIN,
    RECIPE,
    Manifest,
    is_exported,
    read_manifest,
    refuse_missing_distributions,
    verify_folder,
)
from codaar_core.engine.record.checkpoint import (
    best_checkpoint,
    load_model,
    load_weights,
    newest_checkpoint,
    save_checkpoint,
)
from codaar_core.engine.record.checkpoint_state import CheckpointState, verify
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes
from codaar_core.engine.record.run_directory import ORIGIN, ORIGIN_DATA, RunDirectory
from codaar_core.engine.trained_model import TrainedModel
from codaar_core.recipe import Plan, load

Device = Literal["auto", "cpu", "cuda", "mps"]
Plugins = Sequence[Path | str]
A_MODEL = "give a folder like runs/NAME/STAMP, or one that `codaar export` wrote"
NOT_NAMED = "the data that the imported weights were pretrained on are not named"


def open_model(
    folder: Path | str, best: bool = False, device: Device = "cpu", plugins: Sequence[Path | str] = ()
) -> TrainedModel:
    """Load a trained model.

    Args:
        folder: A run directory, whose newest checkpoint is loaded, or a folder that ``export`` wrote.
        best: Load the checkpoint of a run with the lowest metric ``run.best`` instead.
        device: Device of the model; "auto" selects a GPU if there is one.
        plugins: Python files of local components; needed where an exported model has such files, because they are
            executed.

    Raises:
        CodaarError: The folder or checkpoint does not exist, a file is damaged, a plug-in of the model is not
            installed, the folder was written by a newer codaar-core, or this machine has no such device.
    """
    plan, checkpoint = read_run(folder, best, plugins=plugins)
    model = build_untrained(plan)
    load_model(checkpoint, model)
    return TrainedModel(model.to(choose_device(device, "device")))


def read_run(
    folder: Path | str, best: bool = False, overrides: Sequence[str] = (), plugins: Plugins = ()
) -> tuple[Plan, Path]:
    """Return the plan of a trained model, and the folder of its ``model.safetensors``, whose checksums are compared.

    Args:
        folder: A run directory or an exported folder.
        best: Take the best checkpoint of a run instead of the newest.
        overrides: ``path=value`` for the recipe of the model.
        plugins: Python files of local components.

    Raises:
        CodaarError: As for ``open_model``.
    """
    path = Path(folder)
    if is_exported(path):
        return _read_exported(path, best, overrides, plugins)
    if not path.exists():
        raise CodaarError(f"there is no folder {path}", A_MODEL)
    if not (path / "status.json").exists():
        raise CodaarError(
            f"{path} is not a model: it has neither status.json (a run) nor codaar.json (an exported model)",
            A_MODEL,
        )
    directory = RunDirectory(path)
    directory.status()
    plan = load(path / "resolved.toml", overrides, plugins)
    checkpoint = _best(directory) if best else newest_checkpoint(directory.checkpoints)
    verify(checkpoint)
    return plan, checkpoint


def _read_exported(folder: Path, best: bool, overrides: Sequence[str], plugins: Plugins) -> tuple[Plan, Path]:
    if best:
        raise CodaarError(
            f"{folder} is an exported model, which has one checkpoint only",
            "leave out best; `codaar export RUN --best` exports the best checkpoint of a run",
        )
    manifest = read_manifest(folder)
    verify_folder(folder)
    _refuse_code_in_recipe(folder)
    refuse_missing_distributions(manifest, folder)
    _refuse_unnamed_components(folder, manifest, overrides, plugins)
    return load(folder / RECIPE, overrides, plugins), folder


def _refuse_code_in_recipe(folder: Path) -> None:
    """Refuse a recipe that names files: an exported one names none, and opening a model must not execute any."""
    file = folder / RECIPE
    try:
        recipe = tomli.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CodaarError(f"{file} cannot be read: {error}", AGAIN) from error
    run = recipe.get("run")
    if "extends" in recipe or not isinstance(run, dict) or run.get("plugins"):
        raise CodaarError(
            f"{file} is not the recipe of an exported model: it names other files, which could contain code",
            "take this folder only from somebody you trust; `codaar export` writes recipes without run.plugins",
        )


def _refuse_unnamed_components(folder: Path, manifest: Manifest, overrides: Sequence[str], plugins: Plugins) -> None:
    """Python files of somebody else are executed only if the caller names them."""
    named = bool(plugins) or any(re.match(r"\s*run\.plugins\s*=", override) for override in overrides)
    if manifest.components and not named:
        files = [str(folder / each) for each in manifest.components]
        raise CodaarError(
            f"{folder} has components of its own, Python files that would be executed: {', '.join(files)}",
            f"read them; if you trust them: {' '.join(f'--plugin {each}' for each in files)}, "
            f"in Python: plugins=[{', '.join(map(repr, files))}]",
        )


def _best(directory: RunDirectory) -> Path:
    found = best_checkpoint(directory.checkpoints)
    if found is None:
        raise CodaarError(
            f"{directory.path} has no best checkpoint", 'set run.best before the run, e.g. run.best = "total"'
        )
    return found


def adopt_model(
    run_directory: Path | str,
    recipe: Path | str,
    overrides: Sequence[str],
    weights: Mapping[str, Tensor],
    origin: str,
    data: Path | str | None = None,
    **details: Any,
) -> Path:
    """Make a run directory from weights trained elsewhere, for ``open_model`` and ``run(resume=...)``.

    Its recipe has ``run.epochs = 0``, so that a resumed run only evaluates.

    Args:
        run_directory: A new folder.
        recipe: The recipe that describes the trained model.
        overrides: ``path=value``, as ``-o`` takes them.
        weights: Every tensor of the assembled model's state dict.
        origin: Where the weights come from; recorded in status.json.
        data: A recipe whose data source has the clips that the weights were pretrained on. None: these are unknown, and
            no benchmark clips can be counted as seen in pretraining.
        **details: Further entries of status.json.

    Returns:
        The run directory.

    Raises:
        CodaarError: The folder exists, a recipe is wrong, the weights belong to another model, or data are missing.
    """
    directory = RunDirectory(Path(run_directory))
    plan = load(recipe, [*overrides, "run.epochs=0"])
    model = build_untrained(plan)
    load_weights(model, weights, origin)
    clips, known = _pretrained_on(data)
    try:
        directory.path.mkdir(parents=True)
    except OSError as error:
        raise CodaarError(f"cannot make {directory.path}: {error.strerror}", "name a new folder") from error
    directory.write_toml("resolved.toml", plan.resolved)
    save_checkpoint(directory.checkpoints, CheckpointState(step=0), model, torch.optim.Adam(model.parameters()))
    clips.write(directory.path / PRETRAINING_CLIPS)
    directory.set_status("imported", **{ORIGIN: origin, **known, **details})
    return directory.path


def _pretrained_on(recipe: Path | str | None) -> tuple[RecordingHashes, dict[str, str]]:
    """Return the pretraining clips of a recipe's data source, and entries of status.json about them."""
    if recipe is None:
        return RecordingHashes(unknown=NOT_NAMED), {}
    data = build_data(load(recipe))
    with download_hint(data.card):
        return RecordingHashes.of(data.split("pretrain").ids), {ORIGIN_DATA: data.origin}


def build_untrained(plan: Plan) -> Model:
    """Build the model of a plan in its floating-point type, on the CPU."""
    return build_model(plan, dict(build_data(plan).spaces)).to(dtype=getattr(torch, plan.device.dtype))

"""``codaar export``: a trained run -> a folder that opens on any machine with the same plug-ins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import tomli_w

from codaar_core.api import CodaarError, DataError, DataSource
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.exported.manifest import (
    CHECKSUMS,
    COMPONENTS,
    MANIFEST,
    RECIPE,
    RESULTS,
    WEIGHTS,
    FeatureSpace,
    Manifest,
    TrainingData,
    checksums,
    is_exported,
    manifest_json,
)
from codaar_core.engine.exported.private_paths import PathRemover, absolute_paths
from codaar_core.engine.exported.recipe import card_of, portable_recipe
from codaar_core.engine.model_folder import build_untrained, read_run
from codaar_core.engine.record.checkpoint import load_model, newest_checkpoint
from codaar_core.engine.record.checkpoint_state import read_state
from codaar_core.engine.record.lock import versions
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.results import Results, as_json, parse
from codaar_core.features.files import sha256_of, writing, written_aside
from codaar_core.recipe import Block, Plan, load
from codaar_core.registry.local import LOCAL

BOOKKEEPING = ("status", "updated", "pid", "phase", "message", "exit_code", "step", "epoch")  # of status.json

Describe = Callable[[Manifest, Results | None], Mapping[str, str]]
"""Gives the content of files for readers, by name: the model card and a note about licences."""


@attrs.frozen
class Source:
    """What is exported.

    Attributes:
        directory: The run.
        plan: Its plan.
        data: Its data source.
        checkpoint: The checkpoint.
        model: The model of the checkpoint.
        results: Scores of these weights; None if there are none.
        paths: Removes paths of this machine.
    """

    directory: RunDirectory
    plan: Plan
    data: DataSource
    checkpoint: Path
    model: Model
    results: Results | None
    paths: PathRemover


def export_model(run: Path, to: Path, best: bool, licence: str, describe: Describe) -> Path:
    """Write the folder of an exported model, completely or not at all.

    Args:
        run: A run directory.
        to: A new folder.
        best: Export the checkpoint with the lowest metric ``run.best`` instead of the newest.
        licence: Terms of the weights, e.g. an SPDX identifier; empty: not stated.
        describe: Gives the files for readers.

    Returns:
        The folder.

    Raises:
        CodaarError: ``run`` is not a run directory or has no intact checkpoint, ``to`` exists, the model cannot be
            rebuilt elsewhere, or the disk is full.
    """
    if to.exists():
        raise CodaarError(f"{to} exists already", "name a new folder")
    if is_exported(run):
        raise CodaarError(f"{run} is an exported model already", "copy the folder")
    source = _source(run, best)
    manifest = _manifest(source, best, licence)
    results = _portable_results(source)
    with writing(to.parent):
        to.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(to) as aside:
        aside.mkdir()
        _write_model(aside, source, manifest, results)
        (aside / CHECKSUMS).write_text(checksums(aside), "utf-8")
        for name, content in describe(
            manifest, results
        ).items():  # without checksum, because they are made to be edited
            (aside / name).write_text(content, "utf-8")
        _refuse_if_not_rebuilt(aside, manifest)
    return to


def _source(run: Path, best: bool) -> Source:
    plan, checkpoint = read_run(run, best)
    model = build_untrained(plan)
    load_model(checkpoint, model)
    directory = RunDirectory(run)
    private = [Path(path) for _, path in absolute_paths(plan.resolved)]
    paths = PathRemover.of([run, plan.run.directory, *private, *(path.parent for path in private)])
    return Source(directory, plan, build_data(plan), checkpoint, model, _results_of(directory, checkpoint), paths)


def _results_of(directory: RunDirectory, checkpoint: Path) -> Results | None:
    """The results of a finished run; None if it is not finished, or if they are those of other weights.

    Raises:
        DataError: results.json is damaged.
    """
    file = directory.path / RESULTS
    newest = read_state(newest_checkpoint(directory.checkpoints)).step
    if directory.status()["status"] != "finished" or not file.is_file() or read_state(checkpoint).step != newest:
        return None
    try:
        return parse(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        help = f"codaar-run {directory.path}/resolved.toml --resume {directory.path} writes it again"
        raise DataError(f"{file} is damaged: {error}", help) from error


def _manifest(source: Source, best: bool, licence: str) -> Manifest:
    plan, model, state = source.plan, source.model, read_state(source.checkpoint)
    described = attrs.asdict(card_of(source.data)) | {"origin": source.data.origin}
    data = {field.name: source.paths.cleaned(described[field.name]) for field in attrs.fields(TrainingData)}
    plugins = sorted({each.entry.distribution for each in _model_blocks(plan) if each.entry.provider != LOCAL})
    known, clips = versions(plan), _clips(source)
    return Manifest(
        name=plan.run.name,
        run="/".join(source.directory.path.resolve().parts[-2:]),
        features={m: _features(source, m) for m in plan.modalities},
        codewords=model.quantizer.size,
        levels=model.quantizer.levels,
        width=model.quantizer.latent.width,
        parameters=sum(each.numel() for each in model.parameters()),
        seed=plan.run.seed,
        epochs=len(state.epochs),
        steps=state.step,
        best=state.best.name if best and state.best else "",
        sha256=sha256_of(source.checkpoint / WEIGHTS),
        data=TrainingData(**data),
        recordings=None if clips.unknown else len(clips.hashes),
        licence=licence,
        imported=_imported(source),
        needs={name: known[name] for name in ("codaar-core", *plugins)},
        components=tuple(f"{COMPONENTS}/{each.name}" for each in _local_files(source)),
        torch=known["torch"],
    )


def _features(source: Source, modality: str) -> FeatureSpace:
    space, made_by = source.model.spaces[modality], source.data.extraction.get(modality, "")
    return FeatureSpace(shape=space.shape, length=space.length, extraction=made_by)


def _clips(source: Source) -> RecordingHashes:
    """The recordings of pretraining; runs of earlier versions have no list of them."""
    return RecordingHashes.read(source.directory.path / PRETRAINING_CLIPS)


def _model_blocks(plan: Plan) -> list[Block]:
    """The components that the model consists of."""
    losses = [loss.block for loss in plan.losses.values()]
    return [plan.quantizer, *plan.encoders.values(), *plan.decoders.values(), *plan.align, *losses]


def _imported(source: Source) -> dict[str, str]:
    """Origin of weights that were trained elsewhere, as status.json states it; empty if they were trained here."""
    status = source.directory.status()
    if "origin" not in status:
        return {}
    details = {key: value for key, value in status.items() if key not in BOOKKEEPING}
    return {key: source.paths.cleaned(str(value)) for key, value in details.items() if isinstance(value, (str, int))}


def _local_files(source: Source) -> list[Path]:
    """Python files whose components the model consists of.

    Raises:
        CodaarError: Two of them have the same name.
    """
    blocks = _model_blocks(source.plan)
    files = sorted({Path(block.entry.distribution) for block in blocks if block.entry.provider == LOCAL})
    if len({file.name for file in files}) < len(files):
        raise CodaarError(f"two local files have the same name: {', '.join(map(str, files))}", "rename one of them")
    return files


def _portable_results(source: Source) -> Results | None:
    """The results without paths of this machine, and without sections of hooks, which may contain anything."""
    if source.results is None:
        return None
    cleaned: Mapping[str, Any] = source.paths.values(as_json(attrs.evolve(source.results, sections=())))
    return parse({**cleaned, "directory": ""})


def _write_model(folder: Path, source: Source, manifest: Manifest, results: Results | None) -> None:
    """Write all files that are compared with checksums when the model is opened."""
    shutil.copyfile(source.checkpoint / WEIGHTS, folder / WEIGHTS)
    recipe = portable_recipe(source.plan, source.data, source.paths)
    (folder / RECIPE).write_text(tomli_w.dumps(recipe), "utf-8")
    (folder / MANIFEST).write_text(manifest_json(manifest), "utf-8")
    _clips(source).write(folder / PRETRAINING_CLIPS)
    if results is not None:
        (folder / RESULTS).write_text(json.dumps(as_json(results), indent=1) + "\n", "utf-8")
    for file in _local_files(source):
        (folder / COMPONENTS).mkdir(exist_ok=True)
        code = source.paths.known_in(file.read_text("utf-8"))
        (folder / COMPONENTS / file.name).write_text(code, "utf-8")


def _refuse_if_not_rebuilt(folder: Path, manifest: Manifest) -> None:
    """Rebuild the model from the written files, so that a folder that cannot be opened is never left.

    Raises:
        CodaarError: The model cannot be built from its recipe, or its weights are not those of the manifest.
    """
    plan = load(folder / RECIPE, plugins=[folder / each for each in manifest.components])
    load_model(folder, build_untrained(plan))
    if sha256_of(folder / WEIGHTS) != manifest.sha256:
        raise CodaarError("the checkpoint has changed while it was exported", "export the run again")

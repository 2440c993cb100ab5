"""``codaar import-checkpoint`` and ``codaar export-checkpoint``."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import click


@click.command("import-checkpoint", short_help="Read a checkpoint of the released code.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="RECIPE",
    type=click.Path(path_type=Path),
    help="Recipe whose data the checkpoint was pretrained on, so that seen benchmark clips are counted.",
)
def import_checkpoint(checkpoint: Path, directory: Path, data: Path | None) -> None:
    """Write a run directory with the weights of a checkpoint of the released CoDAAR code.

    Only tensors and numbers are read from the file; a file that could run code is refused. Without --data, the
    pretraining clips are unknown.

    \b
    codaar import-checkpoint CoDAAR-model-AVT-5.pt runs/released-avt
    codaar evaluate runs/released-avt RECIPE
    """
    from codaar_core import adopt_model
    from codaar_plugin_released.checkpoint import read_checkpoint
    from codaar_plugin_released.conversion import to_ours
    from codaar_plugin_released.recipe import overrides_of, recipe_of

    read = read_checkpoint(checkpoint)
    weights = to_ours(read.tensors, read.modalities)
    recipe, overrides = recipe_of(read), overrides_of(read)
    file = {"origin_file": checkpoint.name, "origin_sha256": sha256(checkpoint.read_bytes()).hexdigest()}
    origin = str(checkpoint.resolve())
    made = adopt_model(directory, recipe, overrides, weights, origin, data, epoch=read.epoch, **file)
    click.echo(f"run directory: {made}")


@click.command("export-checkpoint", short_help="Write a checkpoint of the released code.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--epoch", default=5, show_default=True, help="Epoch number to write; released heads count on from it.")
def export_checkpoint(run: Path, checkpoint: Path, epoch: int) -> None:
    """Write the model of a run directory as a checkpoint of the released CoDAAR code."""
    from codaar_core import open_model
    from codaar_core.api import CodaarError
    from codaar_plugin_released.checkpoint import Checkpoint, write_checkpoint
    from codaar_plugin_released.conversion import to_released
    from codaar_plugin_released.layout import COLUMNS

    model = open_model(run).model
    if model.modalities not in (COLUMNS, COLUMNS[:2]):
        raise CodaarError(
            f"the released layout has the modalities {', '.join(COLUMNS)} (or the first two), in this order; "
            f"this run has {', '.join(model.modalities)}",
            "train with a recipe of recipes/as-published",
        )
    tensors = to_released(model.state_dict(), model.modalities)
    write_checkpoint(checkpoint, Checkpoint(tensors, epoch))
    click.echo(f"checkpoint: {checkpoint}")

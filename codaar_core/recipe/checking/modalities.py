"""Compares encoder and decoder blocks with the modalities, so that a misspelling on either side is one problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem
from codaar_core.recipe.toml.tree import Table
from codaar_core.registry import closest, did_you_mean

Blocks = Mapping[str, Table]
SUGGESTED_FROM = 50  # names that a name is compared with: checking stays linear in the number of blocks


def mismatches(modalities: Mapping[str, Origin], encoders: Blocks, decoders: Blocks) -> Iterator[Problem]:
    """Problems and notes: a modality without encoder, a block without modality."""
    meant: set[str] = set()  # blocks that a misspelt modality probably means
    stray = [name for name in encoders if name not in modalities][:SUGGESTED_FROM]
    for modality, origin in modalities.items():
        near = closest(modality, stray)
        block_is_misspelt = near and decoders and near[0] not in decoders
        if modality not in encoders and not block_is_misspelt:
            meant.update(near)
            help = did_you_mean(modality, near) or f'[encoders.{modality}]\nuse = "..."   # `codaar list encoders`'
            yield Problem("missing-encoder", f"modality {modality!r} has no encoder", origin, help)
    for section, blocks in (("encoders", encoders), ("decoders", decoders)):
        without = [modality for modality in modalities if modality not in blocks][:SUGGESTED_FROM]
        for name, table in blocks.items():
            if name not in modalities and name not in meant:
                yield _stray(section, name, table, without)


def _stray(section: str, name: str, table: Table, without: list[str]) -> Problem:
    """A block without modality: an error if a modality of a similar name lacks a block, else a note."""
    message = f"[{section}.{name}] does not match any modality of model.modalities"
    near = closest(name, without)
    if near:
        return Problem("unused-block", message, table.key, f"did you mean [{section}.{near[0]}]?")
    return Problem("unused-block", message, table.key, "it is not used", "note")

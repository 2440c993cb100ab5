"""Checks of data sources."""

from __future__ import annotations

import builtins
import io
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from codaar_core.api import Batch, Card, DataContext, DataError, Features, Space, Split
from codaar_core.testing.check import Violation, check, expect, expect_help
from codaar_core.testing.environment.previews import preview_problem
from codaar_core.testing.subjects import DataSubject, Subject

CLIPS = 6


@check("data", once=True)
def card(subject: DataSubject) -> None:
    """Its card says what the data are, under which terms, and how to get them: shown before anything is read."""
    given = getattr(subject.component, "card", None)
    empty = [name for name in ("title", "licence", "how_to_get") if not getattr(given, name, "").strip()]
    expect(
        isinstance(given, Card) and not empty,
        f"{subject.title}.card lacks {', '.join(empty)}",
        'write card = Card(title="...", licence="...", how_to_get="...") in the class',
    )


@check("data")
def spaces(subject: DataSubject) -> None:
    """Spaces are known before any file is there: models are built, and recipes checked, without data."""
    with no_files(subject):
        declared = subject.build(DataContext(())).spaces
    wrong = [m for m, space in declared.items() if not isinstance(space, Space) or min(space.shape, default=0) < 1]
    expect(
        not wrong and declared,
        f"{subject.title}.spaces has no valid Space for {wrong}",
        "write {modality: Space(shape)}",
    )


@contextmanager
def no_files(subject: Subject) -> Iterator[None]:
    """Make opening a file a violation."""

    def refuse(file: Any, *more: Any, **named: Any) -> None:
        raise Violation(
            f"{subject.title} opens {file} while it is built or describes itself",
            "open files on first use",
        )

    with patch.object(builtins, "open", refuse), patch.object(io, "open", refuse):
        yield


@check("data")
def synthetic_shapes(subject: DataSubject) -> None:
    """synthetic gives features of the declared spaces: what runs dry runs with the data."""
    split = subject.synthetic(CLIPS)
    expect(
        len(split) == CLIPS,
        f"{subject.title}.synthetic({CLIPS}, seed) has {len(split)} clips",
        "make as many clips as asked for",
    )
    check_batch(subject, split[range(CLIPS)], CLIPS)


def check_batch(subject: DataSubject, batch: Batch, clips: int) -> None:
    """A batch must be as the spaces say."""
    declared = subject.sample.spaces
    wanted = set(subject.context.modalities)
    expect(
        isinstance(batch, Batch) and set(batch.inputs) >= wanted,
        f"{subject.title}: a batch should have the inputs {sorted(wanted)}",
        "return Batch(inputs={modality: Features(values, mask)}, targets={})",
    )
    for modality in wanted:
        _check_features(subject, modality, batch.inputs[modality], declared[modality], clips)


def _check_features(subject: DataSubject, modality: str, features: Features, space: Space, clips: int) -> None:
    values, mask = features
    steps = space.length or values.shape[1]
    expected = (clips, steps, *space.shape)
    expect(
        tuple(values.shape) == expected and values.is_floating_point(),
        f"{subject.title}: {modality!r} should be floats {expected}, it is {values.dtype} {tuple(values.shape)}",
        "make spaces and batches agree",
    )
    expect(
        bool(values.isfinite().all()),
        f"{subject.title}: {modality!r} has values that are not finite",
        "refuse or repair them with a DataError that names the file",
    )
    masked = mask is None or (mask.dtype == torch.bool and tuple(mask.shape) == (clips, steps))
    expect(
        masked,
        f"{subject.title}: the mask of {modality!r} is not a bool tensor (clips, steps)",
        "True where a step is real",
    )


@check("data")
def synthetic_seeded(subject: DataSubject) -> None:
    """synthetic is determined by its seed: the same clips for the same seed, others for another."""
    first, again, other = (_tensors(subject.synthetic(CLIPS, seed)) for seed in (1, 1, 2))
    same = all(torch.equal(first[name], again[name]) for name in first)
    expect(
        same,
        f"{subject.title}.synthetic gives different clips for the same seed",
        "draw from torch.Generator().manual_seed(seed)",
    )
    expect(
        any(not torch.equal(first[name], other[name]) for name in first),
        f"{subject.title}.synthetic gives the same clips for another seed",
        "draw from torch.Generator().manual_seed(seed)",
    )


def _tensors(split: Split, indices: Any = None) -> Mapping[str, Tensor]:
    batch = split[range(len(split)) if indices is None else indices]
    return {
        **{f"inputs of {m}": features.values for m, features in batch.inputs.items()},
        **{f"mask of {m}": features.mask for m, features in batch.inputs.items() if features.mask is not None},
        **{f"targets of {m}": target for m, target in batch.targets.items()},
    }


@check("data")
def order_of_indices(subject: DataSubject) -> None:
    """Clips come in the order of the indices, with repetitions: the training loop shuffles by indices."""
    check_order(subject, subject.synthetic(CLIPS))


def check_order(subject: DataSubject, split: Split) -> None:
    """Batches of chosen clips must be rows of the batch of the first few."""
    together = _tensors(split, range(3))
    for name, tensor in _tensors(split, [2, 0, 2]).items():
        expect(
            torch.equal(tensor, together[name][[2, 0, 2]]),
            f"{subject.title}: split[[2, 0, 2]] does not give the {name} of clips 2, 0 and 2",
            "read exactly the clips at `indices`, in that order; draw nothing while reading",
        )


@check("data")
def picklable(subject: DataSubject) -> None:
    """A pickled split reads the same clips: files are opened in each process."""
    split = subject.synthetic(CLIPS)
    try:
        sent = pickle.loads(pickle.dumps(split))
    except Exception as error:
        raise Violation(
            f"{subject.title}: a split cannot be pickled: {type(error).__name__}: {error}",
            "keep paths, and open files on first use; no lambdas, generators or open files as attributes",
        ) from error
    here, there = _tensors(split), _tensors(sent)
    same = all(torch.equal(here[name], there[name]) for name in here)
    expect(same, f"{subject.title}: a split reads other clips after pickling", "keep all state that reading depends on")


@check("data")
def pretrain_split(subject: DataSubject) -> None:
    """split("pretrain") opens and matches the spaces; where files are missing, a DataError says where to get them."""
    try:
        split = subject.build().split("pretrain")
        batch = split[[0]]
    except DataError as error:
        expect_help(error, f"{subject.title}: {error.message}")
        return
    check_batch(subject, batch, 1)
    if len(split) >= 3:
        check_order(subject, split)


@check("data")
def previews(subject: DataSubject) -> None:
    """Previews, where there are any, are readable and small, and the same each time; none after the last step."""
    try:
        split = subject.build().split("pretrain")
        steps = {m: features.values.shape[1] for m, features in split[[0]].inputs.items()}
        shown = {(m, step): split.preview(0, m, step) for m, length in steps.items() for step in range(length + 1)}
        again = {(m, step): split.preview(0, m, step) for m, step in shown}
    except DataError:
        return  # the check of the split itself reports missing files
    for (modality, step), preview in shown.items():
        place = f"{subject.title}: the preview of clip 0, {modality!r}, step {step}"
        if preview is not None:
            problem = preview_problem(preview)
            expect(not problem, f"{place} {problem}", "return Picture(png, alt), Sound(wav, alt), Words(words) or None")
            expect(step < steps[modality], f"{place} is after the last step", "return None")
        expect(preview == again[modality, step], f"{place} differs when it is read again", "draw nothing at random")


@check("data")
def unknown_split(subject: DataSubject) -> None:
    """An unknown split is refused with a DataError: a typing error must not select other clips."""
    try:
        subject.build().split("no such split")
    except DataError:
        return
    except Exception as error:
        raise Violation(
            f"{subject.title}.split fails with {type(error).__name__} for an unknown name: {error}",
            "raise DataError(message, help) that lists the splits",
        ) from error
    raise Violation(f"{subject.title}.split accepts any name", "raise DataError(message, help) that lists the splits")

"""Checks of extractors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from codaar_core.api import DataError, Extractor, ExtractorContext, Space
from codaar_core.testing.check import Violation, check, expect, expect_help
from codaar_core.testing.checks.data import no_files
from codaar_core.testing.subjects import ExtractorSubject
from codaar_core.testing.toy_recordings import WRITERS

SENTENCES = ("a dog barks", "somebody plays the violin in the rain")


@check("extractor", once=True)
def suffixes(subject: ExtractorSubject) -> None:
    """Suffixes are lower case and begin with a dot: recordings are found by them, in upper or lower case."""
    given = subject.component.suffixes
    expect(
        isinstance(given, tuple) and all(each.startswith(".") and each == each.lower() for each in given),
        f"{subject.title}.suffixes is {given!r}",
        'write suffixes = (".wav", ".flac"); leave it out where sentences are read',
    )


@check("extractor")
def made_by(subject: ExtractorSubject) -> None:
    """`made_by` identifies the features and needs no file: features of different origin are not mixed."""
    with no_files(subject):
        stated = subject.build().made_by
    expect(
        isinstance(stated, str) and stated.strip() == stated and stated,
        f"{subject.title}.made_by is {stated!r}",
        'give the name that data sources use for such features, e.g. "keras-vgg19-pool5"',
    )


@check("extractor")
def weights_missing(subject: ExtractorSubject) -> None:
    """Where weights are missing, prepare says where they come from: nothing is downloaded."""
    try:
        subject.build().prepare()
    except DataError as error:
        expect_help(error, f"{subject.title}: {error.message}")


@check("extractor", applies=lambda subject: subject.can_be_tried)
def features(subject: ExtractorSubject) -> None:
    """extract gives finite floats (T, *output.shape) without gradient: they are stored unchanged."""
    extractor = _ready(subject)
    with _sources(subject) as sources:
        found = extractor.extract(sources[0])
    expect(
        isinstance(found, Tensor) and found.is_floating_point() and len(found),
        f"{subject.title}.extract gives {_described(found)}",
        "return a floating-point tensor with one row a step",
    )
    space: Space = extractor.output
    expected = (space.length or len(found), *space.shape)
    expect(
        tuple(found.shape) == expected,
        f"{subject.title}.extract gives {tuple(found.shape)} where output says {expected}",
        "make output and extract agree",
    )
    expect(
        bool(found.isfinite().all()),
        f"{subject.title}.extract gives values that are not finite",
        "look for logarithms and divisions: silent and black recordings are valid",
    )
    expect(
        not found.requires_grad,
        f"{subject.title}.extract gives features with a gradient",
        "decorate extract with @torch.inference_mode(): an extractor is frozen",
    )


def _described(found: object) -> str:
    return f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"


@check("extractor", applies=lambda subject: subject.can_be_tried)
def same_again(subject: ExtractorSubject) -> None:
    """The same recording gives the same features, a different one different ones: extraction can be resumed."""
    extractor = _ready(subject)
    with _sources(subject) as (one, other):
        before, between, after = (extractor.extract(source) for source in (one, other, one))
    expect(
        before.shape == after.shape and torch.equal(before, after),
        f"{subject.title}.extract gives different features for the same recording the second time",
        "no dropout (.eval()), no random crops, no state carried from one recording to the next",
    )
    expect(
        between.shape != before.shape or not torch.equal(between, before),
        f"{subject.title}.extract gives the same features for two recordings",
        "let the features depend on the recording",
    )


@check("extractor", applies=lambda subject: subject.can_be_tried)
def other_device(subject: ExtractorSubject) -> None:
    """On another device, it computes there; checked on torch's "meta" device."""
    extractor: Extractor = subject.build(ExtractorContext(torch.device("meta")))
    extractor.prepare()
    try:
        with _sources(subject) as sources:
            extractor.extract(sources[0])
    except RuntimeError as error:
        if "device" in str(error) and "no data" not in str(error):
            raise Violation(
                f"{subject.title} mixes devices: {str(error).splitlines()[0]}",
                "move the network and what it is given to self.device; make constants where the input is",
            ) from error


@check("extractor", applies=lambda subject: subject.can_be_tried and subject.component.suffixes)
def broken_recordings(subject: ExtractorSubject) -> None:
    """For a broken recording it raises a DataError that names the file: the others are still extracted."""
    extractor = _ready(subject)
    with TemporaryDirectory() as folder:
        for name, content in (("empty", b""), ("broken", b"no recording " * 99), ("missing", None)):
            path = Path(folder) / f"{name}{subject.suffix}"
            if content is not None:
                path.write_bytes(content)
            _refused(subject, extractor, path)


def _refused(subject: ExtractorSubject, extractor: Extractor, path: Path) -> None:
    change = "raise DataError(f'{path} cannot be read: ...') for any file that is not a recording"
    try:
        found = extractor.extract(path)
    except DataError as error:
        expect(
            path.name in error.message,
            f"{subject.title} refuses {path.name} without naming it: {error.message}",
            change,
        )
        return
    except Exception as error:
        raise Violation(
            f"{subject.title} fails with {type(error).__name__} for {path.name}: {error}", change
        ) from error
    raise Violation(f"{subject.title} makes {_described(found)} of {path.name}", change)


def _ready(subject: ExtractorSubject) -> Extractor:
    """A prepared extractor; a DataError for missing weights skips the check."""
    extractor: Extractor = subject.sample
    extractor.prepare()
    return extractor


@contextmanager
def _sources(subject: ExtractorSubject) -> Iterator[tuple[Any, Any]]:
    """Two recordings, or two sentences."""
    if not subject.component.suffixes:
        yield SENTENCES
        return
    with TemporaryDirectory() as folder:
        one, other = (Path(folder) / f"{name}{subject.suffix}" for name in ("-one", "other"))
        for number, path in enumerate((one, other)):
            WRITERS[subject.suffix](path, subject.seed + number)
        yield one, other

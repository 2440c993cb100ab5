"""``codaar data extract``: a folder of recordings -> a folder with one file of features each."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import tomli
import tomli_w

from codaar_core.api import CodaarError, DataError, Extractor, ExtractorContext
from codaar_core.engine.devices.runtime import choose_device
from codaar_core.features import refuse_unusable
from codaar_core.features.packed.writing import Progress
from codaar_core.recipe.checking.single_component import load_extractor
from codaar_core.recipe.plan import Block
from codaar_core.recipe.resolved import settings as settings_of

Device = Literal["auto", "cpu", "cuda", "mps"]
NOTE = "extraction.toml"


@attrs.frozen
class Extracted:
    """What came of extracting features."""

    folder: Path
    made_by: str
    recordings: int  # whose features are there
    new: int  # of these, extracted now


def extract_features(
    name: str,
    recordings: Path | str,
    to: Path | str,
    settings: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    on: Device = "auto",
    progress: Progress = lambda done, recordings: None,
) -> Extracted:
    """Write the features of every recording to ``to/STEM.npy``, float32 (T, *shape); those that are there are kept.

    Beside them, ``extraction.toml`` states what made them: the tag that data sources ask for, the settings, and the
    SHA-256 of the weights. A folder holds features of one making only.

    Args:
        name: ``[provider:]name`` of an extractor.
        recordings: Folder; the files in it and in its folders that the extractor reads are taken, hidden ones are not.
        to: Folder of the features; made where there is none.
        settings: ``SETTING=VALUE`` of the extractor, as ``-o`` takes them.
        plugins: Python files of local components.
        on: Where the network computes; "auto" takes a GPU where there is one.
        progress: Called after each recording with the number done and of all.

    Raises:
        CodaarError: There is no such extractor, its weights are missing or wrong, two recordings have one name, the
            folder holds features of another making, the disk is full, or recordings cannot be read: these are listed
            after all others are done.
    """
    block = load_extractor(name, settings, plugins)
    extractor: Extractor = block.component(block.config, ExtractorContext(choose_device(on, "on")))
    sources = _by_stem(_found(Path(recordings), block, extractor))
    folder = Path(to)
    missing = {stem: source for stem, source in sources.items() if not _features(folder, stem).exists()}
    extractor.prepare()
    made = _made(block, extractor)
    _refuse_mixture(folder, made)
    _write(folder / NOTE, tomli_w.dumps(made).encode())
    bad = _extract(extractor, folder, missing, len(sources), progress)
    if bad:
        told = "".join(f"\n   {what}" for what in bad)
        raise DataError(
            f"{len(bad):,} of {len(sources):,} recordings cannot be read, the others are in {folder}:{told}",
            "repair or remove these and give the same command once more: it reads only what is missing",
        )
    return Extracted(folder, extractor.made_by, len(sources), len(missing))


# What there is


def _found(folder: Path, block: Block, extractor: Extractor) -> list[Path]:
    if not extractor.suffixes:
        raise CodaarError(
            f"{block.entry.full_name} reads sentences, not recordings", "data sources that have sentences run it"
        )
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in extractor.suffixes]
    found = [path for path in files if path.is_file() and not _hidden(path.relative_to(folder))]
    if not found:
        read = ", ".join(extractor.suffixes)
        raise DataError(f"{folder} has no recording that {block.entry.full_name} reads", f"it reads {read}")
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _by_stem(recordings: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in recordings:
        other = found.setdefault(path.stem, path)
        if other != path:
            raise DataError(f"{other} and {path} would both become {path.stem}.npy", "rename one, or move it elsewhere")
    return found


def _features(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.npy"


# What makes them


def _made(block: Block, extractor: Extractor) -> dict[str, Any]:
    """What the features follow from besides the recordings, as TOML has it."""
    weights = {path.resolve(): _checksum(path) for path in extractor.weights}
    given = settings_of(block.config)
    return {
        "made_by": extractor.made_by,
        "extractor": block.entry.full_name,
        # where weights lie is no matter: what they are is
        "settings": {key: value for key, value in given.items() if not _names_one(value, weights)},
        "weights": {path.name: checksum for path, checksum in weights.items()},
    }


def _names_one(value: Any, files: Mapping[Path, str]) -> bool:
    return isinstance(value, str) and Path(value).expanduser().resolve() in files


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _refuse_mixture(folder: Path, made: Mapping[str, Any]) -> None:
    """Refuse a folder whose features something else has made, or nobody knows what."""
    note = folder / NOTE
    if not note.exists() and not any(folder.glob("*.npy")):
        return
    try:
        before = tomli.loads(note.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} has features, and what made them cannot be read in {NOTE}: {error}", "extract to another folder"
        ) from error
    for key, value in made.items():
        if before.get(key) != value:
            raise DataError(
                f"{folder} has features made with {key} = {before.get(key)!r}, now it is {value!r}",
                "extract to another folder: features of different making are not mixed",
            )


# Extracting


def _extract(
    extractor: Extractor, folder: Path, missing: Mapping[str, Path], total: int, progress: Progress
) -> list[str]:
    """Write the features that are missing; gives what is wrong with recordings that cannot be read."""
    bad = []
    for done, (stem, source) in enumerate(missing.items(), total - len(missing) + 1):
        try:
            values = extractor.extract(source).float().cpu().numpy()
            refuse_unusable(values, extractor.output.shape, source)
        except DataError as error:
            bad.append(error.message)
        else:
            _write(_features(folder, stem), _packed(values))
        progress(done, total)
    return bad


def _write(path: Path, content: bytes) -> None:
    """Write aside, and rename when it is whole and on disk."""
    aside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror}; what was extracted before is kept",
            "make room, or choose another folder; the same command once more goes on from there",
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink()


def _packed(values: np.ndarray) -> bytes:
    """The content of a ``.npy`` file: numpy itself would not tell why it could not write one."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return content.getvalue()

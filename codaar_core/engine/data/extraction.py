"""``codaar data extract``: a folder of recordings -> a folder with one file of features each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import tomli
import tomli_w

from codaar_core.api import CodaarError, DataError, Extractor, ExtractorContext
from codaar_core.engine.devices.runtime import choose_device
from codaar_core.features import refuse_unusable
from codaar_core.features.files import sha256_of, write_whole, writing
from codaar_core.features.packed.writing import Progress
from codaar_core.recipe.checking.single_component import load_extractor
from codaar_core.recipe.plan import Block
from codaar_core.recipe.resolved import settings as settings_of

Device = Literal["auto", "cpu", "cuda", "mps"]
NOTE = "extraction.toml"
ROOM = "make room, or choose another folder; earlier features are kept, and the same command continues from there"


class UnreadableRecordings(DataError):
    """Recordings that cannot be read; the features of all others have been written.

    Attributes:
        reasons: Why each cannot be read, by name without suffix.
    """

    def __init__(self, message: str, help: str, reasons: Mapping[str, str]) -> None:
        super().__init__(message, help)
        self.reasons = dict(reasons)


@attrs.frozen
class Extracted:
    """Result of ``extract_features``."""

    folder: Path
    made_by: str  # tag of the extractor and its weights
    recordings: int  # with features in the folder
    new: int  # of these, extracted by this call


def extract_features(
    name: str,
    recordings: Path | str,
    to: Path | str,
    settings: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    on: Device = "auto",
    progress: Progress = lambda done, recordings: None,
) -> Extracted:
    """Write the features of every recording to ``to/STEM.npy``, float32 (T, *shape); existing files are kept.

    ``extraction.toml`` in the same folder records the tag that data sources ask for, the settings of the extractor
    and the SHA-256 of its weights. A folder holds features of one extractor with one configuration only.

    Args:
        name: ``[provider:]name`` of an extractor.
        recordings: Folder that is searched recursively for files with a suffix of the extractor; hidden files are
            skipped.
        to: Folder of the features; created if it does not exist.
        settings: ``SETTING=VALUE`` of the extractor, in the syntax of ``-o``.
        plugins: Python files of local components.
        on: Device; "auto" selects a GPU if there is one.
        progress: Called after each recording with the number done and the total.

    Raises:
        CodaarError: The extractor is unknown, its weights are missing or wrong, two recordings have the same name, the
            folder holds features of another extractor, the disk is full, or recordings cannot be read; unreadable
            recordings are listed after all others are done.
    """
    block = load_extractor(name, settings, plugins)
    extractor: Extractor = block.component(block.config, ExtractorContext(choose_device(on, "on")))
    sources = _by_stem(_found(Path(recordings), block, extractor))
    folder = Path(to)
    missing = {stem: source for stem, source in sources.items() if not _features(folder, stem).exists()}
    extractor.prepare()
    record = _record(block, extractor)
    _refuse_folder_of_other_extractor(folder, record)
    with writing(folder, ROOM):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NOTE, tomli_w.dumps(record), ROOM)
    unreadable = _extract(extractor, folder, missing, len(sources), progress)
    if unreadable:
        reasons = "".join(f"\n   {reason}" for reason in unreadable.values())
        raise UnreadableRecordings(
            f"{len(unreadable):,} of {len(sources):,} recordings cannot be read, the others are in {folder}:{reasons}",
            "repair or remove these files and repeat the command: it reads only what is missing",
            unreadable,
        )
    return Extracted(folder, extractor.made_by, len(sources), len(missing))


# Recordings


def _found(folder: Path, block: Block, extractor: Extractor) -> list[Path]:
    if not extractor.suffixes:
        raise CodaarError(
            f"{block.entry.full_name} reads sentences, not recordings", "data sources with sentences call it themselves"
        )
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "name the folder of the recordings")
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
            raise DataError(f"{other} and {path} would both become {path.stem}.npy", "rename or move one of them")
    return found


def _features(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.npy"


# Record of the extraction


def _record(block: Block, extractor: Extractor) -> dict[str, Any]:
    """Everything besides the recordings that determines the features, as TOML values."""
    weights = {path.resolve(): sha256_of(path) for path in extractor.weights}
    given = settings_of(block.config)
    return {
        "made_by": extractor.made_by,
        "extractor": block.entry.full_name,
        # paths of weights are left out: the checksum identifies the weights wherever they are stored
        "settings": {key: value for key, value in given.items() if not _is_path_of(value, weights)},
        "weights": {path.name: checksum for path, checksum in weights.items()},
    }


def _is_path_of(value: Any, files: Mapping[Path, str]) -> bool:
    return isinstance(value, str) and Path(value).expanduser().resolve() in files


def _refuse_folder_of_other_extractor(folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse a folder whose features were made by another extractor or configuration, or have no record."""
    note = folder / NOTE
    if not note.exists() and not any(folder.glob("*.npy")):
        return
    try:
        before = tomli.loads(note.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} has features, but their record {NOTE} cannot be read: {error}", "extract to another folder"
        ) from error
    for key, value in record.items():
        if before.get(key) != value:
            raise DataError(
                f"{folder} has features made with {key} = {before.get(key)!r}, now it is {value!r}",
                "extract to another folder: a folder holds features of one extractor and configuration",
            )


# Extracting


def _extract(
    extractor: Extractor, folder: Path, missing: Mapping[str, Path], total: int, progress: Progress
) -> dict[str, str]:
    """Write the missing features; returns the reason for each recording that cannot be read, by name."""
    unreadable = {}
    for done, (stem, source) in enumerate(missing.items(), total - len(missing) + 1):
        try:
            values = extractor.extract(source).float().cpu().numpy()
            refuse_unusable(values, extractor.output.shape, source)
        except DataError as error:
            unreadable[stem] = error.message
        else:
            write_whole(_features(folder, stem), _npy(values), ROOM)
        progress(done, total)
    return unreadable


def _npy(values: np.ndarray) -> bytes:
    """Content of a ``.npy`` file; ``np.save`` to a path would hide the reason of a failed write."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return content.getvalue()

"""codaar.json and SHA256SUMS of an exported model: what it is, what it needs, and whether its files are intact."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import attrs
import cattrs

from codaar_core.api import CodaarError
from codaar_core.engine.results.conversion import as_json, strict_converter
from codaar_core.features.files import sha256_of

FORMAT = 1
MANIFEST = "codaar.json"
RECIPE = "recipe.toml"
WEIGHTS = "model.safetensors"
RESULTS = "results.json"
CHECKSUMS = "SHA256SUMS"
COMPONENTS = "components"  # folder of local Python files that the model was built with
AGAIN = "copy or download the folder again, or export the model again"


@attrs.frozen(kw_only=True)
class FeatureSpace:
    """Features that the model takes, of one modality."""

    shape: tuple[int, ...]  # of one time step
    length: int | None = None  # number of time steps, where it is fixed
    extraction: str = ""  # name of the extractor, where it is known


@attrs.frozen(kw_only=True)
class TrainingData:
    """The data of pretraining, as their data source describes them."""

    title: str = ""
    origin: str = ""
    licence: str = ""
    how_to_get: str = ""
    homepage: str = ""


@attrs.frozen(kw_only=True)
class Manifest:
    """Content of codaar.json."""

    format: int = FORMAT
    name: str  # run.name
    run: str  # name and start of the run, e.g. avt/2026-01-31T12-00-00
    features: Mapping[str, FeatureSpace]  # by modality
    codewords: int  # K of each codebook, of all levels together
    levels: int = 1  # codes of a time step
    width: int  # D of latents and codewords
    parameters: int  # trained values
    seed: int  # run.seed
    epochs: int  # finished epochs of pretraining
    steps: int  # steps of pretraining
    best: str = ""  # the metric by which the checkpoint was selected; empty: the newest checkpoint
    sha256: str  # of model.safetensors
    data: TrainingData
    recordings: int | None = None  # number of recordings of pretraining; None: unknown
    licence: str = ""  # terms of the weights, where the exporter stated them
    imported: Mapping[str, str] = attrs.field(factory=dict)  # origin of weights that were trained elsewhere
    needs: Mapping[str, str]  # version of each distribution that the model needs, by name
    components: tuple[str, ...] = ()  # local Python files, relative to the folder
    torch: str  # version of torch that the model was trained with

    @property
    def install(self) -> str:
        """The command that installs what the model needs."""
        return install_line(self.needs)


def install_line(distributions: Iterable[str]) -> str:
    """One command that installs distributions."""
    return shlex.join(["pip", "install", *distributions])


def is_exported(folder: Path) -> bool:
    """Whether a folder was written by ``codaar export``."""
    return (folder / MANIFEST).is_file()


def manifest_json(manifest: Manifest) -> str:
    """Content of codaar.json."""
    return json.dumps({**as_json(manifest), "install": manifest.install}, indent=1, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read codaar.json.

    Raises:
        CodaarError: It cannot be read, is damaged, or was written by a newer codaar-core.
    """
    file = folder / MANIFEST
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CodaarError(f"{file} cannot be read: {error}", AGAIN) from error
    written = values.get("format") if isinstance(values, dict) else None
    if type(written) is not int:
        raise CodaarError(f"{file} is damaged: it states no format", AGAIN)
    if written > FORMAT:
        raise CodaarError(
            f"{file} has model format {written}, this codaar-core reads format {FORMAT}",
            install_line(["--upgrade", f"codaar-core{_at_least(values)}"]),
        )
    try:
        return _converter.structure({key: value for key, value in values.items() if key != "install"}, Manifest)
    except cattrs.BaseValidationError as error:
        wrong = "; ".join(cattrs.transform_error(error, MANIFEST))
        raise CodaarError(f"{file} is damaged: {wrong}", AGAIN) from error


def _at_least(values: Mapping[str, Any]) -> str:
    """The version of codaar-core that wrote a manifest, as a requirement; empty if it is unknown."""
    needs = values.get("needs")
    version = needs.get("codaar-core") if isinstance(needs, Mapping) else None
    known = isinstance(version, str) and version.replace(".", "").isalnum()
    return f">={version}" if known else ""


def checksums(folder: Path) -> str:
    """Content of SHA256SUMS: all files of the folder, as ``sha256sum -c`` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)


def verify_folder(folder: Path) -> None:
    """Compare every file that SHA256SUMS lists with its checksum.

    Raises:
        CodaarError: A file is missing or damaged; names the file.
    """
    sums = folder / CHECKSUMS
    try:
        pairs = [line.split("  ", 1) for line in sums.read_text("utf-8").splitlines()]
        listed = {name: digest for digest, name in pairs}
    except OSError as error:
        raise CodaarError(f"{sums} cannot be read: {error.strerror}", AGAIN) from error
    except ValueError as error:
        raise CodaarError(f"{sums} is damaged: {error}", AGAIN) from error
    missing = {MANIFEST, RECIPE, WEIGHTS} - listed.keys()
    outside = [name for name in listed if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if missing or outside:
        raise CodaarError(f"{sums} is damaged: it does not list the files of a model", AGAIN)
    for name, digest in listed.items():
        if _digest(folder / name) != digest:
            raise CodaarError(f"{folder / name} is damaged: its SHA-256 differs from {CHECKSUMS}", AGAIN)


def _digest(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise CodaarError(f"{file} cannot be read: {error.strerror or error}", AGAIN) from error


def refuse_missing_distributions(manifest: Manifest, folder: Path) -> None:
    """Refuse a model whose plug-ins are not installed.

    Raises:
        CodaarError: Names all of them, with one command that installs them.
    """
    missing = [name for name in manifest.needs if not _is_installed(name)]
    if missing:
        raise CodaarError(
            f"{folder} needs plug-ins that are not installed: {', '.join(missing)}", install_line(missing)
        )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


_converter = strict_converter()

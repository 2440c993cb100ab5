"""For data plug-ins: feature files of the public releases, annotation tables, and packed stores.

Names are resolved on first use, so that nothing heavy is imported before it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.features.bad_clips import BadClips
    from codaar_core.features.clip_file import read_array, read_h5
    from codaar_core.features.clip_shape import channels_last, fit_length, looks_quantised, refuse_unusable
    from codaar_core.features.clip_split import ClipSplit, Inventory
    from codaar_core.features.findings import Finding, Findings
    from codaar_core.features.packed.layout import Header
    from codaar_core.features.packed.split import PackedSplit
    from codaar_core.features.packed.writing import Packed, pack_split
    from codaar_core.features.random_split import RandomSplit
    from codaar_core.features.recording import opened_recording, pyav
    from codaar_core.features.table import Row, Table, read_lines, read_names, read_table
    from codaar_core.features.tracks import FileTrack, RowTrack, Track
    from codaar_core.features.unpickling import load_array

_HOME = {
    "bad_clips": ("BadClips",),
    "clip_file": ("read_array", "read_h5"),
    "clip_shape": ("channels_last", "fit_length", "looks_quantised", "refuse_unusable"),
    "clip_split": ("ClipSplit", "Inventory"),
    "findings": ("Finding", "Findings"),
    "packed.layout": ("Header",),
    "packed.split": ("PackedSplit",),
    "packed.writing": ("Packed", "pack_split"),
    "random_split": ("RandomSplit",),
    "recording": ("opened_recording", "pyav"),
    "table": ("Row", "Table", "read_lines", "read_names", "read_table"),
    "tracks": ("FileTrack", "RowTrack", "Track"),
    "unpickling": ("load_array",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__

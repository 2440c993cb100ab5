"""A small LLP and a small AVE, generated in the formats of the releases; oddities of the true tables included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codaar_core.testing.data_plugins import write_h5, write_zipped_pickle

RECORDINGS = 40
SHARED = 3  # recordings that LLP and AVE both have
HEADER = "filename\tonset\toffset\tevent_labels"
WORDS = {"audio": "audio", "video": "visual"}
IN_AVE = {"Dog": "Bark", "Car": "Race car, auto racing", "Cat": "Cat"}
COLUMNS = ("Dog", "Car", "Helicopter", "Violin_fiddle", "Frying_(food)", "Motorcycle", "Acoustic_guitar", "Banjo")
COLUMNS += ("Baby_cry_infant_cry", "Chainsaw", "Cat", "Accordion")


def id_of(recording: int) -> str:
    """Eleven letters; some ids begin with - or _."""
    return f"{'-_x'[recording % 3]}rec{recording:07d}"


def write_llp(folder: Path, table: str = "AVVP", events: Sequence[str] = ("Speech", "Dog", "Car"), channels: int = 8):
    """Features of all recordings and the combined tables; recordings 4, 8, ... are not in the table of what is seen."""
    random = np.random.default_rng(0)
    for recording in range(RECORDINGS):
        seconds = 10 if recording % 5 else 8
        audio, video = random.random((seconds, 128)), random.random((10, 7, 7, channels))
        write_zipped_pickle(folder / f"feature/audio/zip/{id_of(recording)}.zip", audio)
        write_zipped_pickle(folder / f"feature/video/zip/{id_of(recording)}.zip", video.astype(np.float32))
    for modality, word in WORDS.items():
        rows = [
            combined_row(random, recording, events)
            for recording in range(RECORDINGS)
            if modality == "audio" or recording % 4
        ]
        write_table(folder / f"{table}_eval_{word}_checked_combined.csv", rows)
    return folder


def combined_row(random: np.random.Generator, recording: int, events: Sequence[str]) -> str:
    count = random.integers(1, 4)
    onsets = random.integers(0, 9, count)
    offsets = [random.integers(onset + 1, 11) for onset in onsets]
    names = random.choice(events, count)
    cells = [",".join(map(str, column)) for column in (onsets, offsets, names)]
    return "\t".join([f"{id_of(recording)}_30_40", *cells])


def write_table(path: Path, rows: Sequence[str], header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def write_ave(folder: Path, tables: Path, channels: int = 8) -> Path:
    """AVE's files, and the released labels of the shared classes, made here second by second."""
    random = np.random.default_rng(1)
    names = ["Church bell", *IN_AVE.values()] * 12
    starts = random.integers(0, 5, len(names))
    ends = starts + random.integers(1, 6, len(names))
    ids = [id_of(clip) if clip < SHARED + 1 else f"ave{clip:08d}" for clip in range(len(names))]
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}&{id}&good&{s}&{e}" for name, id, s, e in zip(names, ids, starts, ends, strict=True)]
    (folder / "Annotations.txt").write_text("\n".join(["Category&VideoID&Quality&StartTime&EndTime", *lines]))
    write_h5(folder / "audio_feature.h5", avadataset=random.random((len(names), 10, 128)))
    write_h5(folder / "visual_feature.h5", avadataset=random.random((len(names), 10, 7, 7, channels)))
    labels = np.zeros((len(names), 10, 13), np.float32)
    for clip, name in enumerate(names):
        for second in range(10):
            inside = starts[clip] <= second < ends[clip]
            event = next((event for event, theirs in IN_AVE.items() if theirs == name), None)
            labels[clip, second, COLUMNS.index(event) if inside and event else 12] = 1
    write_h5(tables / "ave_avvp_labels.h5", avadataset=labels)
    order = [clip for clip, name in enumerate(names) if name != "Church bell"]
    write_h5(tables / "ave_avvp_order.h5", order=np.array(order))
    return folder


def labels_by_hand(row: str, classes: Sequence[str]) -> list[list[int]]:
    """The label of each second, as the released loaders make it: background is on until an event switches it off."""
    _, *columns = row.split("\t")
    table = [[0] * len(classes) + [1] for _ in range(10)]
    for onset, offset, name in zip(*(column.split(",") for column in columns), strict=True):
        for second in range(10)[int(onset) : int(offset)]:
            table[second][classes.index(name)] = 1
            table[second][-1] = 0
    return table

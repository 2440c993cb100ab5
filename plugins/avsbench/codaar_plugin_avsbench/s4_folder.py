"""Paths of the files of AVSBench-S4, and a check that a split is complete."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_core.features import read_table

TABLE = "s4_meta_data.csv"
FRAMES = 5  # one a second
MASKS = {
    "train": 1,
    "val": FRAMES,
    "test": FRAMES,
}  # masks per clip by split: only the first frame of training clips has one
RECORDING = 11  # characters of the YouTube id at the start of a clip's name


@attrs.frozen
class Clip:
    """One row of the table."""

    name: str
    category: str
    split: str

    @property
    def place(self) -> Path:
        """Its folder relative to that of frames or masks."""
        return Path(self.split, self.category, self.name)

    @property
    def recording(self) -> str:
        """The YouTube id."""
        return self.name[:RECORDING]

    def pictures(self, number: int) -> list[str]:
        """File names of its first pictures."""
        return [f"{self.name}_{second}.png" for second in range(1, number + 1)]


@attrs.frozen
class S4Folder:
    """The files of AVSBench-S4 as distributed, and its VGGish features.

    Attributes:
        root: Folder Single-source with s4_meta_data.csv and s4_data.
        sounds: Folder with SPLIT/zip/CATEGORY/NAME.zip.
    """

    root: Path
    sounds: Path

    def clips(self, split: str) -> list[Clip]:
        """Clips of "train", "val" or "test" in the order of the table, whose first column has their names.

        Raises:
            DataError: The table is missing, has malformed rows, repeats a clip, or has no clip of the split.
        """
        table = read_table(self.root / TABLE, ("category", "split"))
        if table.defects:
            raise DataError(
                f"{table.path} differs from the distributed table: {table.defects.summary}", "fetch this file again"
            )
        rows = [row for row in table if row["split"] == split]
        if not rows:
            raise DataError(f"{table.path} has no clip of the split {split!r}", "expected train, val and test")
        clips = [Clip(next(iter(row.cells.values())), row["category"], split) for row in rows]
        clip, count = Counter(clips).most_common(1)[0]
        if count > 1:
            raise DataError(f"{table.path} has {clip.name} {count} times", "fetch this file again")
        return clips

    def frames(self, clip: Clip) -> list[Path]:
        """The five pictures of a clip."""
        folder = self.root / "s4_data" / "visual_frames" / clip.place
        return [folder / name for name in clip.pictures(FRAMES)]

    def masks(self, clip: Clip) -> list[Path]:
        """The masks of a clip."""
        folder = self.root / "s4_data" / "gt_masks" / clip.place
        return [folder / name for name in clip.pictures(MASKS[clip.split])]

    def sounds_of(self, split: str) -> Path:
        """Folder of the audio features CATEGORY/NAME.zip of a split."""
        return self.sounds / split / "zip"

    def sound_folders(self) -> list[Path]:
        """Folders of audio features: that of all, of each split and of each category; only those that exist."""
        found = [self.sounds]
        for split in MASKS:
            found += [self.sounds / split, self.sounds_of(split), *sorted(self.sounds_of(split).glob("*/"))]
        return [folder for folder in found if folder.is_dir()]

    def refuse_incomplete(self, clips: list[Clip]) -> None:
        """Refuse clips with missing or additional pictures, because scores would not be comparable.

        Raises:
            DataError: It states the number of such clips, and what is missing or unexpected in the first.
        """
        wrong = [what for clip in clips if (what := self._wrong(self.frames(clip)) or self._wrong(self.masks(clip)))]
        if wrong:
            count = f"{len(wrong):,} of {len(clips):,} clips of {clips[0].split!r}"
            raise DataError(
                f"{count} differ from the distributed data, e.g. {wrong[0]}",
                f"unpack visual_frames and gt_masks of AVSBench-S4 into {self.root / 's4_data'} again",
            )

    def _wrong(self, expected: list[Path]) -> str:
        """The missing or unexpected picture of a folder; empty if there is none. Other files are ignored."""
        folder = expected[0].parent
        wanted = {path.name for path in expected}
        there = {path.name for path in folder.glob("*.png")}
        if there == wanted:
            return ""
        kind, name = ("lacks", min(wanted - there)) if wanted - there else ("has an unexpected", min(there - wanted))
        return f"{folder} {kind} {name}"

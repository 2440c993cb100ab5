"""Where the files of AVSBench-S4 lie, and whether all of a split are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_core.features import read_table

TABLE = "s4_meta_data.csv"
FRAMES = 5  # one a second
MASKS = {"train": 1, "val": FRAMES, "test": FRAMES}  # by split: of training clips only the first frame has one
RECORDING = 11  # characters of a YouTube id, with which the name of a clip begins


@attrs.frozen
class Clip:
    """One row of the table."""

    name: str
    category: str
    split: str

    @property
    def place(self) -> Path:
        """Its folder, below that of a sort of files."""
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
    """AVSBench-S4 as it is handed out, and its VGGish features.

    Attributes:
        root: The folder Single-source, with s4_meta_data.csv and s4_data.
        sounds: With SPLIT/zip/CATEGORY/NAME.zip.
    """

    root: Path
    sounds: Path

    def clips(self, split: str) -> list[Clip]:
        """Clips of "train", "val" or "test", in the order of the table; their names are its first column.

        Raises:
            DataError: There is no table, it has rows that do not fit, one clip twice, or no clip of the split.
        """
        table = read_table(self.root / TABLE, ("category", "split"))
        if table.defects:
            raise DataError(f"{table.path} is not as handed out: {table.defects.summary}", "fetch this file once more")
        rows = [row for row in table if row["split"] == split]
        if not rows:
            raise DataError(f"{table.path} has no clip of the split {split!r}", "expected train, val and test")
        clips = [Clip(next(iter(row.cells.values())), row["category"], split) for row in rows]
        clip, count = Counter(clips).most_common(1)[0]
        if count > 1:
            raise DataError(f"{table.path} has {clip.name} {count} times", "fetch this file once more")
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
        """Folder of CATEGORY/NAME.zip of a split."""
        return self.sounds / split / "zip"

    def refuse_incomplete(self, clips: list[Clip]) -> None:
        """Refuse clips whose pictures are not exactly those of the data set: scores would be of something else.

        Raises:
            DataError: It counts them, and says of the first what it has and lacks.
        """
        wrong = [what for clip in clips if (what := self._wrong(self.frames(clip)) or self._wrong(self.masks(clip)))]
        if wrong:
            raise DataError(
                f"{len(wrong):,} of {len(clips):,} clips of {clips[0].split!r} are not as handed out, e.g. {wrong[0]}",
                f"unpack visual_frames and gt_masks of AVSBench-S4 into {self.root / 's4_data'} once more",
            )

    def _wrong(self, expected: list[Path]) -> str:
        """What is wrong with the pictures of one folder; other files in it do not matter."""
        folder = expected[0].parent
        wanted = {path.name for path in expected}
        there = {path.name for path in folder.glob("*.png")}
        if there == wanted:
            return ""
        kind, name = ("lacks", min(wanted - there)) if wanted - there else ("has an unexpected", min(there - wanted))
        return f"{folder} {kind} {name}"

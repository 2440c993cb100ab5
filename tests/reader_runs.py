"""Toy runs whose clips are files, and a script that runs one of them: for tests of the processes that read clips."""

from __future__ import annotations

import sys
from pathlib import Path

from toy_run import toy_plan

from codaar_core import report
from codaar_core.engine.run import run
from codaar_core.recipe import Plan

COMPONENTS = """
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import Space, setting
from codaar_core.features import ClipSplit, FileTrack, RowTrack


def files_of(split, folder, labelled=False):
    '''The clips of a split in one .npy file each; some are shorter.'''
    clips = split[range(len(split))]
    ids = [f"clip-{number}" for number in range(len(split))]
    tracks = {}
    for modality, each in clips.inputs.items():
        (folder / modality).mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(ids):
            path = folder / modality / f"{name}.npy"
            if not path.exists():
                np.save(path, each.values[number, : len(each.values[number]) - number % 2].double().numpy())
        tracks[modality] = FileTrack(folder / modality, ids, Space(tuple(each.values.shape[2:])))
    rows = np.arange(len(ids))
    targets = {m: RowTrack(target.numpy(), rows) for m, target in clips.targets.items()} if labelled else {}
    return ClipSplit(ids, tracks, targets, one_clock=True)


class Files(toy_model.ToyFeatures):
    '''Features in files.'''

    @attrs.frozen(kw_only=True)
    class Config(toy_model.ToyFeatures.Config):
        '''Where they are.'''

        folder: str = setting(help="folder of the files")

    def split(self, name):
        return files_of(super().split(name), Path(self.config.folder) / name)


class FileTask(toy_model.ToyTask):
    '''Clips in files.'''

    @attrs.frozen(kw_only=True)
    class Config(toy_model.ToyTask.Config):
        '''Where they are.'''

        folder: str = setting(help="folder of the files")

    def split(self, role, modality):
        return files_of(super().split(role, modality), Path(self.config.folder) / role, labelled=True)
"""


def plan_of_files(folder: Path, *overrides: str) -> Plan:
    """The toy run with files below ``folder``."""
    files = (
        "data.use='local:files'",
        f"data.folder={str(folder / 'files')!r}",
        "bench.toy.use='local:file-task'",
        f"bench.toy.folder={str(folder / 'files')!r}",
        "bench.toy.head.use='local:toy-head'",
    )
    return toy_plan(folder, *files, *overrides, components=COMPONENTS)


if __name__ == "__main__":
    print(run(plan_of_files(Path(sys.argv[1]), *sys.argv[2:]), write_report=report.write))

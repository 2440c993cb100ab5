"""Random features of given spaces, without files, for dry runs and measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from codaar_core.api import Batch, Features, Space, Split

ROWS = 100
STEPS = 10  # for spaces without a length


class RandomSplit(Split):
    """Clips whose steps are rows of a small random table; equal seeds give equal clips."""

    def __init__(self, spaces: Mapping[str, Space], clips: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.count = clips
        self.tables = {m: torch.rand(ROWS, *space.shape, generator=generator) for m, space in spaces.items()}
        self.rows = {
            m: torch.randint(ROWS, (clips, space.length or STEPS), generator=generator) for m, space in spaces.items()
        }

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Gather rows."""
        clips = torch.as_tensor(indices)
        return Batch({m: Features(table[self.rows[m][clips]]) for m, table in self.tables.items()}, {})

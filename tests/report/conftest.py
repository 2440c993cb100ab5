from __future__ import annotations

from pathlib import Path

import pytest
from sample_results import MODALITIES, sample_results, write_results

from codaar_core.engine.results import (
    BenchmarkCodes,
    CodewordDistance,
    IndexTable,
    ModalityCodes,
    PairCodes,
    Results,
)


@pytest.fixture
def results() -> Results:
    """What a finished run leaves."""
    return sample_results()


@pytest.fixture
def codes() -> BenchmarkCodes:
    """Measures on the codes of a benchmark with one class for each clip; text and video are not of the same clips."""
    return BenchmarkCodes(
        benchmark="classification",
        labels="clip",
        modalities=tuple(
            ModalityCodes(
                modality=name,
                size=800,
                steps=6000 + position,
                used=430 + 20 * position,
                perplexity=251.5 + position,
                labelled=5990 + position,
                information=0.711 + 0.01 * position,
                information_chance=0.081 + 0.01 * position,
            )
            for position, name in enumerate(MODALITIES)
        ),
        pairs=(
            PairCodes(
                one="text",
                other="audio",
                steps=6000,
                agreement=0.712,
                agreement_chance=0.003,
                shared=401,
                consensus=0.88,
                consensus_chance=0.101,
                information=0.655,
                information_chance=0.072,
            ),
            PairCodes(one="text", other="video", shared=377, consensus=0.7, consensus_chance=0.099),
        ),
        tables=(
            IndexTable(train="text", test="text", accuracy=0.991),
            IndexTable(train="text", test="audio", accuracy=0.612),
            IndexTable(train="audio", test="text"),
            IndexTable(train="audio", test="audio", accuracy=0.943),
        ),
    )


@pytest.fixture
def distance() -> CodewordDistance:
    """Codewords of equal indices are four times as close as others."""
    return CodewordDistance(one="text", other="audio", same_index=0.4375, other_indices=1.75)


@pytest.fixture
def unaligned() -> Results:
    """What the control leaves."""
    return sample_results(aligned=False)


@pytest.fixture
def run_directory(tmp_path):
    """Make a run directory with results."""

    def make(results: Results, name: str = "run") -> Path:
        return write_results(tmp_path / name, results)

    return make

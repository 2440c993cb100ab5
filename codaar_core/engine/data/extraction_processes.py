"""Extracts recordings and writes their features, in this process or in several."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import multiprocessing

from codaar_core.api import CodaarError, DataError, Extractor, ExtractorContext
from codaar_core.engine.data.extraction_folder import ROOM, features_of
from codaar_core.engine.devices.runtime import choose_device
from codaar_core.features import refuse_unusable
from codaar_core.features.files import write_whole
from codaar_core.recipe.checking.single_component import load_extractor

SHARE = 64  # recordings that a process takes at a time, at most
TURNS = 8  # times that each process takes recordings, at least, so that all end at about the same time
Arguments = tuple[str, tuple[str, ...], tuple[str, ...], str]  # name, settings, plugins and device of an extractor


class Job(NamedTuple):
    """A recording or sentence, and the name of its file of features without suffix."""

    stem: str
    source: Path | str


def extract_jobs(extractor: Extractor, folder: Path, jobs: Sequence[Job]) -> Iterator[tuple[str, str]]:
    """Write the features of each job; give its stem, and why it cannot be read or an empty string.

    Raises:
        CodaarError: The disk is full.
    """
    results = extractor.extract_each([job.source for job in jobs])
    for job, result in zip(jobs, results, strict=True):
        try:
            if isinstance(result, DataError):
                raise result
            values = result.float().cpu().numpy()
            refuse_unusable(values, extractor.output.shape, Path(job.source))
        except DataError as error:
            yield job.stem, error.message
        else:
            write_whole(features_of(folder, job.stem), _npy(values), ROOM)
            yield job.stem, ""


def _npy(values: np.ndarray) -> bytes:
    """Content of a ``.npy`` file; ``np.save`` to a path would hide the reason of a failed write."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return content.getvalue()


def extract_in_processes(
    arguments: Arguments, folder: Path, jobs: Sequence[Job], processes: int
) -> Iterator[tuple[str, str]]:
    """Do what ``extract_jobs`` does in several processes; results come in any order.

    Args:
        arguments: What builds the extractor in each process.
        folder: Folder of the features.
        jobs: Shared by the processes.
        processes: Their number.

    Raises:
        CodaarError: The disk is full, or a process was ended by the system.
    """
    size = max(min(len(jobs) // (processes * TURNS), SHARE), 1)
    shares = [list(jobs[start : start + size]) for start in range(0, len(jobs), size)]
    context = multiprocessing.get_context("spawn")
    started = (arguments, folder, context.Value("i", 0), min(processes, len(shares)))
    pool = ProcessPoolExecutor(started[-1], context, _start, started)
    try:
        for done in as_completed([pool.submit(_extract_share, share) for share in shares]):
            yield from done.result()
    except BrokenProcessPool as error:
        raise CodaarError(
            "a process was ended, perhaps because memory is short",
            "repeat the command with fewer processes: features so far are kept",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_state: dict[str, Any] = {}  # of a process: what _start made


def _start(arguments: Arguments, folder: Path, counter: Any, processes: int) -> None:
    """Build the extractor of a process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback; the first process reports
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    torch.set_num_threads(max((os.cpu_count() or 1) // processes, 1))
    name, settings, plugins, on = arguments
    device = choose_device(on, "on")
    if device.type == "cuda":
        device = torch.device("cuda", number % torch.cuda.device_count())
    block = load_extractor(name, settings, plugins)
    extractor: Extractor = block.component(block.config, ExtractorContext(device))
    extractor.prepare()
    _state.update(extractor=extractor, folder=folder)


def _extract_share(jobs: Sequence[Job]) -> list[tuple[str, str]]:
    return list(extract_jobs(_state["extractor"], _state["folder"], jobs))

"""The call of ``codaar search``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np

from codaar_core.api import CodaarError, DataError
from codaar_core.engine.data.codes_file import CodesFile
from codaar_core.engine.model_folder import build_untrained, read_run
from codaar_core.engine.record.checkpoint import load_model
from codaar_core.engine.trained_model import TrainedModel
from codaar_core.features.files import sha256_of
from codaar_core.searching import faiss
from codaar_core.searching.gallery import Gallery
from codaar_core.searching.positions import open_positions
from codaar_core.searching.query import Queries, read_queries
from codaar_core.searching.ranking import Ranked, exact_ranking
from codaar_core.searching.recall import Match, recall_of
from codaar_core.searching.results import Found, Hit
from codaar_core.searching.runs import best_runs
from codaar_core.searching.vectors import ClipVectors

Method = Literal["auto", "exact", "faiss"]


def search(
    model: Path | str,
    index: Path | str | Sequence[Path | str],
    query: Path | str,
    source: str | None = None,
    searched: str | None = None,
    by: Literal["vectors", "codes"] = "vectors",
    top: int = 10,
    recall: Sequence[int] = (),
    match: Match = "auto",
    gap: int = 0,
    method: Method = "auto",
    probes: int = 0,
    best: bool = False,
    plugins: Sequence[Path | str] = (),
) -> Found:
    """Find clips whose codes resemble those of a query, in files of ``encode``.

    Args:
        model: A run directory or exported model: the one that the codes are of.
        index: One or several HDF5 files of ``encode``.
        query: Id of a clip of the index; or a features file (T, *shape) ``.npy``; or a file of codes ``.h5``, all of
            whose clips are queries.
        source: Modality of the query; for a file of codes: of the queries that are used, by default all.
        searched: Modality that is searched; by default all but that of the query. Within its own modality, clips with
            the id of the query are left out.
        by: "vectors": by the cosine of averaged codewords; "codes": where the codewords of the query occur.
        top: Number of hits for each query and searched modality.
        recall: Every k of Recall@k; recalls are then computed instead of hits. By vectors only.
        match: What makes a clip right, for recall: an equal entry in "ids" or "targets"; "auto": targets where both
            sides have them, else ids.
        gap: By codes: steps without a codeword of the query that do not end a part.
        method: By vectors: "exact"; "faiss", which needs the extra ``codaar-core[search]``; "auto": faiss for more than
            10^9 pairs of query and clip if it is installed.
        probes: By faiss: number of lists of similar clips that are searched; 0: all clips.
        best: Use the checkpoint of a run with the lowest metric ``run.best``.
        plugins: Python files of local components of the model.

    Returns:
        Hits, or recalls.

    Raises:
        CodaarError: A file is missing, damaged or of another model; the query does not exist or its modality is
            unknown; there is nothing to search; or faiss is asked for and not installed.
    """
    _refuse_arguments(by, top, recall, gap, method, probes)
    paths = [index] if isinstance(index, (str, Path)) else list(index)
    with ExitStack() as opened:
        files = [opened.enter_context(CodesFile(each)) for each in paths]
        plan, checkpoint = read_run(model, best, plugins=plugins)
        untrained = build_untrained(plan)
        load_model(checkpoint, untrained)
        trained = TrainedModel(untrained)
        weights = sha256_of(checkpoint / "model.safetensors")

        def check(file: CodesFile) -> None:
            _refuse_other_model(file, trained, weights)

        for file in files:
            check(file)
        all_queries = read_queries(str(query), source, files, trained, check, opened)
        pairs = [(each, Gallery(files, m)) for each in all_queries for m in _searched(each, searched, files)]
        if recall:
            return _recalls(pairs, ClipVectors(trained), recall, match)
        if by == "codes":
            return Found(tuple(hit for pair in pairs for hit in _hits_by_codes(*pair, files, top, gap, opened)))
        vectors = ClipVectors(trained)
        return Found(tuple(hit for pair in pairs for hit in _hits_by_vectors(*pair, vectors, top, method, probes)))


def _refuse_arguments(by: str, top: int, recall: Sequence[int], gap: int, method: str, probes: int) -> None:
    if top < 1 or gap < 0 or probes < 0 or any(k < 1 for k in recall):
        raise CodaarError("top and recall are at least 1, gap and probes at least 0", "choose other values")
    if by == "codes" and (recall or method != "auto" or probes):
        raise CodaarError("recall, method and probes are of a search by vectors", "leave them out, or --by vectors")
    if probes and method == "exact":
        raise CodaarError("an exact search has no probes", "leave out --probes, or --method faiss")


def _refuse_other_model(file: CodesFile, model: TrainedModel, weights: str) -> None:
    if file.weights not in (None, weights):
        raise DataError(
            f"{file.path} has codes of other weights, of {file.model}", "give the model that it was encoded with"
        )
    quantizer = model.model.quantizer
    for each in file.modalities.values():
        sizes = each.codewords, each.levels
        if each.modality not in model.model.modalities or sizes != (quantizer.size, quantizer.levels):
            raise DataError(
                f"{file.path} has codes of {each.modality} with {each.codewords:,} codewords, {each.levels} a step, "
                "which this model lacks",
                "give the model that it was encoded with",
            )


def _searched(queries: Queries, searched: str | None, files: Sequence[CodesFile]) -> list[str]:
    known = list(dict.fromkeys(name for each in files for name in each.modalities))
    if searched is not None and searched not in known:
        raise CodaarError(f"the index has no codes of {searched!r}", f"it has {', '.join(known)}")
    chosen = [searched] if searched is not None else [each for each in known if each != queries.modality]
    if not chosen:
        raise CodaarError(
            f"the index has no modality besides {queries.modality}", f"--in {queries.modality} searches it"
        )
    return chosen


def _recalls(
    pairs: Sequence[tuple[Queries, Gallery]], vectors: ClipVectors, ranks: Sequence[int], match: Match
) -> Found:
    for queries, gallery in pairs:
        if queries.modality == gallery.modality:
            raise CodaarError("recall within one modality would find each query itself", "leave out --in")
    found = [recall_of(queries, gallery, vectors, ranks, match) for queries, gallery in pairs]
    if not any(each.queries for each in found):
        raise DataError(
            f"no query has a right clip: the queries and the index have no equal {found[0].match}",
            "encode both from the same clips, or choose another --match",
        )
    return Found(recalls=tuple(found))


def _hits_by_vectors(
    queries: Queries, gallery: Gallery, vectors: ClipVectors, top: int, method: Method, probes: int
) -> Iterator[Hit]:
    for ranked in _ranking(queries, gallery, vectors, top, method, probes):
        found = gallery.find(ranked.positions[ranked.positions >= 0])
        for id, positions, scores in zip(ranked.queries.ids, ranked.positions, ranked.scores, strict=True):
            for rank, each in enumerate(np.flatnonzero(positions >= 0), 1):
                clip, file = found[int(positions[each])]
                score = float(scores[each])
                yield Hit(id, queries.modality, gallery.modality, rank, score, clip, file)


def _ranking(
    queries: Queries, gallery: Gallery, vectors: ClipVectors, top: int, method: Method, probes: int
) -> Iterator[Ranked]:
    within = queries.modality == gallery.modality  # clips are left out by id, which faiss cannot do
    if within and (method == "faiss" or probes):
        raise CodaarError("a search within one modality is exact", "leave out --method and --probes")
    much = queries.clips * len(gallery) >= faiss.LEAST_WORK
    if method == "faiss" or probes or (method == "auto" and much and not within and faiss.is_installed()):
        return faiss.faiss_ranking(queries, gallery, vectors, top, probes)
    return exact_ranking(queries, gallery, vectors, top)


def _hits_by_codes(
    queries: Queries, gallery: Gallery, files: Sequence[CodesFile], top: int, gap: int, opened: ExitStack
) -> Iterator[Hit]:
    indexes = open_positions([each for each in files if gallery.modality in each.modalities], opened)
    seconds = {part.file: part.seconds for part in gallery.parts}
    for id, runs in best_runs(queries, gallery, indexes, top, gap):
        found = gallery.find(np.array([run.position for run in runs], np.int64))
        for rank, run in enumerate(runs, 1):
            clip, file = found[run.position]
            times = (run.first * seconds[file], (run.last + 1) * seconds[file])
            yield Hit(id, queries.modality, gallery.modality, rank, run.score, clip, file, *times)

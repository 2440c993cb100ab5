"""Measures on codes: one line for each benchmark and level, and collapses of codebooks and heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codaar_core.engine.results import BenchmarkCodes, CodewordDistance, ModalityCodes, Results, TransferScore
from codaar_core.engine.results.headline import mean
from codaar_core.report.numerals import percent, present, significant

COLLAPSED = 1.5  # perplexity below which a codebook counts as collapsed; with two codewords: one has more than 86 %
EQUAL = 1e-9  # difference up to which a score equals the best constant prediction


def code_lines(results: Results) -> list[str]:
    """One line for each benchmark and level: codewords in use, and means over the pairs of modalities."""
    return [f"{titled(codes)}: {'; '.join(_code_parts(codes))}" for codes in results.codes if codes.modalities]


def titled(codes: BenchmarkCodes) -> str:
    """The benchmark and, with several codes a step, the level."""
    return codes.benchmark if codes.level is None else f"{codes.benchmark}, level {codes.level}"


def _code_parts(codes: BenchmarkCodes) -> Iterator[str]:
    used = sorted(each.used for each in codes.modalities)
    span = f"{used[0]}" if used[0] == used[-1] else f"{used[0]} to {used[-1]}"
    yield f"{span} of {codes.modalities[0].size} codewords in use"
    paired = [pair for pair in codes.pairs if present(pair.agreement)]
    if paired:
        chance = percent(mean(pair.agreement_chance for pair in paired))
        yield f"index agreement {percent(mean(pair.agreement for pair in paired))} % (chance {chance})"
    labelled = [pair for pair in codes.pairs if present(pair.consensus)]
    if labelled:
        chance = percent(mean(pair.consensus_chance for pair in labelled))
        yield f"consensus {percent(mean(pair.consensus for pair in labelled))} % (chance {chance})"


def collapses(results: Results) -> list[str]:
    """Collapsed codebooks, and benchmarks with heads that are no better than the best constant prediction."""
    return [*_collapsed_codebooks(results), *_failed_heads(results)]


def is_collapsed(codes: ModalityCodes) -> bool:
    """Whether nearly all time steps have the same index."""
    return codes.used <= 1 or (present(codes.perplexity) and codes.perplexity < COLLAPSED)


def is_no_better_than_constant(score: TransferScore) -> bool:
    """Whether a score does not exceed the best prediction that ignores the input."""
    if not present(score.mean) or not present(score.constant):
        return False
    gain = score.mean - score.constant if score.higher_is_better else score.constant - score.mean
    return gain <= EQUAL


def distance_ratio(distance: CodewordDistance) -> float | None:
    """Distance of codewords with the same index, as a share of the distance of others."""
    if not present(distance.same_index) or not present(distance.other_indices) or distance.other_indices == 0:
        return None
    return distance.same_index / distance.other_indices


def _collapsed_codebooks(results: Results) -> Iterator[str]:
    if results.pretraining.collapse:
        yield f"collapsed codebook: pretraining, {results.pretraining.collapse}"
    for codes in results.codes:
        for each in filter(is_collapsed, codes.modalities):
            yield (
                f"collapsed codebook: {titled(codes)}, {each.modality}: {each.used} of {each.size} codewords in use, "
                f"perplexity {significant(each.perplexity)}"
            )


def _failed_heads(results: Results) -> Iterator[str]:
    failed: dict[str, list[TransferScore]] = {}
    for score in results.transfers:
        if score.headline and is_no_better_than_constant(score):
            failed.setdefault(score.benchmark, []).append(score)
    for benchmark, scores in failed.items():
        yield f"no better than the best constant prediction: {benchmark}, {_transfers(scores)}"


def _transfers(scores: Sequence[TransferScore]) -> str:
    return ", ".join(f"{score.train} to {score.test}" for score in scores)

"""The metadata at the top of a model card, as the Hugging Face hub defines them."""

from __future__ import annotations

import re
from typing import Any

from codaar_core.engine.exported.manifest import Manifest
from codaar_core.engine.results import Results, TransferScore
from codaar_core.report.benchmark_scores import BenchmarkScores, by_benchmark
from codaar_core.report.numerals import PERCENT, present

LIBRARY = "codaar"
TAGS = (LIBRARY, "cross-modal", "discrete-representation", "vector-quantization")


def front_matter(manifest: Manifest, results: Results | None) -> dict[str, Any]:
    """The metadata of a model; absent facts are left out."""
    groups = by_benchmark(results) if results else []
    metrics = dict.fromkeys(slug(each.metric) for group in groups for each in group.first_metric)
    entries = [entry for group in groups if (entry := _benchmark(group))]
    values = {
        **_licence(manifest.licence),
        "library_name": LIBRARY,
        "pipeline_tag": "feature-extraction",
        "tags": [*TAGS, *map(slug, manifest.features)],
        "datasets": [slug(manifest.data.title)] if manifest.data.title else [],
        "metrics": list(metrics),
        "model-index": [{"name": manifest.name, "results": entries}] if entries else [],
    }
    return {key: value for key, value in values.items() if value}


def slug(string: str) -> str:
    """A string as an identifier of the hub: letters, numerals and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", string.lower()).strip("-") or "unnamed"


def _licence(stated: str) -> dict[str, str]:
    """The hub knows licences by identifiers such as ``cc-by-4.0``; any other string is a licence of its own."""
    if not stated:
        return {}
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.\-]*", stated):
        return {"license": stated.lower()}
    return {"license": "other", "license_name": slug(stated)}


def _benchmark(group: BenchmarkScores) -> dict[str, Any] | None:
    """The entry of one benchmark: its first metric in each direction without a caveat; None without any such score."""
    metrics = [_metric(score) for score in group.first_metric if present(score.mean) and not score.caveat]
    kind = slug(group.name)
    task, dataset = {"type": kind, "name": f"{group.name} across modalities"}, {"type": kind, "name": group.name}
    return {"task": task, "dataset": dataset, "metrics": metrics} if metrics else None


def _metric(score: TransferScore) -> dict[str, Any]:
    assert score.mean is not None
    fraction = score.unit == PERCENT
    unit = f" ({score.unit})" if score.unit else ""
    value = round(100 * score.mean, 2) if fraction else float(f"{score.mean:.6g}")
    return {
        "type": slug(score.metric),
        "name": f"{score.metric}, {score.train} to {score.test}{unit}",
        "value": value,
    }

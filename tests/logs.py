"""Logs of TensorBoard, Weights & Biases and MLflow, read back from their files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = 32768  # bytes of a block of the record file of Weights & Biases, which is that of LevelDB
HEADER, OF_RECORD = 7, 7  # bytes of the header of that file, and of each part of a record
WHOLE, LAST = 1, 4  # kinds of a part that end a record


class Log(NamedTuple):
    """What a log has: every value with its name and step, the last value of each score, settings, texts of files."""

    values: list[tuple[str, int, float]]
    scores: dict[str, float]
    settings: dict[str, Any]
    table: str
    report: str


def tensorboard(run: Path) -> Log:
    """Read the event files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    log = EventAccumulator(str(run / "tensorboard"), {"scalars": 0, "tensors": 0}).Reload()
    found = [(name, event.step, event.value) for name in log.Tags()["scalars"] for event in log.Scalars(name)]
    started = log.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    settings = HParamsPluginData.FromString(started).session_start_info.hparams
    texts = {
        name: each.tensor_proto.string_val[0].decode() for name in log.Tags()["tensors"] for each in log.Tensors(name)
    }
    return Log(
        [each for each in found if not each[0].startswith("transfer/")],
        {name: value for name, _, value in found if name.startswith("transfer/")},
        {name: getattr(value, value.WhichOneof("kind")) for name, value in settings.items()},
        texts["transfer/toy/text_summary"],
        Path(texts["report.html/text_summary"].strip("`")).read_text("utf-8"),
    )


def wandb(run: Path) -> Log:
    """Read the files of the offline run, of which there is one."""
    from wandb.proto.wandb_internal_pb2 import Record

    [folder] = (run / "wandb").glob("offline-run-*")
    [file] = folder.glob("*.wandb")
    values, scores, settings = [], {}, {}
    for content in _records(file.read_bytes()):
        record = Record.FromString(content)
        settings |= {each.key: json.loads(each.value_json) for each in record.run.config.update}
        scores |= {_key(each): json.loads(each.value_json) for each in record.summary.update}
        row = {_key(each): json.loads(each.value_json) for each in record.history.item}
        values += [
            (name, row["_step"], value) for name, value in row.items() if name.startswith(("step/", "epoch/", "curve/"))
        ]
    media = folder / "files" / "media"
    [table], [report] = media.rglob("*.table.json"), media.rglob("*.html")
    return Log(
        values,
        {name: value for name, value in scores.items() if name.startswith("transfer/")},
        settings,
        table.read_text("utf-8"),
        report.read_text("utf-8"),
    )


def mlflow(run: Path) -> Log:
    """Read the store by the client."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{run / 'mlflow' / 'mlflow.db'}")
    [stored] = client.search_runs([client.get_experiment_by_name("codaar").experiment_id])
    history = [
        (name, each) for name in stored.data.metrics for each in client.get_metric_history(stored.info.run_id, name)
    ]
    files = run / "mlflow" / "artefacts" / stored.info.run_id / "artifacts"
    assert stored.info.status == "FINISHED"
    return Log(
        [(name, each.step, each.value) for name, each in history if not name.startswith("transfer/")],
        {name: each.value for name, each in history if name.startswith("transfer/")},
        stored.data.params,
        (files / "transfer" / "toy.csv").read_text("utf-8"),
        (files / "report.html").read_text("utf-8"),
    )


def _records(content: bytes) -> Iterator[bytes]:
    """Records of a file of LevelDB: parts with checksum, length and kind, none of which crosses a block."""
    at, record = HEADER, b""
    while at + OF_RECORD <= len(content):
        if BLOCK - at % BLOCK < OF_RECORD:
            at += BLOCK - at % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        at += OF_RECORD
        record += content[at : at + length]
        at += length
        if kind in (WHOLE, LAST):
            yield record
            record = b""


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)

"""One epoch and one head of recipes/avt.toml: what benchmarks on files of their own are tested with."""

SMALLEST = (
    "run.epochs=1",
    "device.threads=1",
    "data.batch=16",
    "data.pretrain=32",
    "data.patches=8",
    "data.words=16",
    "quantizer.codes=32",
    "quantizer.dim=16",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.seeds=[1]",
)

"""Toy distributions for tests: dist-info folders and modules in a temporary folder on sys.path."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

GROUPS = {"loss": "losses", "alignment": "alignments", "data": "data"}

COMPONENTS = '''"""One component of each kind."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import and_, ge, lt

import codaar_core.api as api
from codaar_core.api import setting


class ToyEncoder(api.Encoder):
    """Encodes toys.

    And more.
    """

    @attrs.frozen(kw_only=True)
    class Config:
        width: int = setting(help="channels", check=ge(1))
        dropout: float = setting(0.1, "share of channels dropped", and_(ge(0.0), lt(1.0)))
        norm: Literal["batch", "layer"] = setting("batch", "kind of normalisation")
        limit: int | None = setting(None, "greatest number of steps")

    def forward(self, features):
        return features


class ToyDecoder(api.Decoder):
    """Decodes toys."""

    def forward(self, encoded, quantized):
        return encoded


class ToyQuantizer(api.Quantizer):
    """Quantizes toys."""

    @attrs.frozen(kw_only=True)
    class Config:
        codes: int = setting(8, "codewords", ge(1))
        shared: bool = setting(False, "one codebook for all")
        sizes: tuple[int, ...] = setting((), "more sizes")
        pair: tuple[float, float] = setting((0.0, 1.0), "two numbers")

    latent = code_space = size = None

    def quantize(self, encoded):
        return encoded

    def lookup(self, modality, indices):
        return indices

    def codebooks(self):
        return {}


class ToyAlign(api.AlignmentStep):
    """Aligns toys."""

    @attrs.frozen(kw_only=True)
    class Config:
        share: float = setting(0.5, "share of the others")

    def mix(self, features):
        return features


class ToyLoss(api.Loss):
    """Loses toys."""

    @attrs.frozen(kw_only=True)
    class Config:
        depth: int = setting(1, "layers")
        low: float = setting(0.0, "lower end")
        high: float = setting(1.0, "upper end")

        def __attrs_post_init__(self):
            if self.low > self.high:
                raise ValueError("low must not exceed high")

    def forward(self, view):
        return {}


class ToyHead(api.TaskHead):
    """Reads toys."""

    def forward(self, quantized):
        return quantized

    def predict(self, logits):
        return logits

    @attrs.frozen(kw_only=True)
    class Config:
        hidden: int = setting(4, "hidden width")


class ToyData(api.DataSource):
    """Makes toys."""

    @attrs.frozen(kw_only=True)
    class Config:
        root: str | None = setting(None, "folder")
        clips: int = setting(10, "number of clips")

    card = api.Card("toys", "CC0-1.0", "made")
    spaces = {}

    def split(self, name):
        return None

    def synthetic(self, clips, seed):
        return None


class ToyBenchmark(api.Benchmark):
    """Judges toys."""

    head = "toy-head"
    classes = ()
    metrics = {}

    def split(self, role, modality):
        return None

    def constants(self, target):
        return iter(())

    def guess(self, target, generator):
        return target


class ToyHook(api.RunHooks):
    """Watches toys."""
'''

ENTRIES = {
    "encoder": {"toy-encoder": "ToyEncoder"},
    "decoder": {"toy-decoder": "ToyDecoder"},
    "quantizer": {"toy-quantizer": "ToyQuantizer"},
    "alignment": {"toy-align": "ToyAlign"},
    "loss": {"toy-loss": "ToyLoss"},
    "head": {"toy-head": "ToyHead"},
    "data": {"toy-data": "ToyData"},
    "benchmark": {"toy-benchmark": "ToyBenchmark"},
    "hook": {"toy-hook": "ToyHook"},
}

RECIPE = """\
codaar = 1

[run]
name = "toys"
seed = 7
epochs = 2
directory = "elsewhere"
hooks = ["watch"]
log_every = 5

[device]
on = "cpu"
dtype = "float64"
threads = 1

[model]
modalities = ["north", "south"]
align = ["mixing"]
losses = ["main", "toy-loss"]

[data]
use = "toy-data"
batch = 4
clips = 12
root = "here"

[encoders.north]
use = "toy-encoder"
width = 3
dropout = 0.25
norm = "layer"
limit = 9

[encoders.south]
use = "toy:toy-encoder"
width = 5

[decoders.north]
use = "toy-decoder"

[decoders.south]
use = "toy-decoder"

[quantizer]
use = "toy-quantizer"
codes = 16
shared = true
sizes = [4, 8]
pair = [0.5, 2]

[align.mixing]
use = "toy-align"
share = 0.75

[losses.main]
use = "toy-loss"
weight = 0.5
depth = 2

[losses.toy-loss]
depth = 3

[optimizer]
use = "adamw"
lr = 1e-3
betas = [0.8, 0.99]
weight_decay = 0.01
clip = 1.0
milestones = [1]
gamma = 0.1

[evaluate]
on = ["judge"]
seeds = [1, 2]
mode = "as-published"

[bench.judge]
use = "toy-benchmark"
epochs = 3
batch = 8
lr = 0.01
clip = 0.0

[bench.judge.head]
use = "toy-head"
hidden = 6

[hooks.watch]
use = "toy-hook"
"""

SMALL = """\
codaar = 1
[run]
name = "small"
[data]
use = "toy-data"
[model]
modalities = ["north"]
[encoders.north]
use = "toy-encoder"
width = 1
[quantizer]
use = "toy-quantizer"
"""


class Site:
    """A folder on sys.path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        distribution: str,
        entries: Mapping[str, Mapping[str, str]],
        version: str = "1.0",
        modules: Mapping[str, str] | None = None,
        requires: Sequence[str] = ("codaar-core>=0.1,<1",),
    ) -> None:
        """Install a distribution with these entry points and modules."""
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
        points = "".join(
            f"[codaar.{GROUPS.get(kind, kind + 's')}]\n"
            + "".join(f"{name} = {target}\n" for name, target in of.items())
            for kind, of in entries.items()
        )
        (info / "entry_points.txt").write_text(points)
        for path, content in (modules or {}).items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(content)

    def add_toy(self) -> None:
        """Install codaar-plugin-toy."""
        entries = {
            kind: {name: f"codaar_plugin_toy.components:{target}" for name, target in of.items()}
            for kind, of in ENTRIES.items()
        }
        modules = {"codaar_plugin_toy/__init__.py": "", "codaar_plugin_toy/components.py": COMPONENTS}
        self.add("codaar-plugin-toy", entries, "0.3.0", modules)


@contextmanager
def toy_site(folder: Path) -> Iterator[Site]:
    """A site; while it exists, the registry sees only its distributions, and an empty index."""
    from codaar_core.registry import entry, installed, listing, registry
    from codaar_core.registry.index import known_plugins as index

    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(folder))
    before = set(sys.modules)
    all_entries = entry.installed_entries

    def entries_of_site() -> list[entry.Entry]:
        made = {info.name.split("-")[0].replace("_", "-").lower() for info in folder.glob("*.dist-info")}
        return [each for each in all_entries() if each.distribution in made]

    for module in (registry, installed):
        patch.setattr(module, "installed_entries", entries_of_site)
    for module in (registry, listing, index):
        patch.setattr(module, "known_plugins", lambda: ())
    try:
        yield Site(folder)
    finally:
        patch.undo()
        for name in set(sys.modules) - before:
            if name.startswith(("codaar_plugin_", "codaar_local_")):
                del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty site."""
    (tmp_path / "site").mkdir()
    with toy_site(tmp_path / "site") as made:
        yield made


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with codaar-plugin-toy, for all tests of a module."""
    with toy_site(tmp_path_factory.mktemp("toy")) as made:
        made.add_toy()
        yield made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder

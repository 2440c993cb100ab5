"""Frequent mistakes of authors, made in generated plug-ins: each fails one check, whose message says what to change."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from environments import run

SUPER = "        super().__init__(config, context)\n"
PULLED = "        return self._pulled(codebooks)\n"
MISTAKES = {
    "no super call": (
        "encoder",
        {SUPER: ""},
        "encoder:first-encoder:builds",
        "FirstEncoder.__init__ does not call that of its base",
        "call super().__init__(config, context) before anything else",
    ),
    "a lost axis": (
        "encoder",
        {"self.semantic_map(values)": "self.semantic_map(values).mean(1)"},
        "encoder:first-encoder:record",
        "FirstEncoder: semantic should be (1, 1, 8) (clips, steps, *shape), it is (1, 8)",
        "keep the clips and time steps of features.values as the first two axes",
    ),
    "a wrong width": (
        "encoder",
        {"context.latent.width)": "config.hidden)"},
        "encoder:first-encoder:record",
        "FirstEncoder: semantic should be (1, 1, 8) (clips, steps, *shape), it is (1, 1, 128)",
        "make the output as wide as context.latent",
    ),
    "a wrong shape": (
        "alignment",
        {PULLED: "        return {name: each.mean(0) for name, each in codebooks.items()}\n"},
        "alignment:first-alignment:keys-and-shapes",
        "FirstAlignment.adjust should keep the shape (12, 4) of 'north', it gives (4,)",
        "map rows to rows: the first axis counts them, the second is their width",
    ),
    "in place": (
        "alignment",
        {
            PULLED: "        for name, each in self._pulled(codebooks).items():\n"
            "            codebooks[name].copy_(each)\n        return codebooks\n"
        },
        "alignment:first-alignment:pure",
        "FirstAlignment.adjust mutated the codebook of 'north' in place",
        "return new tensors: write a = a + b, not a += b; torch.lerp, not lerp_; copy a dict before changing it",
    ),
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_fails_one_check_with_advice(installed, tmp_path, mistake):
    kind, changes, check, found, change = MISTAKES[mistake]
    said = checked(spoilt(site_of(kind), tmp_path, kind, changes), kind)
    assert [line for line in said.splitlines() if line.startswith(f"{kind}:first-{kind}:")] == [check]
    assert found in said
    assert f"   = help: {change}" in said


def site_of(kind: str) -> Path:
    """The folder that the plug-ins are installed in."""
    return next(Path(each) for each in sys.path if (Path(each) / f"codaar_plugin_first_{kind}").is_dir())


def spoilt(site: Path, folder: Path, kind: str, changes: dict[str, str]) -> Path:
    """A folder with the installed plug-in of a kind, its source changed."""
    for path in site.glob(f"codaar_plugin_first_{kind}*"):
        shutil.copytree(path, folder / path.name)
    source = folder / f"codaar_plugin_first_{kind}" / f"first_{kind}.py"
    written = source.read_text("utf-8")
    for before, after in changes.items():
        assert before in written
        written = written.replace(before, after)
    source.write_text(written, "utf-8")
    return folder


def checked(site: Path, kind: str) -> str:
    """The outcomes of the conformance kit."""
    done = run(Path(sys.executable).with_name("codaar"), "check-plugin", f"first-{kind}", PYTHONPATH=str(site))
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout

"""Warnings on the command line."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import warnings
import click
from codaar_core.cli.errors import run_command

@click.command()
def verb():
    warnings.warn_explicit("step-5 is damaged", UserWarning, "codaar_core/engine/run.py", 1)
    warnings.warn_explicit("slow", UserWarning, "torch/nn.py", 7)

raise SystemExit(run_command(verb, []))
"""


def test_a_warning_of_codaar_is_shown_without_a_source_line():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr == "warning: step-5 is damaged\ntorch/nn.py:7: UserWarning: slow\n"

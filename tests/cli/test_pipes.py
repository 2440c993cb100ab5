"""A pipe whose reader has gone: output is discarded, the command goes on and its exit code stays."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, warnings
import click
from rich.console import Console
from codaar_core.api import CodaarError
from codaar_core.cli.errors import run_command

@click.command()
@click.option("--fails", is_flag=True)
def verb(fails):
    console = Console()
    sys.stdout.flush()
    sys.stdin.readline()  # until the reader has gone
    for number in range(3):
        console.print("line", number)
        print("print", number, flush=True)
        click.echo(f"echo {number}")
        sys.stderr.write("note\\n")
    warnings.warn("a warning")
    open(DONE, "w").close()
    if fails:
        raise CodaarError("the disk is full")

raise SystemExit(run_command(verb))
"""


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--fails"], 1)])
@pytest.mark.parametrize("errors_too", [False, True])
def test_a_command_outlives_the_reader_of_its_output(tmp_path, arguments, code, errors_too):
    done = tmp_path / "done"
    program = PROGRAM.replace("DONE", repr(str(done)))
    errors = subprocess.STDOUT if errors_too else subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
    ) as process:
        process.stdout.close()
        process.stdin.close()
        told = "" if errors_too else process.stderr.read().decode()
        assert process.wait(60) == code
    assert done.exists()
    assert "BrokenPipe" not in told
    assert errors_too or ("the disk is full" in told) == (code == 1)

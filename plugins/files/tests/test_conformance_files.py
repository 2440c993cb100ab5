"""The whole contract of every component here, over generated files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from codaar_plugin_files.example_files import write_example
from codaar_plugin_files.source import Files

from codaar_core.testing import codaar_checks

generated = TemporaryDirectory()  # goes when the tests end
write_example(Path(generated.name), Files.example["shapes"], clips=80)
Files.example = {**Files.example, "root": generated.name}

test_conformance = codaar_checks("codaar-plugin-files")

"""The whole contract of every component here, over a generated copy of AVE."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from codaar_plugin_ave.ave import Ave
from codaar_plugin_ave.classification import AveClassification
from codaar_plugin_ave.example_files import write_example

from codaar_core.testing import codaar_checks

generated = TemporaryDirectory()  # goes when the tests end
Ave.example = AveClassification.example = {"root": str(write_example(Path(generated.name), clips=(40, 4, 4)))}

test_conformance = codaar_checks("codaar-plugin-ave")

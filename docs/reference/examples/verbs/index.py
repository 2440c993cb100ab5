"""index_entry, sync_index, verify_index

The index of known plug-ins is `registry/plugins.toml`; here an empty one:
"""

import shutil
from pathlib import Path

import tomli

import codaar_core

entry = tomli.loads(codaar_core.index_entry("csa"))
assert entry["plugins"]["codaar-plugin-csa"]["provides"] == ["alignment:csa"]

Path("empty/registry").mkdir(parents=True)
shutil.copy("registry/schema.json", "empty/registry")
Path("empty/registry/plugins.toml").write_text("format = 1\n\n[plugins]\n")
assert codaar_core.sync_index("empty") == Path("empty/registry/plugins.toml")
assert codaar_core.verify_index("empty") == []

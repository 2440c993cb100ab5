"""new_plugin"""

import codaar_core

folder = codaar_core.new_plugin("gentle-pull", kind="alignment")
assert folder.name == "codaar-plugin-gentle-pull"
assert (folder / "tests" / "test_conformance.py").is_file()

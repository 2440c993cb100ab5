"""list_components, inspect, schema, doctor"""

import codaar_core

names = [listed.use for listed in codaar_core.list_components("alignment") if listed.installed]
assert {"csa", "dta"} <= set(names)

found = codaar_core.inspect("alignment:csa", modalities=["audio", "video"])
assert "order" in [setting.name for setting in found.settings]
assert found.closed_forms[0].modalities == ("audio", "video")

assert "quantizer" in codaar_core.schema()["properties"]
assert any(finding.message.startswith("torch") for finding in codaar_core.doctor())

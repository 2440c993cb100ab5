"""atlas

A page that shows what each codeword stands for ([atlas](../atlas.md)); here of the clips of pretraining:
"""

import codaar_core

SMALL = ["run.epochs=1", "data.pretrain=16", "data.batch=8", "quantizer.codes=16", "quantizer.dim=16", "evaluate.on=[]"]
directory = codaar_core.run("recipes/av.toml", overrides=SMALL)
page = codaar_core.atlas(directory, clips=3)
assert page == directory / "atlas.html"
assert "Content-Security-Policy" in page.read_text("utf-8")

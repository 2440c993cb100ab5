"""data_card, data_of, pack_data, pack_benchmark, verify_packed"""

import codaar_core

assert codaar_core.data_card("digits").card.licence
SMALL = ["data.pretrain=16", "data.classification=[20,20]"]
assert codaar_core.data_of("recipes/av.toml", SMALL).found.startswith("16 clips for pretraining")

packed = codaar_core.pack_data("recipes/av.toml", "packed", overrides=SMALL)
assert packed.clips == 16 and codaar_core.verify_packed(packed.path) == 16

files = codaar_core.pack_benchmark("recipes/av.toml", "classification", "packed/classification", overrides=SMALL)
assert "test-audio.h5" in {file.path.name for file in files}

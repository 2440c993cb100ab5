"""encode, search

Codes of the clips of a run, as one HDF5 file ([codes](../codes.md)), and the clips of another modality whose codes
resemble those of a clip ([search](../search.md)):
"""

import h5py

import codaar_core

SMALL = ["run.epochs=1", "data.pretrain=16", "data.batch=8", "quantizer.codes=16", "quantizer.dim=16", "evaluate.on=[]"]
directory = codaar_core.run("recipes/av.toml", overrides=SMALL)
encoded = codaar_core.encode(directory, "codes.h5", extra=["vectors"])
assert encoded.clips == {"video": 16, "audio": 16} and not encoded.bad

model = codaar_core.open_model(directory)
with h5py.File(encoded.path) as file:
    indices, vectors = file["audio/indices"][:], file["audio/vectors"][:]
assert (model.lookup("audio", indices).numpy() == vectors).all()

found = codaar_core.search(directory, encoded.path, "7", source="audio", top=3)
assert [(hit.rank, hit.modality) for hit in found.hits] == [(1, "video"), (2, "video"), (3, "video")]

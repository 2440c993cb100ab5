"""EMA vector quantization: codebooks of one or all modalities, and the losses that go with them."""

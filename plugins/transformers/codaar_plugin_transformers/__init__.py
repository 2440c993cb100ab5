"""Features of any model of the transformers library, and encoders for them."""

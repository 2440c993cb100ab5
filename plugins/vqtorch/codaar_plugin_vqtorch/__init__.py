"""Quantizers of vector-quantize-pytorch: finite scalar, lookup-free and SimVQ; and the entropy loss."""

"""Packed stores: one memory-mapped HDF5 file a split."""

"""FCID: modalities that share time are aligned by second, all modalities by one coarse code per clip."""

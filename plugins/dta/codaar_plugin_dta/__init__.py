"""DTA: each codebook is updated with a mixture of all modalities' latents."""

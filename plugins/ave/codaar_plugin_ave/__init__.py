"""AVE, audio-visual events (Tian et al., ECCV 2018): its feature files and a classification benchmark."""

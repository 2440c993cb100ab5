"""AVT-Digits: handwritten digits, spoken digits and words in ten-second clips, and three benchmarks."""

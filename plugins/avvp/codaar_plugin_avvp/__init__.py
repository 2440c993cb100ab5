"""LLP, the audio-visual video parsing data (AVVP), and two benchmarks on it: within LLP, and from AVE to LLP."""

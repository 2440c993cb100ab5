"""AVSBench-S4: segment the object that sounds, told by the codes of audio or of text."""

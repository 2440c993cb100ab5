"""FileDefect, FileDefects"""

from codaar_core.features import FileDefect, FileDefects

first = FileDefects((FileDefect("malformed row", "clips.csv:7", "dog,"),))
second = FileDefects(tuple(FileDefect("repeated id", f"clips.csv:{line}", "rain") for line in (9, 12)))
assert (first + second).summary == "1 x malformed row, 2 x repeated id"
assert str(first.each[0]) == "clips.csv:7: malformed row (dog,)"

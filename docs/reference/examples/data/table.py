"""read_table, Table, Row, read_lines, read_names, read_text"""

from pathlib import Path

from codaar_core.features import Row, Table, read_lines, read_names, read_table, read_text

Path("clips.csv").write_text("category,video_id\ndog,a1\ncat,b2\ndog,a1\nrain\n")
table: Table = read_table(Path("clips.csv"), columns=["video_id", "category"])
assert table.column("video_id") == ["a1", "b2", "a1"]
first: Row = next(iter(table))
assert first["category"] == "dog" and first.line == 2
assert len(table.without_repeated("video_id")) == 2

Path("classes.txt").write_text("dog\ncat\n")
assert read_names(Path("classes.txt")) == ("dog", "cat")
assert read_lines(Path("classes.txt")) == ["dog", "cat"]
assert read_text(Path("classes.txt")) == "dog\ncat\n"

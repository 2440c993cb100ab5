"""``codaar compare``: the scores of several runs side by side."""

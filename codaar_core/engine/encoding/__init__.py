"""``codaar encode``: clips of a split, a packed file, features or recordings -> a file of codes.

``command`` checks the call and keeps the order; ``sources`` opens the clips; ``clips`` encodes them, a thousand clips
at a time; ``processes`` divides them among processes; ``parts`` keeps what is done; ``assemble`` and ``parquet`` write
the file.
"""

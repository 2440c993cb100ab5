"""The atlas of a model: one self-contained page that shows what each codeword stands for.

``building.atlas`` collects codes, labels, codebooks and predictions of a run; the other modules turn them into plain
values; templates/ contains the page, its style and its script.
"""

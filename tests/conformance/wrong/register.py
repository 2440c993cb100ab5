"""Where wrong components are entered."""

from __future__ import annotations

WRONG: dict[tuple[str, str], list[tuple[type, str]]] = {}


def breaks(kind: str, check: str, message: str):
    """Enter a class for a check of a kind; ``message`` is a part of what must be said."""

    def enter(wrong: type) -> type:
        WRONG.setdefault((kind, check), []).append((wrong, message))
        return wrong

    return enter

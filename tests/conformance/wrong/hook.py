"""Hooks that are never called, or with what they do not expect."""

from __future__ import annotations

from good_components import GoodHook

from codaar_core import api
from wrong.register import breaks


@breaks("hooks-known", "did you mean 'codaar_step_end'?")
class Misspelt(GoodHook):
    """Waits for a call that never comes."""

    @api.hook
    def codaar_step_endd(self):
        return None


@breaks("hooks-known", "takes colour, which are not arguments of this hook")
class WantsTooMuch(GoodHook):
    """Takes what is not given."""

    @api.hook
    def codaar_run_start(self, colour):
        return None


@breaks("hooks-known", "write @hook above each function")
class Unmarked(api.RunHooks):
    """Forgets the mark."""

    def codaar_run_start(self):
        return None

"""RunHooks, hook

A hook component is switched on by `run.hooks`; any object works that is given to `codaar_core.run` in `observers`.
"""

from codaar_core.api import RunHooks, hook


class Totals(RunHooks):
    """Keeps the total loss of every epoch."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.totals = []

    @hook
    def codaar_epoch_end(self, epoch, values):
        self.totals.append(values["total"])


totals = Totals(Totals.Config(), None)
totals.codaar_epoch_end(epoch=0, values={"total": 3.5, "grad_norm": 0.4})
assert totals.totals == [3.5]

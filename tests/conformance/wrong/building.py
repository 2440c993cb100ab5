"""Components that cannot be built or copied."""

from __future__ import annotations

from good_components import GoodAlignment, GoodData, GoodEncoder, GoodHead
from torch import nn

from codaar_core import api
from wrong.register import breaks


@breaks("builds", "call super().__init__(config, context) before anything else")
class ForgotSuper(GoodEncoder):
    """A module whose base was never built."""

    def __init__(self, config, context):
        self.latents = nn.Linear(context.input.width, context.latent.width)


@breaks("builds", "has no attribute config")
class ForgotSuperQuietly(GoodAlignment):
    """No module, so nothing complains."""

    def __init__(self, config, context):
        self.modalities = context.modalities


@breaks("builds", "refuses every toy context")
class Choosy(GoodEncoder):
    """Wants one width."""

    def __init__(self, config, context):
        raise api.ComponentError("wants 4096 wide features", "give it those")


@breaks("builds", "give it an `example` of settings")
class WantsFolder(GoodData):
    """Refuses its own default settings."""

    def __init__(self, config, context):
        super().__init__(config, context)
        raise api.ComponentError("root is not told", "set root")


@breaks("copies", "cannot be copied by pickle")
class Unpicklable(GoodHead):
    """Holds a lambda."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.shift = lambda value: value + 1


@breaks("copies", "differs after deepcopy")
class Forgetful(GoodHead):
    """Starts anew when it is copied."""

    def __deepcopy__(self, memo):
        return type(self)(self.config, api.HeadContext(api.Space((24,)), api.Space((8,)), ("a", "b", "c")))

"""What every component under test has: settings, surroundings that it accepts, and a way to build it anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import attrs
import torch

from codaar_core.api import Component, ComponentError
from codaar_core.testing.check import Violation
from codaar_core.testing.environment.toys import generator_of

S = TypeVar("S", bound="Subject")


@attrs.frozen(slots=False)
class Subject:
    """A component under test, in one of its configurations."""

    kind: str
    name: str
    component: type[Component]
    seed: int = 0
    variant: Mapping[str, Any] = attrs.field(factory=dict, hash=False)  # one of `examples`; empty: `example` alone

    @property
    def title(self) -> str:
        """The component's name for messages."""
        return self.component.__name__

    @property
    def configuration(self) -> str:
        """The settings of the variant in brackets, as they stand in the ids of checks; empty where there are none."""
        return configuration_label(self.variant)

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """Reasons by check; those of one configuration by ``[configuration]:check``."""
        return self.component.expected_failures

    def variants(self: S) -> list[S]:
        """The component in each of its further configurations."""
        return [attrs.evolve(self, variant=variant) for variant in self.component.examples]

    @cached_property
    def config(self) -> Any:
        """Default settings, those of ``example`` and of the variant changed."""
        changed = {**self.component.example, **self.variant}
        try:
            return self.component.Config(**changed)
        except Exception as error:
            attribute = "examples = ({...},)" if self.variant else "example = {...}"
            raise Violation(
                f"{self.title}.Config cannot be made of {changed or 'its defaults'}: {error}",
                f"give {self.title} a class attribute `{attribute}` of valid settings to be checked with",
            ) from error

    def having(self: S, config: Any) -> S:
        """The same component with other settings."""
        other = attrs.evolve(self)
        vars(other)["config"] = config
        return other

    def contexts(self) -> Iterable[Any]:
        """Surroundings to try; the first that the component accepts is taken."""
        return ()

    @cached_property
    def context(self) -> Any:
        """Surroundings that the component accepts."""
        refusals = []
        for context in self.contexts():
            try:
                self.build(context)
            except ComponentError as error:
                refusals.append(error.message)
            else:
                return context
        raise Violation(
            f"{self.title} refuses every toy context: {'; '.join(dict.fromkeys(refusals))}",
            "take widths and modalities from the context, and give it an `example` of settings that suit small widths",
        )

    def build(self, context: Any = None) -> Any:
        """Build it anew: the same component every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.component(self.config, self.context if context is None else context)

    @cached_property
    def sample(self) -> Any:
        """One that is built, to look at; checks that change something build their own."""
        return self.build()

    def generator(self) -> torch.Generator:
        """Fresh, for inputs."""
        return generator_of(self.seed)


def configuration_label(settings: Mapping[str, Any]) -> str:
    """``[parts=2,metric=cosine]``; empty for no settings."""
    return f"[{','.join(f'{name}={_written(value)}' for name, value in settings.items())}]" if settings else ""


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "+".join(map(_written, value)) if isinstance(value, (tuple, list)) else str(value)

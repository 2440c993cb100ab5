"""Data source "stated": the spaces of features without any clips, as the recipe of an exported model has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
from attrs.validators import and_, deep_iterable, ge, min_len, optional

from codaar_core.api import Card, DataContext, DataError, DataSource, Space, Split, setting
from codaar_core.features.clips.random_split import RandomSplit


@attrs.frozen(kw_only=True)
class StatedSpace:
    """Features of one modality."""

    shape: tuple[int, ...] = setting(help="shape of one time step", check=and_(min_len(1), deep_iterable(ge(1))))
    length: int | None = setting(None, "number of time steps, where it is fixed", optional(ge(1)))
    extraction: str = setting("", "name of the extractor, where it is known")


class StatedFeatures(DataSource):
    """Spaces that the recipe itself states, so that a model can be built without its data.

    It has no clips: ``split`` raises a DataError. ``synthetic`` gives random clips of the stated shapes.
    """

    card = Card(
        title="stated features",
        licence="that of the data that the model was trained on",
        how_to_get="a recipe with a data source that has clips, e.g. `codaar list data`",
    )
    example: ClassVar[Mapping[str, Any]] = {
        "spaces": {"one": StatedSpace(shape=(8,)), "two": StatedSpace(shape=(3, 4), length=5, extraction="by-hand")}
    }

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of stated features."""

        spaces: Mapping[str, StatedSpace] = setting(help="features by modality", check=min_len(1))
        title: str = setting("", "name of the data that the model was trained on")
        origin: str = setting("", "their version, and how features were made")
        licence: str = setting("", "their terms of use")
        how_to_get: str = setting("", "how to obtain them")
        homepage: str = setting("", "their web address")

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities or tuple(config.spaces)
        given = {field.name: getattr(config, field.name) for field in attrs.fields(Card)}
        stated = {name: value for name, value in given.items() if value}
        vars(self)["card"] = attrs.evolve(type(self).card, **stated)  # in place of the card of the class

    @property
    def spaces(self) -> Mapping[str, Space]:
        """The stated spaces."""
        return {m: Space(each.shape, each.length) for m, each in self.config.spaces.items()}

    @property
    def extraction(self) -> Mapping[str, str]:
        """The stated extractors."""
        return {m: each.extraction for m, each in self.config.spaces.items() if each.extraction}

    @property
    def origin(self) -> str:
        """The stated origin; without one, the title."""
        return self.config.origin or self.card.title

    def split(self, name: str) -> Split:
        """Refuse: there are no clips.

        Raises:
            DataError: Always.
        """
        raise DataError(
            f"this recipe has no clips of {name!r}: it states only the shapes of {self.card.title}",
            f"give clips of your own, or a recipe with data; to get these data: {self.card.how_to_get}",
        )

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the stated shapes."""
        return RandomSplit({m: each for m, each in self.spaces.items() if m in self.modalities}, clips, seed)

"""Base of extractors that run one network with published weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from torch import nn

from codaar_core.api import Extractor
from codaar_core.nn.published_weights import load_published


class NetworkExtractor(Extractor):
    """Extractor whose setting ``weights`` names the file of a network's published weights.

    Attributes:
        network_type: Class of the network; it has the names and shapes of the published tensors.
        get_it: Where the file comes from; it stands below every error about the file.
        unused: Beginnings of the names of published tensors that the network does not have.
    """

    network_type: ClassVar[type[nn.Module]]
    get_it: ClassVar[str]
    unused: ClassVar[tuple[str, ...]] = ()

    @property
    def weights(self) -> Sequence[Path]:
        """The file that the setting names."""
        return (Path(self.config.weights).expanduser(),)

    def prepare(self) -> None:
        """Read the weights.

        Raises:
            DataError: The file is missing, damaged, or not of this network.
        """
        self.network.eval()

    @cached_property
    def network(self) -> nn.Module:
        """The network on the device of the extractor, frozen; its weights are read on first use."""
        network = self.network_type()
        load_published(network, self.weights[0], self.get_it, self.unused)
        return network.requires_grad_(False).to(self.device)

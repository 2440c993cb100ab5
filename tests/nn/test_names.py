"""Public names of codaar_core.nn."""

from __future__ import annotations

import pytest

from codaar_core import nn


def test_every_public_name_is_there():
    assert all(hasattr(nn, name) for name in nn.__all__)


@pytest.mark.parametrize("name", ["Convolution3x3", "ResidualStack"])
def test_a_moved_name_says_where_to_look(name):
    with pytest.raises(AttributeError, match=f"{name} moved to the plug-in that uses it, see docs/versioning.md"):
        getattr(nn, name)


def test_the_former_name_of_batch_normalisation_still_works():
    with pytest.warns(DeprecationWarning, match="use MaskedBatchNorm"):
        assert nn.MaskedBatchNorm2d is nn.MaskedBatchNorm


def test_an_unknown_name_is_refused_as_usual():
    with pytest.raises(AttributeError, match=r"module 'codaar_core\.nn' has no attribute 'Unknown'"):
        nn.Unknown  # noqa: B018

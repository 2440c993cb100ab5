"""Masks in every form that shows one foreground on black, and pictures that are no masks."""

from __future__ import annotations

import re

import numpy as np
import pytest
from codaar_plugin_avsbench.pictures import read_mask
from PIL import Image

from codaar_core.api import DataError

SHAPE = np.array([[0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.uint8)


def palette(*colours):
    """The shape as indices of a palette."""
    picture = Image.fromarray(SHAPE, "P")
    picture.putpalette([level for colour in colours for level in colour])
    return picture


def coloured(background, foreground):
    """The shape in two colours, with or without alpha."""
    return Image.fromarray(np.where(SHAPE[..., None], np.uint8(foreground), np.uint8(background)))


MASKS = {
    "one bit": Image.fromarray(SHAPE.astype(bool)),
    "0 and 255": Image.fromarray(SHAPE * np.uint8(255)),
    "0 and 1": Image.fromarray(SHAPE),
    "sixteen bits, 0 and 1": Image.fromarray(SHAPE.astype(np.uint16)),
    "sixteen bits, 0 and 65535": Image.fromarray(SHAPE * np.uint16(65_535)),
    "palette of white": palette((0, 0, 0), (255, 255, 255)),
    "palette of dark red": palette((0, 0, 0), (128, 0, 0)),
    "palette of dark gray": palette((0, 0, 0), (9, 9, 9)),
    "colours": coloured((0, 0, 0), (255, 255, 255)),
    "colours, 0 and 1": coloured((0, 0, 0), (1, 1, 1)),
    "red": coloured((0, 0, 0), (255, 0, 0)),
    "opaque": coloured((0, 0, 0, 255), (255, 255, 255, 255)),
    "white on transparent black": coloured((0, 0, 0, 0), (255, 255, 255, 255)),
    "white on transparent white": coloured((255, 255, 255, 0), (255, 255, 255, 255)),
    "gray with alpha": coloured((255, 0), (255, 255)),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_read_as_what_it_shows(tmp_path, name):
    MASKS[name].save(tmp_path / "mask.png")
    read = read_mask(tmp_path / "mask.png", 4)
    assert read.dtype == np.uint8 and np.array_equal(read, SHAPE * 255)


@pytest.mark.parametrize("transparent", [{"transparency": 0}, {"transparency": bytes([0, 255])}])
def test_a_palette_with_transparent_ground(tmp_path, transparent):
    palette((255, 255, 255), (255, 0, 0)).save(tmp_path / "mask.png", **transparent)
    assert np.array_equal(read_mask(tmp_path / "mask.png", 4), SHAPE * 255)


def test_gray_with_a_transparent_level(tmp_path):
    Image.fromarray(np.where(SHAPE, np.uint8(255), np.uint8(7))).save(tmp_path / "mask.png", transparency=7)
    assert np.array_equal(read_mask(tmp_path / "mask.png", 4), SHAPE * 255)


@pytest.mark.parametrize("level", [0, 1, 255])
def test_a_mask_of_one_value(tmp_path, level):
    Image.fromarray(np.full((4, 4), level, np.uint8)).save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png", 4) == (255 if level else 0)).all()


NO_MASKS = {
    "beside black it shows 100$": Image.fromarray(SHAPE * np.uint8(100)),
    "beside black it shows 1, 255$": Image.fromarray(SHAPE * np.arange(1, 256, 254, np.uint8).repeat(2)[:, None]),
    r"beside black it shows 1, 2, 3, 4, 5, \.\.\.$": Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)),
    "beside black it shows #008000, #800000$": palette((0, 128, 0), (128, 0, 0)),
    "beside black it shows 255, #ff0000$": coloured((255, 255, 255), (255, 0, 0)),
    "it has half-transparent pixels$": coloured((0, 0, 0, 0), (255, 255, 255, 128)),
    "it is black and transparent$": coloured((0, 0, 0, 0), (0, 0, 0, 255)),
}


@pytest.mark.parametrize("told", NO_MASKS)
def test_other_pictures_are_refused_by_name(tmp_path, told):
    NO_MASKS[told].save(tmp_path / "mask.png")
    with pytest.raises(DataError) as caught:
        read_mask(tmp_path / "mask.png", 4)
    assert re.search(f"mask.png is no mask: {told}", caught.value.message)

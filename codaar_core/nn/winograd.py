"""3x3 convolutions of small maps with a third of the multiplications (Winograd, 1980), for the CPU.

A row convolved with three taps is a product of polynomials: both are evaluated at a few points, the values multiplied,
and the product's coefficients interpolated. In two dimensions, three outputs on a side take 25 products of channels
instead of 81. The result is the same but for rounding: in float32 about a millionth of the outputs at the paper's
depth, up to five times that of a direct sum.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TAPS = 3
REACH = TAPS - 1
TILE = 3  # outputs computed together; with more of them, the points lie so far apart that float32 suffers
POINTS = (0.0, 0.5, -1.0, 2.0)  # where polynomials are evaluated, beside infinity: exact in binary, little rounding
EVALUATED = 2**25  # bytes of evaluations at a time: what bounds their memory; much less of it costs time
WIDTHS_PER_CELL = 4  # channels for each cell of a map from which products outweigh evaluations: measured


def pays(maps: Tensor, weight: Tensor) -> bool:
    """Whether this is the fastest way to convolve (N, C, H, W): on the CPU, wide channels and small maps."""
    cells = maps.shape[2:].numel()
    return (
        maps.device.type == "cpu"
        and weight.shape[2:] == (TAPS, TAPS)
        and min(weight.shape[:2]) >= WIDTHS_PER_CELL * cells
        and not torch.is_autocast_enabled("cpu")  # evaluation and interpolation need the precision that it drops
    )


@torch.compiler.disable
def convolve(maps: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """``conv2d`` of (N, C, H, W) with weight (O, C, 3, 3), without bias.

    Returns:
        (N, O, H + 2 padding - 2, W + 2 padding - 2), in channels-last memory format.
    """
    height, width = (cells + 2 * padding - REACH for cells in maps.shape[2:])
    map_, kernel, product = _square(height, width, padding)
    out = _Products.apply(_cells_last_but_one(maps), weight, map_, kernel, product, True)
    return out.unflatten(1, (height, width)).permute(0, 3, 1, 2)


@torch.compiler.disable
def convolve_transposed(maps: Tensor, weight: Tensor) -> Tensor:
    """``conv_transpose2d`` of (N, C, H, W) with weight (C, O, 3, 3), without bias.

    Returns:
        (N, O, H + 2, W + 2), in channels-last memory format.
    """
    height, width = maps.shape[2:]
    map_, kernel, product = _square(height, width, padding=0)
    out = _Products.apply(_cells_last_but_one(maps), weight, product.T, kernel, map_.T, False)
    return out.unflatten(1, (height + REACH, width + REACH)).permute(0, 3, 1, 2)


def _cells_last_but_one(maps: Tensor) -> Tensor:
    """(N, C, H, W) as (N, H W, C); a view where the memory format is channels-last."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


class Evaluations(NamedTuple):
    """y = product ((map x) * (kernel w)): the matrices of one convolution, P products of it."""

    map: np.ndarray  # (P, inputs)
    kernel: np.ndarray  # (P, taps)
    product: np.ndarray  # (outputs, P)


@functools.cache
def _square(height: int, width: int, padding: int) -> Evaluations:
    """For maps with (height, width) outputs."""
    rows, columns = _line(height, padding), _line(width, padding)
    return Evaluations(*(np.kron(*pair) for pair in zip(rows, columns, strict=True)))


def _line(outputs: int, padding: int) -> Evaluations:
    """For ``outputs`` in a row, tile by tile; the zeros of the padding are no inputs."""
    tiles = [TILE] * (outputs // TILE) + [outputs % TILE] * (outputs % TILE > 0)
    inputs, products = outputs + REACH, outputs + REACH * len(tiles)
    map_, kernel, product = np.zeros((products, inputs)), np.zeros((products, TAPS)), np.zeros((outputs, products))
    output = row = 0
    for tile in tiles:
        points = tile + REACH
        rows = slice(row, row + points)
        map_[rows, output : output + points] = np.linalg.inv(_evaluation(points, tile)).T
        kernel[rows] = _evaluation(TAPS, tile)
        product[output : output + tile, rows] = _evaluation(tile, tile).T
        output, row = output + tile, rows.stop
    return Evaluations(map_[:, padding : inputs - padding], kernel, product)


def _evaluation(coefficients: int, tile: int) -> np.ndarray:
    """Of a polynomial, at as many points as a product of this tile has coefficients; the last point is infinity."""
    finite = np.vander(POINTS[: tile + REACH - 1], coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


class _Products(torch.autograd.Function):
    """A bilinear map of (N, inputs, C) and a weight to (N, outputs, O); keeps no evaluation for its gradient."""

    @staticmethod
    def forward(ctx, maps, weight, map_, kernel, product, outputs_first):
        ctx.save_for_backward(maps, weight)
        ctx.evaluations, ctx.outputs_first = Evaluations(map_, kernel, product), outputs_first
        channels = weight.shape[0 if outputs_first else 1]
        out = maps.new_zeros(len(maps), len(product), channels)
        for group in _groups(ctx.evaluations, maps, weight):
            products = torch.bmm(_evaluate(group.map, maps), _taps(weight, group, outputs_first))
            _accumulate(out, group.product, products)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        maps, weight = ctx.saved_tensors
        of_maps = torch.zeros_like(maps) if ctx.needs_input_grad[0] else None
        of_taps = weight.new_zeros(TAPS**2, weight.shape[:2].numel()) if ctx.needs_input_grad[1] else None
        for group in _groups(ctx.evaluations, maps, weight):
            products = _evaluate(group.product.T, gradient)
            if of_maps is not None:
                taps = _taps(weight, group, not ctx.outputs_first)
                _accumulate(of_maps, group.map.T, torch.bmm(products, taps))
                del taps
            if of_taps is not None:
                values = _evaluate(group.map, maps)
                one, other = (products, values) if ctx.outputs_first else (values, products)
                of_taps.addmm_(group.kernel.T, torch.bmm(one.transpose(1, 2), other).flatten(1))
        of_weight = None if of_taps is None else of_taps.T.reshape(weight.shape)
        return of_maps, of_weight, None, None, None, None


class _Group(NamedTuple):
    """Some of the products: the rows of ``Evaluations`` that make them."""

    map: Tensor
    kernel: Tensor
    product: Tensor


def _groups(evaluations: Evaluations, maps: Tensor, weight: Tensor) -> Iterator[_Group]:
    largest = max(weight.shape[:2].numel(), len(maps) * max(weight.shape[:2]))
    number = max(1, EVALUATED // (largest * maps.element_size()))
    map_, kernel, product = (torch.as_tensor(matrix).to(maps) for matrix in evaluations)
    return map(_Group, map_.split(number), kernel.split(number), product.split(number, dim=1))


def _evaluate(matrix: Tensor, maps: Tensor) -> Tensor:
    """Matrix (P, I) times (N, I, C), as (P, N, C); unlike ``matmul``, copies no maps."""
    return torch.bmm(matrix.expand(len(maps), -1, -1), maps).transpose(0, 1)


def _taps(weight: Tensor, group: _Group, swapped: bool) -> Tensor:
    """(P, C, O), or (P, O, C)."""
    taps = (group.kernel @ weight.flatten(2).flatten(0, 1).T).unflatten(1, weight.shape[:2])
    return taps.transpose(1, 2) if swapped else taps


def _accumulate(into: Tensor, matrix: Tensor, products: Tensor) -> None:
    """Add matrix (I, P) times (P, N, C) to (N, I, C), in place."""
    into.baddbmm_(matrix.expand(len(into), -1, -1), products.transpose(0, 1))

"""3x3 convolutions of small maps with a third of the multiplications (Winograd, 1980), for the CPU.

A row convolved with three taps is a product of polynomials: both are evaluated at a few points, the values multiplied,
and the product's coefficients interpolated. In two dimensions, 3x3 outputs take 25 products of channels instead of 81.
The result equals that of a direct sum up to rounding: in float32 the error is about 1e-6 of the outputs at the paper's
depth, up to five times that of a direct sum. Under autocast only the products are in the narrow type, and each factor
is rounded once: in bfloat16 the error is 1 % of the outputs, where a direct sum has 0.3 %.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TAPS = 3
REACH = TAPS - 1
TILE = 3  # outputs computed together; larger tiles need points so far apart that float32 loses precision
POINTS = (0.0, 0.5, -1.0, 2.0)  # evaluation points, besides infinity: exact in binary, small rounding errors
EVALUATED = 2**25  # bytes of evaluations at a time: bounds the memory; much smaller values are slower
WIDTHS_PER_CELL = 4  # channels per cell of a map from which this is faster than a direct sum: measured


def pays(maps: Tensor, weight: Tensor) -> bool:
    """Whether this is the fastest way to convolve (N, C, H, W): on the CPU, with many channels and small maps.

    Compiled models take torch's own convolution: ``torch.compiler.disable`` would import the compiler, which costs
    every command that loads this plug-in 1.7 s.
    """
    cells = maps.shape[2:].numel()
    return (
        maps.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and weight.shape[2:] == (TAPS, TAPS)
        and min(weight.shape[:2]) >= WIDTHS_PER_CELL * cells
    )


def convolve(maps: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """``conv2d`` of (N, C, H, W) with weight (O, C, 3, 3), without bias.

    Returns:
        (N, O, H + 2 padding - 2, W + 2 padding - 2), in channels-last memory format.
    """
    height, width = (cells + 2 * padding - REACH for cells in maps.shape[2:])
    return _Products.apply(_narrow(maps), weight, _square(height, width, padding), (height, width), True)


def convolve_transposed(maps: Tensor, weight: Tensor) -> Tensor:
    """``conv_transpose2d`` of (N, C, H, W) with weight (C, O, 3, 3), without bias.

    Returns:
        (N, O, H + 2, W + 2), in channels-last memory format.
    """
    height, width = maps.shape[2:]
    map_, kernel, product = _square(height, width, padding=0)
    turned = Evaluations(product.T, kernel, map_.T)
    return _Products.apply(_narrow(maps), weight, turned, (height + REACH, width + REACH), False)


def _narrow(maps: Tensor) -> Tensor:
    """Convert to the type that autocast multiplies in, if it is on."""
    return maps.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else maps


class Evaluations(NamedTuple):
    """Matrices of one convolution with P products: y = product ((map x) * (kernel w)).

    ``map`` and ``product`` are exact in every narrow type; factors that are not sums of few powers of two are in
    ``kernel``.
    """

    map: np.ndarray  # (P, inputs)
    kernel: np.ndarray  # (P, taps)
    product: np.ndarray  # (outputs, P)


@functools.cache
def _square(height: int, width: int, padding: int) -> Evaluations:
    """Matrices for maps with (height, width) outputs."""
    rows, columns = _line(height, padding), _line(width, padding)
    return Evaluations(*(np.kron(*pair) for pair in zip(rows, columns, strict=True)))


def _line(outputs: int, padding: int) -> Evaluations:
    """Matrices for ``outputs`` in a row, tile by tile; zeros of the padding are not inputs."""
    tiles = [TILE] * (outputs // TILE) + [outputs % TILE] * (outputs % TILE > 0)
    inputs, products = outputs + REACH, outputs + REACH * len(tiles)
    map_, kernel, product = np.zeros((products, inputs)), np.zeros((products, TAPS)), np.zeros((outputs, products))
    output = row = 0
    for tile in tiles:
        points = POINTS[: tile + REACH - 1]
        rows = slice(row, row + tile + REACH)
        map_[rows, output : output + tile + REACH] = _polynomials(points)
        kernel[rows] = _evaluation(points, TAPS) / _at_their_points(points)
        product[output : output + tile, rows] = _evaluation(points, tile).T
        output, row = output + tile, rows.stop
    return Evaluations(map_[:, padding : inputs - padding], kernel, product)


def _evaluation(points: tuple[float, ...], coefficients: int) -> np.ndarray:
    """Matrix that evaluates a polynomial at the points and at infinity."""
    return np.vstack([np.vander(points, coefficients, increasing=True), np.eye(coefficients)[-1]])


def _polynomials(points: tuple[float, ...]) -> np.ndarray:
    """Coefficients of the polynomials that vanish at all points but one; the last vanishes at all points."""
    zeros = [*(_but(points, point) for point in points), points]
    each = [np.poly(roots)[::-1] for roots in zeros]
    return np.stack([np.pad(one, (0, len(points) + 1 - len(one))) for one in each])


def _at_their_points(points: tuple[float, ...]) -> np.ndarray:
    """Column of the values of these polynomials where they do not vanish; at infinity the leading coefficient, 1."""
    return np.array([[np.prod([point - other for other in _but(points, point)])] for point in points] + [[1.0]])


def _but(points: tuple[float, ...], one: float) -> list[float]:
    return [point for point in points if point != one]


class _Products(torch.autograd.Function):
    """Bilinear map of (N, C, *cells) and a weight to (N, O, *size); the backward pass recomputes the evaluations.

    Sums are in the precision of the weight, products in that of the maps.
    """

    @staticmethod
    def forward(ctx, maps, weight, evaluations, size, outputs_first):
        ctx.save_for_backward(maps, weight)
        ctx.evaluations, ctx.outputs_first = evaluations, outputs_first
        out = _zeros(weight, (len(maps), weight.shape[0 if outputs_first else 1], *size))
        scratch, cells = _Scratch(), _by_cell(maps)
        with torch.autocast("cpu", enabled=False):
            for group in _groups(evaluations, maps, weight):
                values = scratch.evaluate("values", group.map, cells)
                taps = scratch.taps(weight, group.kernel, outputs_first, maps.dtype)
                scratch.accumulate(_by_cell(out), group.product, scratch.multiply("products", values, taps))
        return out.to(maps.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        maps, weight = ctx.saved_tensors
        of_maps = _zeros(weight, maps.shape) if ctx.needs_input_grad[0] else None
        of_taps = weight.new_zeros(TAPS**2, weight.shape[:2].numel()) if ctx.needs_input_grad[1] else None
        scratch, cells, gradient = _Scratch(), _by_cell(maps), _by_cell(gradient)
        for group in _groups(ctx.evaluations, maps, weight):
            products = scratch.evaluate("products", group.product.T, gradient)
            if of_maps is not None:
                taps = scratch.taps(weight, group.kernel, not ctx.outputs_first, maps.dtype)
                scratch.accumulate(_by_cell(of_maps), group.map.T, scratch.multiply("values", products, taps))
            if of_taps is not None:
                values = scratch.evaluate("values", group.map, cells)
                one, other = (products, values) if ctx.outputs_first else (values, products)
                taps = scratch.multiply("taps", one.transpose(1, 2), other).flatten(1)
                of_taps.addmm_(group.kernel.T, scratch.in_type(weight.dtype, taps))
        of_weight = None if of_taps is None else of_taps.T.reshape(weight.shape)
        return None if of_maps is None else of_maps.to(maps.dtype), of_weight, None, None, None


def _zeros(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Maps (N, C, H, W) in channels-last memory format."""
    return torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last).zero_()


def _by_cell(maps: Tensor) -> Tensor:
    """(N, C, H, W) as (N, H W, C); a view where the memory format is channels-last."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


class _Group(NamedTuple):
    """Some of the products: their rows of ``Evaluations``."""

    map: Tensor
    kernel: Tensor
    product: Tensor


def _groups(evaluations: Evaluations, maps: Tensor, weight: Tensor) -> Iterator[_Group]:
    largest = max(weight.shape[:2].numel(), len(maps) * max(weight.shape[:2]))
    number = max(1, EVALUATED // (largest * weight.element_size()))
    map_, kernel, product = (torch.as_tensor(matrix).to(weight) for matrix in evaluations)
    return map(_Group, map_.split(number), kernel.split(number), product.split(number, dim=1))


class _Scratch:
    """Operations on a group, in memory that all groups reuse: allocating new pages costs more than writing to them."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[str, torch.dtype], Tensor] = {}

    def block(self, name: str, dtype: torch.dtype, *shape: int) -> Tensor:
        """An uninitialised tensor; it overwrites the earlier one of that name and type."""
        size, key = math.prod(shape), (name, dtype)
        if key not in self.blocks or len(self.blocks[key]) < size:
            self.blocks[key] = torch.empty(size, dtype=dtype)
        return self.blocks[key][:size].view(shape)

    def in_type(self, dtype: torch.dtype, tensor: Tensor) -> Tensor:
        """The tensor itself, or a copy converted to ``dtype``."""
        return tensor if tensor.dtype == dtype else self.block("copy", dtype, *tensor.shape).copy_(tensor)

    def evaluate(self, name: str, matrix: Tensor, maps: Tensor) -> Tensor:
        """Matrix (P, I) times (N, I, C), as (P, N, C) in the type of the maps, which are not copied as by ``matmul``.

        The memory layout is (N, P, C), except in narrow types, whose products would copy any other layout than
        (P, N, C).
        """
        number, products, channels = len(maps), len(matrix), maps.shape[2]
        if matrix.dtype == maps.dtype:
            out = self.block(name, maps.dtype, number, products, channels)
        else:
            out = self.block(name, maps.dtype, products, number, channels).transpose(0, 1)
        return torch.bmm(matrix.to(maps.dtype).expand(number, -1, -1), maps, out=out).transpose(0, 1)

    def taps(self, weight: Tensor, kernel: Tensor, swapped: bool, dtype: torch.dtype) -> Tensor:
        """Evaluated weights (P, C, O), or (P, O, C) if ``swapped``."""
        out = self.block("taps", weight.dtype, len(kernel), weight.shape[:2].numel())
        taps = self.in_type(dtype, torch.mm(kernel, weight.flatten(2).flatten(0, 1).T, out=out))
        taps = taps.unflatten(1, weight.shape[:2])
        return taps.transpose(1, 2) if swapped else taps

    def multiply(self, name: str, one: Tensor, other: Tensor) -> Tensor:
        """Multiply (P, A, B) by (P, B, C)."""
        return torch.bmm(one, other, out=self.block(name, one.dtype, len(one), one.shape[1], other.shape[2]))

    def accumulate(self, into: Tensor, matrix: Tensor, products: Tensor) -> None:
        """Add matrix (I, P) times (P, N, C) to (N, I, C), in place, in its precision."""
        products = self.in_type(into.dtype, products).transpose(0, 1)
        into.baddbmm_(matrix.expand(len(into), -1, -1), products)

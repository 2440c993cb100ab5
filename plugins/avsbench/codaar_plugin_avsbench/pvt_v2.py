"""Pyramid Vision Transformer v2 (Wang et al., arXiv 2106.13797), with the parameter names of its published weights."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional as F


@attrs.frozen(kw_only=True)
class PvtSize:
    """Sizes of the four stages."""

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    expansions: tuple[int, int, int, int]  # width factors of the feed-forward layers
    reductions: tuple[int, int, int, int]  # factor by which keys and values are coarser in each direction
    drop_path: float = 0.1  # drop rate of the last block; it grows linearly from zero


B5 = PvtSize(
    widths=(64, 128, 320, 512),
    depths=(3, 6, 40, 3),
    heads=(1, 2, 5, 8),
    expansions=(4, 4, 4, 4),
    reductions=(8, 4, 2, 1),
)


class PatchEmbedding(nn.Module):
    """Overlapping patches -> vectors, on a coarser grid."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, width, kernel, stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, H / stride, W / stride, width)."""
        return self.norm(self.proj(maps).movedim(1, -1))


class Attention(nn.Module):
    """Multi-head attention whose keys and values come from a coarser grid."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.sr = nn.Conv2d(width, width, reduction, stride=reduction) if reduction > 1 else None
        self.norm = nn.LayerNorm(width) if reduction > 1 else None

    def forward(self, grid: Tensor) -> Tensor:
        """Keep the shape (N, H, W, width)."""
        coarse = grid if self.sr is None else self.norm(self.sr(grid.movedim(-1, 1)).movedim(1, -1))
        queries = self._by_head(self.q(grid))
        keys, values = map(self._by_head, self.kv(coarse).chunk(2, dim=-1))
        answers = F.scaled_dot_product_attention(queries, keys, values)
        return self.proj(answers.transpose(1, 2).reshape(grid.shape))

    def _by_head(self, grid: Tensor) -> Tensor:
        """(N, H, W, width) -> (N, heads, H * W, width / heads)."""
        return grid.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2)


class DepthwiseConvolution(nn.Module):
    """A 3x3 convolution of each channel by itself; its zero padding tells the network where a patch is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, grid: Tensor) -> Tensor:
        """Keep the shape (N, H, W, width)."""
        return self.dwconv(grid.movedim(-1, 1)).movedim(1, -1)


class FeedForward(nn.Module):
    """Two linear layers a patch, a depth-wise convolution between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.dwconv = DepthwiseConvolution(hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, grid: Tensor) -> Tensor:
        """Keep the shape (N, H, W, width)."""
        return self.fc2(F.gelu(self.dwconv(self.fc1(grid))))


class Block(nn.Module):
    """Attention and feed-forward, each left out of some pictures in training (stochastic depth)."""

    def __init__(self, width: int, heads: int, expansion: int, reduction: int, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = FeedForward(width, expansion * width)

    def forward(self, grid: Tensor) -> Tensor:
        """Keep the shape (N, H, W, width)."""
        grid = grid + self._kept(self.attn(self.norm1(grid)))
        return grid + self._kept(self.mlp(self.norm2(grid)))

    def _kept(self, branch: Tensor) -> Tensor:
        if not self.training or not self.drop_path:
            return branch
        keep = 1 - self.drop_path
        return branch * branch.new_empty(len(branch), 1, 1, 1).bernoulli_(keep) / keep


class PvtV2(nn.Module):
    """Pictures -> maps of four stages, at 1/4, 1/8, 1/16 and 1/32 of the resolution."""

    def __init__(self, size: PvtSize = B5) -> None:
        super().__init__()
        self.widths = size.widths
        rates = torch.linspace(0, size.drop_path, sum(size.depths), device="cpu").split(size.depths)
        for stage, width in enumerate(size.widths):
            inputs, kernel, stride = (size.widths[stage - 1], 3, 2) if stage else (3, 7, 4)
            sizes = width, size.heads[stage], size.expansions[stage], size.reductions[stage]
            self.add_module(f"patch_embed{stage + 1}", PatchEmbedding(inputs, width, kernel, stride))
            self.add_module(f"block{stage + 1}", nn.ModuleList(Block(*sizes, rate) for rate in rates[stage].tolist()))
            self.add_module(f"norm{stage + 1}", nn.LayerNorm(width, eps=1e-6))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Turn (N, 3, H, W) into four maps (N, width, h, w)."""
        maps = [pictures]
        for stage in range(1, 5):
            grid = self.get_submodule(f"patch_embed{stage}")(maps[-1])
            for block in self.get_submodule(f"block{stage}"):
                grid = block(grid)
            maps.append(self.get_submodule(f"norm{stage}")(grid).movedim(-1, 1))
        return maps[1:]

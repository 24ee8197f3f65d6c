"""A small vision transformer as an encoder, in plain modules that every runtime converts.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021 (arXiv:2010.11929); the tensors are those of
`torchvision.models.VisionTransformer`.
"""

from typing import cast

import torch
from torch import nn
from torch.nn import functional

PATCH = 16
PRETRAINED_GRID = 14  # patches a side of the pictures that the weights were trained on
PRETRAINED_MLP_CHANNELS = 12 * (768,)  # of the twelve blocks of size tiny
TORCHVISION_BLOCK = "encoder.layers.encoder_layer_"
TORCHVISION_NAMES = {
    "conv_proj.weight": "patches.weight",
    "conv_proj.bias": "patches.bias",
    "class_token": "class_token",
    "encoder.ln.weight": "norm.weight",
    "encoder.ln.bias": "norm.bias",
}
TORCHVISION_BLOCK_NAMES = {
    "in_proj_": "in_proj.",
    "mlp.3.": "mlp.2.",  # torchvision has a dropout between the two linear layers
    "mlp.linear_1.": "mlp.0.",
    "mlp.linear_2.": "mlp.2.",
}


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Each query's mean of the values, weighed by the softmax of its products with the keys: all (N, heads, T, C).

    torch's fused kernel saves memory, which is what a GPU wants; in bfloat16 on a CPU two matrix products and a softmax
    take half of its time, forward and backward (train/LOG.md). Exports are in float32 and keep the one operator.
    """
    if query.dtype == torch.bfloat16 and query.device.type == "cpu":
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        return weights.softmax(dim=-1) @ value
    return functional.scaled_dot_product_attention(query, key, value)


class Attention(nn.Module):
    """Multi-head self-attention over tokens (N, T, C)."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        _, count, channels = tokens.shape
        heads = self.in_proj(tokens).reshape(-1, count, 3, self.num_heads, channels // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(query, key, value)
        return self.out_proj(mixed.transpose(1, 2).reshape(-1, count, channels))


class Perceptron(nn.Sequential):
    """Two linear layers with a GELU between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    @property
    def first(self) -> nn.Linear:
        """From the channels to the neurons."""
        return cast(nn.Linear, self[0])

    @property
    def last(self) -> nn.Linear:
        """From the neurons to the channels."""
        return cast(nn.Linear, self[2])


class Block(nn.Module):
    """Attention and a perceptron, each after a layer norm and beside a shortcut."""

    def __init__(self, channels: int, num_heads: int, mlp_channels: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(channels, eps=1e-6)
        self.self_attention = Attention(channels, num_heads)
        self.ln_2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = Perceptron(channels, mlp_channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.self_attention(self.ln_1(tokens))
        return tokens + self.mlp(self.ln_2(tokens))


class VisionTransformer(nn.Module):
    """Features at stride 16 of a picture whose sides are multiples of 16.

    Args:
        channels: of the tokens.
        num_heads: of the attention.
        mlp_channels: width of each block's perceptron; as many blocks as widths.
    """

    def __init__(
        self, channels: int = 192, num_heads: int = 3, mlp_channels: tuple[int, ...] = PRETRAINED_MLP_CHANNELS
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, channels, PATCH, PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.class_position = nn.Parameter(torch.zeros(1, 1, channels))
        self.positions = nn.Parameter(torch.zeros(1, channels, PRETRAINED_GRID, PRETRAINED_GRID))
        self.blocks = nn.Sequential(*(Block(channels, num_heads, width) for width in mlp_channels))
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    @property
    def block_list(self) -> list[Block]:
        """The blocks, in order."""
        return [cast(Block, block) for block in self.blocks]

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        """The tokens before the first block: float32 (N, 1 + H / 16 * W / 16, channels), the class token first."""
        patches = self.patches(pixels)
        positions = functional.interpolate(self.positions, size=patches.shape[2:], mode="bilinear", align_corners=False)
        tokens = (patches + positions).flatten(2).transpose(1, 2)
        first = (self.class_token + self.class_position).expand(tokens.shape[0], -1, -1)
        return torch.cat([first, tokens], dim=1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """float32 (N, 3, H, W), normalised, to float32 (N, channels, H / 16, W / 16)."""
        tokens = self.norm(self.blocks(self.embed(pixels)))[:, 1:]
        height, width = (side // PATCH for side in pixels.shape[2:])
        return tokens.transpose(1, 2).reshape(-1, tokens.shape[2], height, width)


def from_torchvision(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of torchvision's `VisionTransformer` under the names of this one, its classifier left out."""
    renamed = {TORCHVISION_NAMES[key]: value for key, value in state.items() if key in TORCHVISION_NAMES}
    positions = state.get("encoder.pos_embedding")
    if positions is not None and positions.shape[1] == 1 + PRETRAINED_GRID**2:
        renamed["class_position"] = positions[:, :1]
        renamed["positions"] = positions[:, 1:].transpose(1, 2).unflatten(2, (PRETRAINED_GRID, PRETRAINED_GRID))
    for key, value in state.items():
        if key.startswith(TORCHVISION_BLOCK):
            name = key.removeprefix(TORCHVISION_BLOCK)
            for theirs, ours in TORCHVISION_BLOCK_NAMES.items():
                name = name.replace(theirs, ours)
            renamed[f"blocks.{name}"] = value
    return renamed

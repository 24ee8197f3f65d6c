"""How pixels are scaled, inside the network, so that no runtime needs to know."""

import torch
from torch import nn

# Mean and standard deviation of pixels in 0..255, RGB. `imagenet` is torchvision's, `symmetric` maps 0..255 to -1..1,
# as TensorFlow's networks expect.
NORMALIZATIONS = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "symmetric": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
}


class Normalize(nn.Module):
    """uint8 (N, H, W, 3) RGB to float32 (N, 3, H, W) with the mean and deviation that the encoder's weights expect."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        mean, std = NORMALIZATIONS[name]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return (batch.permute(0, 3, 1, 2).to(torch.float32) - self.mean) / self.std

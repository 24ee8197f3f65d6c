"""`python -m train` with one more network: small, and without weights whose gradient is nothing but rounding.

The tests of several processes start it: `python -m tests.train.tiny_network fit --network tiny ...`.
"""

import sys

import torch
from torch import nn
from torch.nn import functional

from train import networks
from train.__main__ import main
from train.networks.fastsegnet_cnn import conv_bn_relu
from train.networks.normalization import Normalize


class TinyNetwork(nn.Module):
    """Two convolutions with batch norm, dropout and a head, at stride 4."""

    def __init__(self, num_classes: int = 4, normalization: str = "imagenet") -> None:
        super().__init__()
        self.normalize = Normalize(normalization)
        self.encoder = nn.Sequential(conv_bn_relu(3, 8, 3), conv_bn_relu(8, 8, 3))
        self.head = nn.Sequential(nn.Dropout2d(0.5), nn.Conv2d(8, num_classes, 1))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = functional.avg_pool2d(self.normalize(batch), 4)
        return functional.interpolate(self.head(self.encoder(features)), scale_factor=4.0, mode="bilinear")


networks.NETWORKS["tiny"] = TinyNetwork

if __name__ == "__main__":
    sys.exit(main())

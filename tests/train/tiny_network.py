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

CHANNELS = 32


class TinyNetwork(nn.Module):
    """Three convolutions with batch norm, dropout and a head, at stride 4; parts are named as in the real ones."""

    def __init__(self, num_classes: int = 4, normalization: str = "imagenet") -> None:
        super().__init__()
        self.normalize = Normalize(normalization)
        self.encoder = nn.Sequential(conv_bn_relu(3, CHANNELS, 3), conv_bn_relu(CHANNELS, CHANNELS, 3))
        self.segmentation_head = nn.Sequential(
            conv_bn_relu(CHANNELS, CHANNELS, 3), nn.Dropout2d(0.5), nn.Conv2d(CHANNELS, num_classes, 1)
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = functional.avg_pool2d(self.normalize(batch), 4)
        logits = self.segmentation_head(self.encoder(features))
        return functional.interpolate(logits, scale_factor=4.0, mode="bilinear")


networks.NETWORKS["tiny"] = TinyNetwork

if __name__ == "__main__":
    sys.exit(main())

"""FastSegNet with a vision transformer for what the picture shows, and inverted residuals for where its edges are.

    batch uint8 (N, H, W, 3)
      -> normalisation
      -> transformer: features at stride 16, every place aware of every other
      -> encoder: the first inverted residuals of MobileNetV2, features at strides 2, 4 and 8
      -> attention refinement at stride 16
      -> feature fusion at strides 8, 4 and 2
      -> segmentation head at stride 2, four logits a class, one for each pixel of its 2 x 2 block
      -> logits float32 (N, num_classes, H, W)

Most errors far from a pet's outline are chairs, blankets and shadows taken for a pet; seeing the whole picture at once
is what avoids them (train/LOG.md).

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021 (arXiv:2010.11929), its size "tiny" (Touvron et
al., "DeiT", ICML 2021, arXiv:2012.12877); the rest as in train/networks/fastsegnet_cnn.py.
"""

from itertools import pairwise

import torch
from torch import nn
from torchvision.models import mobilenet_v2

from train.networks.fastsegnet_cnn import (
    AttentionRefinement,
    FeatureFusion,
    PixelShuffle,
    conv_bn_relu,
    feature_pyramid,
)
from train.networks.normalization import Normalize
from train.networks.vision_transformer import VisionTransformer

TRANSFORMER_CHANNELS = 192
# The pretrained transformer has twelve blocks of 768. The small network has seven of the large one's nine, and of their
# perceptrons what `python -m train narrow` found to matter.
LARGE_MLP_CHANNELS = 9 * (768,)
SMALL_MLP_CHANNELS = (416, 416, 416, 384, 384, 352, 224)
# Indices into torchvision's `mobilenet_v2().features`: the last block at strides 2, 4 and 8, and its channels.
ENCODER_TAPS = {2: (1, 16), 4: (3, 24), 8: (6, 32)}


class FastSegNet(nn.Module):
    """The network from pixels to logits.

    Args:
        num_classes: channels of the logits.
        normalization: how pixels are scaled, a name known to `train.networks.normalization`.
        mlp_channels: width of the perceptron of each of the transformer's blocks.
        deep_channels: width of the decoder at stride 16.
        fusion_channels: widths of the decoder at strides 8, 4 and 2.
        dropout: share of the head's channels dropped in training.
    """

    def __init__(
        self,
        num_classes: int = 4,
        normalization: str = "symmetric",
        mlp_channels: tuple[int, ...] = LARGE_MLP_CHANNELS,
        deep_channels: int = 128,
        fusion_channels: tuple[int, int, int] = (64, 48, 32),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.normalize = Normalize(normalization)
        self.transformer = VisionTransformer(TRANSFORMER_CHANNELS, num_heads=3, mlp_channels=mlp_channels)
        self.encoder = mobilenet_v2(weights=None).features[: ENCODER_TAPS[8][0] + 1]
        self.refine16 = AttentionRefinement(TRANSFORMER_CHANNELS, deep_channels, kernel_size=1)
        widths = pairwise((deep_channels, *fusion_channels))
        self.fuse8, self.fuse4, self.fuse2 = (
            FeatureFusion(ENCODER_TAPS[stride][1], coarse, width)
            for stride, (coarse, width) in zip((8, 4, 2), widths, strict=True)
        )
        width2 = fusion_channels[-1]
        self.segmentation_head = nn.Sequential(
            conv_bn_relu(width2, width2, 3),
            nn.Dropout2d(dropout),
            nn.Conv2d(width2, num_classes * 2**2, 1),
            PixelShuffle(num_classes, 2),
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel.

        Args:
            batch: uint8 (N, H, W, 3) RGB; H and W are multiples of 32.

        Returns:
            float32 (N, num_classes, H, W).
        """
        pixels = self.normalize(batch)
        pyramid = feature_pyramid(self.encoder, pixels, ENCODER_TAPS)
        fused = self.refine16(self.transformer(pixels))
        for stride, fuse in ((8, self.fuse8), (4, self.fuse4), (2, self.fuse2)):
            fused = fuse(pyramid[stride], fused)
        return self.segmentation_head(fused)

"""FastSegNet: inverted residuals, attention refinement and feature fusion, for real-time segmentation.

    batch uint8 (N, H, W, 3)
      -> normalisation
      -> encoder: the inverted residuals of MobileNetV2, features at strides 4, 8, 16 and 32
      -> attention refinement at strides 32 and 16, global context added to the deepest
      -> feature fusion at strides 8 and 4
      -> segmentation head at stride 4, sixteen logits a class, one for each pixel of its 4 x 4 block
      -> logits float32 (N, num_classes, H, W)

The decoder is made of dense 3x3 convolutions at few channels: in INT8 they are the cheapest arithmetic a CPU has,
while depthwise ones gain little.

Source: the encoder is Sandler et al., "MobileNetV2", CVPR 2018 (arXiv:1801.04381), as torchvision builds it; the
attention refinement and feature fusion modules are those of Yu et al., "BiSeNet", ECCV 2018 (arXiv:1808.00897).

The head's sub-pixel convolution is Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016
(arXiv:1609.05158): it learns the fine edge that bilinear upsampling blurs, at less than half of its time in INT8.
"""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenet_v2

from train.networks.normalization import Normalize

STRIDE = 32
HEAD_STRIDE = 4  # of the features that the head turns into logits
# Indices into torchvision's `mobilenet_v2().features`: the last block at strides 4, 8, 16 and 32, and its channels.
ENCODER_TAPS = {4: (3, 24), 8: (6, 32), 16: (13, 96), 32: (17, 320)}


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """A convolution that keeps height and width, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def upsample(features: torch.Tensor, factor: int) -> torch.Tensor:
    """Bilinear upsampling by a whole factor, pixel centres aligned (`align_corners=False`)."""
    return functional.interpolate(features, scale_factor=float(factor), mode="bilinear", align_corners=False)


def feature_pyramid(
    encoder: nn.Sequential, features: torch.Tensor, taps: dict[int, tuple[int, int]]
) -> dict[int, torch.Tensor]:
    """Features by stride: float32 (N, channels, H / stride, W / stride).

    Args:
        encoder: its blocks, run one after another.
        features: what the first block takes.
        taps: index of the block whose features are kept, and their channels, by stride.
    """
    strides = {index: stride for stride, (index, _) in taps.items()}
    pyramid = {}
    for index, block in enumerate(encoder):
        features = block(features)
        if index in strides:
            pyramid[strides[index]] = features
    return pyramid


class GlobalAveragePool(nn.Module):
    """The mean of each channel over the picture: (N, C, H, W) to (N, C, 1, 1).

    Written as a mean, which exports as one reduction; `AdaptiveAvgPool2d` becomes a chain of views in some runtimes.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.mean(dim=(2, 3), keepdim=True)


class PixelShuffle(nn.Module):
    """Channels to pixels: (N, C * r * r, H, W) to (N, C, H * r, W * r), as `nn.PixelShuffle`.

    Written with fixed sizes, all but the batch: `nn.PixelShuffle` exports as arithmetic on shapes, after which a
    runtime no longer knows how many channels come out.
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.channels = channels
        self.factor = factor

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        height, width = features.shape[2:]
        blocks = features.reshape(-1, self.channels, self.factor, self.factor, height, width)
        return blocks.permute(0, 1, 4, 2, 5, 3).reshape(-1, self.channels, height * self.factor, width * self.factor)


class AttentionRefinement(nn.Module):
    """Weighs each channel by a gate computed from the whole picture (BiSeNet, figure 2b)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.conv = conv_bn_relu(in_channels, out_channels, kernel_size)
        self.gate = nn.Sequential(GlobalAveragePool(), nn.Conv2d(out_channels, out_channels, 1), nn.Sigmoid())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = self.conv(features)
        return features * self.gate(features)


class FeatureFusion(nn.Module):
    """Joins fine features of the encoder with coarser ones of the decoder, then refines by attention (figure 2c)."""

    def __init__(self, fine_channels: int, coarse_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv_bn_relu(fine_channels + coarse_channels, out_channels, 3)
        self.gate = nn.Sequential(
            GlobalAveragePool(),
            nn.Conv2d(out_channels, out_channels // 4, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels // 4, out_channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        features = self.conv(torch.cat([fine, upsample(coarse, 2)], dim=1))
        return features + features * self.gate(features)


class FastSegNetCNN(nn.Module):
    """The network from pixels to logits.

    Args:
        num_classes: channels of the logits.
        normalization: how pixels are scaled, a name known to `train.networks.normalization`.
        deep_channels: width of the decoder at strides 32 and 16.
        fusion_channels: widths of the decoder at strides 8 and 4.
        dropout: share of the head's channels dropped in training.
    """

    def __init__(
        self,
        num_classes: int = 4,
        normalization: str = "imagenet",
        deep_channels: int = 96,
        fusion_channels: tuple[int, int] = (64, 48),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        width8, width4 = fusion_channels
        self.normalize = Normalize(normalization)
        self.encoder = mobilenet_v2(weights=None).features[: ENCODER_TAPS[32][0] + 1]
        self.refine32 = AttentionRefinement(ENCODER_TAPS[32][1], deep_channels)
        self.context = nn.Sequential(
            GlobalAveragePool(), nn.Conv2d(ENCODER_TAPS[32][1], deep_channels, 1), nn.ReLU(inplace=True)
        )
        self.refine16 = AttentionRefinement(ENCODER_TAPS[16][1], deep_channels)
        self.fuse8 = FeatureFusion(ENCODER_TAPS[8][1], deep_channels, width8)
        self.fuse4 = FeatureFusion(ENCODER_TAPS[4][1], width8, width4)
        self.segmentation_head = nn.Sequential(
            conv_bn_relu(width4, width4, 3),
            nn.Dropout2d(dropout),
            nn.Conv2d(width4, num_classes * HEAD_STRIDE**2, 1),
            PixelShuffle(num_classes, HEAD_STRIDE),
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel.

        Args:
            batch: uint8 (N, H, W, 3) RGB; H and W are multiples of 32.

        Returns:
            float32 (N, num_classes, H, W).
        """
        pyramid = feature_pyramid(self.encoder, self.normalize(batch), ENCODER_TAPS)
        deep = self.refine32(pyramid[32]) + self.context(pyramid[32])
        deep = self.refine16(pyramid[16]) + upsample(deep, 2)
        fused = self.fuse8(pyramid[8], deep)
        fused = self.fuse4(pyramid[4], fused)
        return self.segmentation_head(fused)

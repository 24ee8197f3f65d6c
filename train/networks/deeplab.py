"""DeepLab v3 on MobileNetV2, with the 21 classes of Pascal VOC, as TensorFlow published it: a teacher.

    batch uint8 (N, S, S, 3), S one more than a multiple of 16
      -> pixels / 127.5 - 1
      -> the inverted residuals of MobileNetV2 to stride 16; where stride 32 would begin, dilation takes its place
      -> the mean of the whole picture beside a 1x1 convolution, projected
      -> logits float32 (N, 21, (S - 1) / 16 + 1, (S - 1) / 16 + 1), whose corners are the picture's corners

Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017 (arXiv:1706.05587), with the
small head of Sandler et al., "MobileNetV2", CVPR 2018 (arXiv:1801.04381), section 6.3.
"""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenet_v2

from train.networks.normalization import Normalize

STRIDE = 16
BLOCKS = 18  # of torchvision's `mobilenet_v2().features`: all but the last convolution
UNSTRIDED = 14  # the block that would go to stride 32; those after it are dilated instead
NUM_CLASSES = 21
CAT, DOG = 8, 12  # of Pascal VOC


class DeepLab(nn.Module):
    """The network from pixels to logits at stride 16; its tensors are called as in `deeplabv3_mobilenet_v2_voc.pth`."""

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize("symmetric")
        self.f = mobilenet_v2(weights=None).features[:BLOCKS]
        for index in range(UNSTRIDED, BLOCKS):
            for layer in self.f[index].modules():
                if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                    dilation = 1 if index == UNSTRIDED else 2
                    layer.stride, layer.dilation, layer.padding = (1, 1), (dilation, dilation), (dilation, dilation)
        self.pool = nn.Conv2d(320, 256, 1)
        self.a0 = nn.Conv2d(320, 256, 1)
        self.proj = nn.Conv2d(512, 256, 1)
        self.cls = nn.Conv2d(256, NUM_CLASSES, 1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = self.f(self.normalize(batch))
        whole = functional.relu(self.pool(features.mean(dim=(2, 3), keepdim=True))).expand(-1, -1, *features.shape[2:])
        joined = torch.cat([whole, functional.relu(self.a0(features))], dim=1)
        return self.cls(functional.relu(self.proj(joined)))


def pet_probabilities(logits: torch.Tensor, side: int) -> torch.Tensor:
    """Background, cat and dog, where all of VOC's other classes are background, at the picture's size.

    Args:
        logits: float32 (N, 21, h, w), whose corners are the picture's.
        side: of the picture, px.

    Returns:
        float32 (N, 3, side, side), which sum to 1.

    Example:
        21 equal logits give 19/21, 1/21 and 1/21.
    """
    others = [index for index in range(NUM_CLASSES) if index not in (CAT, DOG)]
    merged = torch.stack([logits[:, others].logsumexp(dim=1), logits[:, CAT], logits[:, DOG]], dim=1)
    return functional.interpolate(merged, (side, side), mode="bilinear", align_corners=True).softmax(dim=1)

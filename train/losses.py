"""What training minimises.

Cross entropy names every pixel; the Lovász hinge beside it is a bound on the intersection over union itself, which is
what a mask is judged by, and weighs a small pet as much as one that fills the frame.
"""

import torch
from torch.nn import functional

LOVASZ_STRIDE = 2  # every second pixel of every second row: the loss is the same within noise at a quarter of the sort


def segmentation_loss(logits: torch.Tensor, target: torch.Tensor, lovasz_share: float) -> torch.Tensor:
    """Cross entropy of the classes plus `lovasz_share` times the Lovász hinge of "not background".

    Args:
        logits: float32 (N, num_classes, H, W).
        target: int64 (N, H, W), class ids; 0 is the background.
        lovasz_share: 0 leaves cross entropy alone.
    """
    loss = functional.cross_entropy(logits, target)
    if lovasz_share:
        thin = (..., slice(None, None, LOVASZ_STRIDE), slice(None, None, LOVASZ_STRIDE))
        thinned = logits[thin]
        log_odds = torch.logsumexp(thinned[:, 1:], dim=1) - thinned[:, 0]
        loss = loss + lovasz_share * lovasz_hinge(log_odds, target[thin] > 0)
    return loss


def lovasz_hinge(log_odds: torch.Tensor, is_object: torch.Tensor) -> torch.Tensor:
    """The mean over pictures of the Lovász extension of 1 - IoU, at the pixels' hinge losses.

    Args:
        log_odds: float32 (N, H, W), positive where an object is predicted.
        is_object: bool (N, H, W).

    Source: Berman, Triki, Blaschko, "The Lovász-Softmax loss", CVPR 2018 (arXiv:1705.08790), algorithm 1.

    Example:
        Every pixel right by a margin of 1 or more gives 0.
    """
    log_odds, is_object = log_odds.flatten(1), is_object.flatten(1)
    errors = 1 - log_odds * (is_object.float() * 2 - 1)
    errors, order = errors.sort(dim=1, descending=True)
    found = is_object.gather(1, order).float()
    total = found.sum(dim=1, keepdim=True)
    intersection = total - found.cumsum(dim=1)
    union = total + (1 - found).cumsum(dim=1)
    jaccard = 1 - intersection / union
    gradient = torch.cat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], dim=1)
    return (functional.relu(errors) * gradient).sum(dim=1).mean()

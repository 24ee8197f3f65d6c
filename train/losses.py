"""What training minimises: a loss of every pixel, and beside it losses of the whole mask and of a teacher.

The pixel loss is cross entropy, which names every pixel; it can weigh rare classes (class balance), dwell on what is
not yet learnt (focal) and leave out what is (OHEM), one or all of them. Beside it stand two bounds on the overlap of
masks, which is what a mask is judged by and weighs a small pet as much as one that fills the frame: the Lovász hinge
and soft Dice; and a loss of the species along borders, which their annotation leaves open. With a teacher, a share of
it all is to answer as the teacher does.

Every part is a mean over the pixels or over the pictures of a batch, and nothing is divided by what only the whole
batch knows. So the loss of a batch is the mean of the losses of its halves, and several processes that average their
gradients minimise what one process does.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from train.augment import BORDER

LOVASZ_STRIDE = 2  # every second pixel of every second row: the loss is the same within noise at a quarter of the sort
DICE_SMOOTH = 1.0  # pixels: a class that is neither there nor predicted costs nothing
NEAR = 4  # px: the side of the cells on which the pets beside a border pixel are looked for
TINY = 1e-6  # a probability of 0 has no logarithm


@dataclass(frozen=True)
class SegmentationLoss:
    """The loss of a batch, by its parts.

    Attributes:
        lovasz: share of the Lovász hinge of "not background" beside the pixel loss.
        dice: share of soft Dice beside the pixel loss.
        focal: exponent of the focal loss; 0 is plain cross entropy.
        border_species: share of `species_at_borders` beside the pixel loss.
        ohem: share of each picture's pixels, the hardest, that the pixel loss is the mean of; 1 is all of them.
        class_weights: float32 (num_classes,), factors of the pixel loss by annotated class; None for 1.
        teacher_share: what part of the loss is `distillation`, where there is a teacher.
        temperature: of `distillation`.

    Example:
        `SegmentationLoss(lovasz=0)` of four equal logits is log 4, whatever the target.
    """

    lovasz: float = 0.5
    dice: float = 0.0
    focal: float = 0.0
    border_species: float = 0.0
    ohem: float = 1.0
    class_weights: torch.Tensor | None = None
    teacher_share: float = 0.5
    temperature: float = 1.0

    def __call__(self, logits: torch.Tensor, target: torch.Tensor, taught: torch.Tensor | None = None) -> torch.Tensor:
        """The mean loss of the batch.

        Args:
            logits: float32 (N, num_classes, H, W).
            target: int64 (N, H, W), class ids; 0 is the background.
            taught: float32 (N, K, H, W), what a teacher answers: see `distillation`.
        """
        loss = self.pixel_loss(logits, target)
        if self.lovasz:
            thin = (..., slice(None, None, LOVASZ_STRIDE), slice(None, None, LOVASZ_STRIDE))
            thinned = logits[thin]
            log_odds = torch.logsumexp(thinned[:, 1:], dim=1) - thinned[:, 0]
            loss = loss + self.lovasz * lovasz_hinge(log_odds, target[thin] > 0)
        if self.dice:
            loss = loss + self.dice * soft_dice(logits, target)
        if self.border_species:
            loss = loss + self.border_species * species_at_borders(logits, target)
        if taught is not None:
            learnt = distillation(logits, taught, target, self.temperature)
            loss = (1 - self.teacher_share) * loss + self.teacher_share * learnt
        return loss

    def pixel_loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cross entropy, weighed and thinned out as the attributes say."""
        if not self.focal and self.ohem == 1 and self.class_weights is None:
            return functional.cross_entropy(logits, target)
        losses = functional.cross_entropy(logits, target, reduction="none")
        if self.focal:
            losses = focus(losses, self.focal)
        if self.class_weights is not None:
            losses = losses * self.class_weights.to(losses.device)[target]
        return hardest(losses, self.ohem).mean()


def focus(cross_entropy: torch.Tensor, gamma: float) -> torch.Tensor:
    """The focal loss, (1 - p) ** gamma * -log p, from -log p of the right class: float32 of the same shape.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017 (arXiv:1708.02002), equation 4.

    Example:
        p = 1/4 and gamma = 2: (3/4) ** 2 * log 4.
    """
    doubt = -torch.expm1(-cross_entropy)
    # At p = 1 the slope of a root is infinite, where a gamma below 1 takes one.
    return doubt.clamp_min(TINY) ** gamma * cross_entropy


def hardest(losses: torch.Tensor, share: float) -> torch.Tensor:
    """The largest losses of each picture, `share` of its pixels but one at least: (N, pixels) from (N, H, W).

    By picture, not by batch: a batch split over processes has the same ones.

    Source: Shrivastava, Gupta, Girshick, "Training Region-based Object Detectors with Online Hard Example Mining",
    CVPR 2016 (arXiv:1604.03540), on pixels instead of regions.

    Example:
        Losses 4, 1, 3, 2 and a share of 0.5 give 4 and 3.
    """
    losses = losses.flatten(1)
    if share == 1:
        return losses
    return losses.topk(max(1, round(share * losses.shape[1])), dim=1, sorted=False).values


def balanced_weights(counts: torch.Tensor, power: float) -> torch.Tensor:
    """Factors that weigh rare classes up: frequency ** -power, scaled so that a training pixel weighs 1 on average.

    Args:
        counts: int64 (num_classes,), pixels of each class in the training masks. A class without any weighs 0.
        power: 0 leaves all at 1; with 1 all classes weigh the same in sum.

    Returns:
        float32 (num_classes,).

    Example:
        Counts 3 and 1 with power 1: frequencies 3/4 and 1/4, their inverses 4/3 and 4, whose mean over pixels is
        3/4 * 4/3 + 1/4 * 4 = 2: the weights are 2/3 and 2.
    """
    frequencies = counts.double() / counts.sum()
    weights = torch.where(counts > 0, frequencies**-power, 0.0)
    return (weights / (frequencies * weights).sum()).float()


def species_at_borders(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Which pet an annotated border belongs to: -log p(its species | a pet), the mean over all pixels.

    The annotation names a border without a species, so cross entropy teaches nothing about cats and dogs there, where
    a mask still has to call every pixel one or the other. A border pixel is of the species that is annotated within
    `NEAR` to three times `NEAR` pixels of it; with both there, or neither, it adds nothing, as all other pixels do.

    Args:
        logits: float32 (N, num_classes, H, W) of background, cat, dog and border; H and W are multiples of `NEAR`.
        target: int64 (N, H, W), class ids.

    Example:
        Equal logits, and a border that is a quarter of a picture and lies at a cat: log 2 / 4.
    """
    pets = torch.stack([target == 1, target == 2], dim=1)
    cells = functional.max_pool2d(pets.to(logits.dtype), NEAR)
    near = functional.max_pool2d(cells, 5, stride=1, padding=2)
    cat, dog = functional.interpolate(near, scale_factor=NEAR, mode="nearest").bool().unbind(dim=1)
    losses = functional.cross_entropy(logits[:, 1:3], dog.long(), reduction="none")
    return (losses * ((target == BORDER) & (cat ^ dog))).mean()


def soft_dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - 2 * sum(p g) / (sum(p ** 2) + sum(g ** 2)), the mean over classes and pictures.

    p are the probabilities of a class over a picture and g is 1 where it is annotated. To both sums `DICE_SMOOTH` is
    added.

    Args:
        logits: float32 (N, num_classes, H, W).
        target: int64 (N, H, W), class ids.

    Source: Milletari, Navab, Ahmadi, "V-Net", 3DV 2016 (arXiv:1606.04797), section 3.

    Example:
        A picture whose classes are all predicted with certainty gives 0.
    """
    probabilities = logits.softmax(dim=1)
    annotated = functional.one_hot(target, logits.shape[1]).movedim(-1, 1)
    overlap = (probabilities * annotated).sum(dim=(2, 3))
    total = (probabilities**2).sum(dim=(2, 3)) + annotated.sum(dim=(2, 3))
    return (1 - (2 * overlap + DICE_SMOOTH) / (total + DICE_SMOOTH)).mean()


def distillation(logits: torch.Tensor, taught: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far the student's answers are from the teacher's: the Kullback-Leibler divergence at a temperature.

    Both distributions are softened, p ** (1 / T) made to sum to 1, and the divergence is multiplied by T ** 2, so that
    its gradients keep their size. A teacher of the first K classes only says nothing of the others: the student's
    first K are compared, made to sum to 1, where the annotation is one of these; other pixels add nothing. It is the
    mean over all pixels.

    Args:
        logits: float32 (N, num_classes, H, W), the student's.
        taught: float32 (N, K, H, W), the teacher's probabilities of the first K classes, which sum to 1.
        target: int64 (N, H, W), class ids.
        temperature: 1 leaves the probabilities as they are.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531), section 2.

    Example:
        A student of equal logits and a teacher sure of one of K = 4 classes at temperature 1: log 4.
    """
    known = taught.shape[1]
    student = torch.log_softmax(logits[:, :known] / temperature, dim=1)
    teacher = torch.log_softmax(taught.clamp_min(TINY).log() / temperature, dim=1)
    divergence = functional.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
    return temperature**2 * (divergence * (target < known)).mean()


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

"""What a training picture goes through: pets as Oxford shows them, and pets as people meet them.

A photo of the dataset holds one pet that fills its frame; a user's photo may hold several, small ones, or none. So a
part of the training pictures are scenes, composed from several photos:

    single     one photo, scaled by 0.3 to 1.7, mirrored into the room that is left, or with a plain colour there
    collage    two to four photos side by side
    paste      one to four pets cut out of their photos, on another photo or on a ground without pets
    ground     a ground without pets: a rectangle of a photo that its annotation calls background

Copying pets is Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", CVPR
2021; collages are the mosaics of Bochkovskiy et al., "YOLOv4", 2020 (arXiv:2004.10934).

An image is uint8 (H, W, 3) RGB, a mask uint8 (H, W) of class ids: 0 background, 1 cat, 2 dog, 3 border.
"""

from collections.abc import Callable

import cv2
import numpy as np

Labelled = tuple[np.ndarray, np.ndarray]
"""An image and its mask."""

KINDS = {"single": 0.60, "collage": 0.12, "paste": 0.23, "ground": 0.05}
SCALES = (0.3, 1.7)  # of a single photo, relative to the frame
PLAIN_SHARE = 0.2  # of single photos with a plain colour around them, where they do not fill the frame
GROUND_SCALES = (0.5, 1.2)  # of a rectangle without pets, relative to the frame
PASTED_SIDES = (0.15, 0.75)  # of a pasted pet's longer side, relative to the frame
GROUND_GRID = 32  # cells a side on which a rectangle without pets is searched
GROUND_SHARE = 0.3  # of the photo's side that such a rectangle has at least
BACKGROUND, BORDER = 0, 3
LUMA = np.array([0.299, 0.587, 0.114])  # what red, green and blue weigh in grey (ITU-R BT.601)


class Augmenter:
    """Draws training pictures; two calls with equal random generators give the same picture.

    Args:
        pick: draws a photo of the training set with its mask.
        size: side of what is drawn, px.
        kinds: probability of each kind of picture.
    """

    def __init__(
        self, pick: Callable[[np.random.Generator], Labelled], size: int, kinds: dict[str, float] | None = None
    ) -> None:
        self.pick = pick
        self.size = size
        self.kinds = kinds or KINDS

    def __call__(self, photo: Labelled, rng: np.random.Generator) -> Labelled:
        """A training picture around `photo`: image uint8 (S, S, 3), mask uint8 (S, S)."""
        image, mask = self.compose(photo, rng)
        if rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        return photometric(np.ascontiguousarray(image), rng), np.ascontiguousarray(mask)

    def compose(self, photo: Labelled, rng: np.random.Generator) -> Labelled:
        """The picture before colours are touched."""
        kind = rng.choice(list(self.kinds), p=list(self.kinds.values()))
        size_hw = (self.size, self.size)
        if kind == "collage":
            return self._collage(photo, rng)
        if kind == "paste":
            canvas = self._ground(rng) if rng.random() < 0.6 else jitter_scale(*photo, size_hw, rng)
            image, mask = (part.copy() for part in canvas)
            for number in range(rng.integers(1, 5)):
                paste(image, mask, *(photo if number == 0 else self.pick(rng)), rng)
            return image, mask
        if kind == "ground":
            return self._ground(rng)
        color = rng.integers(0, 256, 3) if rng.random() < PLAIN_SHARE else None
        return jitter_scale(*photo, size_hw, rng, color=color)

    def _collage(self, photo: Labelled, rng: np.random.Generator) -> Labelled:
        size = self.size
        image, mask = np.empty((size, size, 3), np.uint8), np.empty((size, size), np.uint8)
        rows, columns = [(1, 2), (2, 1), (2, 2)][rng.integers(3)]
        bottoms = edges(rows, size, rng)
        rights = edges(columns, size, rng)
        first = True
        for top, bottom in zip([0, *bottoms], bottoms, strict=False):
            for left, right in zip([0, *rights], rights, strict=False):
                tile = photo if first else self.pick(rng)
                first = False
                where = np.s_[top:bottom, left:right]
                image[where], mask[where] = jitter_scale(*tile, (bottom - top, right - left), rng, (0.8, 1.5))
        return image, mask

    def _ground(self, rng: np.random.Generator) -> Labelled:
        """A ground without pets."""
        for _ in range(6):
            image, mask = self.pick(rng)
            rectangle = empty_rectangle(mask)
            if rectangle is not None:
                top, bottom, left, right = rectangle
                ground = image[top:bottom, left:right]
                empty = np.zeros(ground.shape[:2], np.uint8)
                return jitter_scale(ground, empty, (self.size, self.size), rng, GROUND_SCALES)
        color = rng.integers(0, 256, 3, dtype=np.uint8)
        return np.full((self.size, self.size, 3), color), np.zeros((self.size, self.size), np.uint8)


def edges(parts: int, size: int, rng: np.random.Generator) -> list[int]:
    """Where the tiles of a collage end along one side."""
    return [size] if parts == 1 else [int(size * rng.uniform(0.35, 0.65)), size]


def jitter_scale(
    image: np.ndarray,
    mask: np.ndarray,
    size_hw: tuple[int, int],
    rng: np.random.Generator,
    scales: tuple[float, float] = SCALES,
    color: np.ndarray | None = None,
) -> Labelled:
    """The photo scaled, its shape changed a little, and cropped; mirrored into the room that zooming out leaves.

    Mirrored with its annotation: smaller pets, several to a picture. With a `color`, three numbers from 0 to 255, that
    is what fills the room instead: one small pet, as on a screenshot with bars.
    """
    height, width = size_hw
    scale, stretch = rng.uniform(*scales), np.exp(rng.uniform(-0.2, 0.2))
    scaled_h = max(8, round(height * scale * stretch))
    scaled_w = max(8, round(width * scale / stretch))
    image, mask = resize(image, mask, (scaled_h, scaled_w))
    top, left = (int(rng.integers(0, max(0, room) + 1)) for room in (scaled_h - height, scaled_w - width))
    image, mask = image[top : top + height, left : left + width], mask[top : top + height, left : left + width]
    missing_h, missing_w = height - mask.shape[0], width - mask.shape[1]
    if missing_h > 0 or missing_w > 0:
        above, before = int(rng.integers(0, missing_h + 1)), int(rng.integers(0, missing_w + 1))
        sides = (above, missing_h - above, before, missing_w - before)
        kind = cv2.BORDER_REFLECT if color is None else cv2.BORDER_CONSTANT
        image = cv2.copyMakeBorder(image, *sides, kind, value=() if color is None else color.tolist())
        mask = cv2.copyMakeBorder(mask, *sides, kind, value=BACKGROUND)
    return image, mask


def resize(image: np.ndarray, mask: np.ndarray, size_hw: tuple[int, int]) -> Labelled:
    """Both at another size: the image smoothly, the mask by its nearest label.

    `INTER_NEAREST_EXACT` takes the label at the pixel's centre; `INTER_NEAREST` would shift the mask by half a pixel.
    """
    shrinks = size_hw[0] < image.shape[0]
    image = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return image, cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def paste(
    image: np.ndarray, mask: np.ndarray, donor: np.ndarray, donor_mask: np.ndarray, rng: np.random.Generator
) -> None:
    """Lays the donor's pet over `image` and its annotation over `mask`, both changed in place.

    The annotated border takes half of either picture, softly, and stays a border.
    """
    left, top, width, height = cv2.boundingRect((donor_mask > BACKGROUND).view(np.uint8))
    if not width:
        return
    pet, labels = (part[top : top + height, left : left + width] for part in (donor, donor_mask))
    size = mask.shape[0]
    scale = log_uniform(*PASTED_SIDES, rng) * size / max(labels.shape)
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    height, width = max(4, round(labels.shape[0] * scale * stretch)), max(4, round(labels.shape[1] * scale / stretch))
    pet, labels = resize(pet, labels, (height, width))
    if rng.random() < 0.5:
        pet, labels = pet[:, ::-1], labels[:, ::-1]
    # Up to a third of the pet may lie outside the frame.
    top = int(rng.integers(-height // 3, max(1, size - 2 * height // 3)))
    left = int(rng.integers(-width // 3, max(1, size - 2 * width // 3)))
    inside = np.s_[max(0, top) : min(size, top + height), max(0, left) : min(size, left + width)]
    shown = np.s_[
        max(0, -top) : max(0, -top) + inside[0].stop - inside[0].start,
        max(0, -left) : max(0, -left) + inside[1].stop - inside[1].start,
    ]
    pet, labels = pet[shown], labels[shown]
    if not labels.size:
        return
    hard = np.where(labels == BACKGROUND, 0.0, np.where(labels == BORDER, 0.5, 1.0)).astype(np.float32)
    opacity = cv2.GaussianBlur(hard, (0, 0), max(0.6, size / 300))[..., None]
    image[inside] = np.rint(image[inside] * (1 - opacity) + pet * opacity).astype(np.uint8)
    mask[inside] = np.where(labels == BACKGROUND, mask[inside], labels)


def empty_rectangle(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """The largest rectangle without a pet: top, bottom, left, right in px, or None where all are small.

    Searched on a coarse grid: the rectangles that end in a row stand under the histogram of the empty cells above it,
    and each is found where the histogram falls below its height.
    """
    cells = cv2.resize((mask > BACKGROUND).astype(np.float32), (GROUND_GRID, GROUND_GRID), interpolation=cv2.INTER_AREA)
    least = round(GROUND_GRID * GROUND_SHARE)
    heights = [0] * GROUND_GRID
    best, area = None, 0
    for row, is_empty in enumerate((cells == 0).tolist()):
        heights = [height + 1 if empty else 0 for height, empty in zip(heights, is_empty, strict=True)]
        rising: list[tuple[int, int]] = []  # the column from which on there is a height, ever greater ones
        for column, height in enumerate([*heights, 0]):
            first = column
            while rising and rising[-1][1] >= height:
                first, low = rising.pop()
                width = column - first
                if width >= least and low >= least and width * low > area:
                    best, area = (row + 1 - low, row + 1, first, column), width * low
            rising.append((first, height))
    if best is None:
        return None
    cell_h, cell_w = mask.shape[0] / GROUND_GRID, mask.shape[1] / GROUND_GRID
    top, bottom, left, right = best
    return round(top * cell_h), round(bottom * cell_h), round(left * cell_w), round(right * cell_w)


def photometric(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, colour, grey, blur, JPEG blocks and noise, each now and then."""
    if rng.random() < 0.7:
        brightness = log_uniform(0.5, 2.0, rng)
        contrast, saturation = rng.uniform(0.6, 1.4, 2)
        tint = rng.uniform(0.92, 1.08, 3)
        factors = (brightness * tint)[:, None]
        mean = float(LUMA @ cv2.mean(image)[:3])
        colors = factors * contrast * (saturation * np.eye(3) + (1 - saturation) * LUMA)
        image = cv2.transform(image, np.hstack([colors, factors * mean * (1 - contrast)]))
    if rng.random() < 0.05:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), log_uniform(0.3, 4.0, rng))
    if rng.random() < 0.15:
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(8, 80))])
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    if rng.random() < 0.1:
        noise = rng.normal(0, log_uniform(2, 45, rng), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """A number from `low` to `high`, as often below their geometric mean as above it."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))

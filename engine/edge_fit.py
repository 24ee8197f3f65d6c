"""Where the edge runs around strokes "pet" and "not pet": GrabCut near them, what is far from them as it was.

A stroke "pet" only ever adds and "not pet" only ever takes away, and what turns hangs together with the stroke.

Source: Rother, Kolmogorov, Blake, "GrabCut", ACM TOG 23 (2004); OpenCV's `grabCut`.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from engine.drawing import Box, box_of

UNTOUCHED, PET, NOT_PET = 0, 1, 2  # the values of strokes

# How far around a stroke its edge is looked for: from the middle of the brush's line times this, within bounds that are
# shares of the longer side. Strokes drawn on 94 photos through what fastsegnet misses or takes too much: mean IoU .784
# before, .849 with the strokes alone, .912 / .917 / .915 with reaches of 1.4 / 1.8 / 3.5.
REACH = 1.8
REACH_BOUNDS = (0.012, 0.08)
SEEDED = 0.5  # share of that reach within which the first guess is the stroke's own answer: .916 to .917
CONTEXT = 0.06  # of the longer side: the margin around all this whose colours are learnt too
WINDOWS = 6  # more places than this are taken for one
WINDOW_AREA = 80_000  # px that GrabCut is given, all windows together: a fifth of a second
EPSILON = 40.0  # of the guided filter behind it: a variance, grey levels of 255 squared
CRUMB = 0.15  # of what strokes turned: smaller pieces that are cut off by it turn as well: .917 to .919


def fit(image: np.ndarray, is_pet: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Where there is pet once the strokes are heeded: bool (h, w).

    Args:
        image: uint8 (h, w, 3) RGB.
        is_pet: bool (h, w), the answer so far.
        drawn: uint8 (h, w), the strokes.
    """
    to_pet, to_ground = nearness(drawn == PET), nearness(drawn == NOT_PET)
    may_turn = (drawn == UNTOUCHED) & np.where(is_pet, to_ground < 1, to_pet < 1)
    guess = np.where(is_pet, np.uint8(cv2.GC_FGD), np.uint8(cv2.GC_BGD))
    seeded = np.where(is_pet, to_ground, to_pet) < SEEDED
    guess[may_turn] = np.where(is_pet ^ seeded, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))[may_turn]
    guess[drawn == PET], guess[drawn == NOT_PET] = cv2.GC_FGD, cv2.GC_BGD
    found = is_pet.copy()
    for box, scale in windows((to_pet < 1) | (to_ground < 1)):
        found[box] = grab(image[box], guess[box], scale)
    new = np.where(may_turn, found, is_pet)
    new[drawn == PET], new[drawn == NOT_PET] = True, False
    for kind in (PET, NOT_PET):
        turned = ((new != is_pet) & (new == (kind == PET))) | (drawn == kind)
        loose = turned & ~touching(turned, drawn == kind)
        new[loose] = is_pet[loose]
        left = left_over(turned & ~loose, new == (kind == NOT_PET), (drawn != kind) & (drawn != UNTOUCHED))
        new[left] = kind == PET
    return new


def nearness(stroke: np.ndarray) -> np.ndarray:
    """How far each pixel is from a stroke, as a share of that stroke's reach: float32 (h, w); 0 under it.

    Args:
        stroke: bool (h, w).
    """
    if not stroke.any():
        return np.full(stroke.shape, np.inf, np.float32)
    away, labels = cv2.distanceTransformWithLabels((~stroke).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    # The picture's frame is an edge as well: a stroke along it is as wide as it looks.
    inside = cv2.distanceTransform(np.pad(stroke, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    half_widths = np.zeros(labels.max() + 1, np.float32)
    np.maximum.at(half_widths, labels[stroke], inside[stroke])
    low, high = (bound * max(stroke.shape) for bound in REACH_BOUNDS)
    return away / np.clip(REACH * half_widths, low, high)[labels]


def windows(band: np.ndarray) -> Iterator[tuple[Box, float]]:
    """The parts of a picture that an edge is looked for in, and the scale at which: boxes with some context.

    Args:
        band: bool (h, w).
    """
    count, labels = cv2.connectedComponents(band.view(np.uint8))
    parts = [labels == label for label in range(1, count)] if count - 1 <= WINDOWS else [band]
    boxes = [box_of(part.view(np.uint8), round(CONTEXT * max(band.shape))) for part in parts]
    area = sum((rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in filter(None, boxes))
    for box in filter(None, boxes):
        yield box, min(1.0, (WINDOW_AREA / area) ** 0.5)


def grab(image: np.ndarray, guess: np.ndarray, scale: float) -> np.ndarray:
    """Where GrabCut sees pet: bool (h, w).

    Args:
        image: uint8 (h, w, 3) RGB.
        guess: uint8 (h, w), of OpenCV's `GC_BGD`, `GC_FGD`, `GC_PR_BGD` and `GC_PR_FGD`.
        scale: at which it looks, up to 1; the edge is then fitted to the pixels by a guided filter.
    """
    size = (max(1, round(guess.shape[1] * scale)), max(1, round(guess.shape[0] * scale)))
    found = cv2.resize(guess, size, interpolation=cv2.INTER_NEAREST)
    if says_pet(found).all() or not says_pet(found).any():
        return says_pet(guess)
    cv2.setRNGSeed(0)  # its colours are clustered from a random start: the same strokes give the same answer
    seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    colors = np.zeros((1, 65)), np.zeros((1, 65))  # of ground and pet, for it to fill
    cv2.grabCut(seen, found, (0, 0, 0, 0), *colors, 1, cv2.GC_INIT_WITH_MASK)
    share = cv2.resize(says_pet(found).astype(np.float32), guess.shape[::-1])
    if scale < 1:
        share = cv2.ximgproc.guidedFilter(image, share, round(2 / scale), EPSILON)
    return share > 0.5


def says_pet(guess: np.ndarray) -> np.ndarray:
    """Where GrabCut's labels are the sure or the probable foreground: bool (h, w)."""
    return (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)


def touching(where: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The pieces of a region that hold a seed: bool (h, w), from two of that shape."""
    count, labels = cv2.connectedComponents(where.view(np.uint8))
    holds = np.zeros(count, bool)
    holds[labels[seeds]] = True
    holds[0] = False
    return holds[labels]


def left_over(turned: np.ndarray, others: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """What a stroke left behind beside what it turned, too small to be meant: bool (h, w).

    Args:
        turned: bool (h, w), what became one answer.
        others: bool (h, w), what has the other.
        kept: bool (h, w), strokes that say so.
    """
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(others.view(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < CRUMB * np.count_nonzero(turned)
    beside = np.zeros(len(stats), bool)
    beside[pieces[cv2.dilate(turned.view(np.uint8), np.ones((3, 3), np.uint8)) > 0]] = True
    small[0] = False
    small[pieces[kept]] = False
    return (small & beside)[pieces]

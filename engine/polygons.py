"""The outline of a mask as polygons, along the edges of its pixels.

A pixel at column x, row y is the square from (x, y) to (x + 1, y + 1), as in COCO's annotations and in SVG. OpenCV's
contours run through the centres of pixels instead, half a pixel inside; so the edges are followed here.
"""

from dataclasses import dataclass

import cv2
import numpy as np

TOLERANCE = 0.75  # px by which a simplified outline may leave the pixels' edges
ROUGHER = 2000  # of a large picture: its longer side over this, px


@dataclass(frozen=True)
class Part:
    """One connected piece of a mask.

    Attributes:
        outer: float64 (n, 2), x and y in px of the picture, clockwise as seen on a screen; not closed.
        holes: likewise, anticlockwise.
    """

    outer: np.ndarray
    holes: tuple[np.ndarray, ...]


def tolerance(size_hw: tuple[int, int]) -> float:
    """How far a simplified outline may leave the pixels' edges in a picture of that size, px."""
    return max(TOLERANCE, max(size_hw) / ROUGHER)


def trace(mask: np.ndarray, left: int = 0, top: int = 0, within: float = TOLERANCE) -> list[Part]:
    """The parts of a mask, the largest first.

    Args:
        mask: (h, w), 0 outside.
        left, top: of the mask in its picture, px.
        within: px by which the outline may leave the pixels' edges; 0 follows each of them.

    Example:
        A single pixel at column 2, row 1 is the square (2, 1), (3, 1), (3, 2), (2, 2).
    """
    rings = [ring for ring in (simplified(each, within) for each in pixel_edges(mask)) if ring is not None]
    outers = sorted((ring for ring in rings if signed_area(ring) > 0), key=signed_area)
    holes: list[list[np.ndarray]] = [[] for _ in outers]
    for hole in (ring for ring in rings if signed_area(ring) < 0):
        # The smallest part around a point of the hole's edge: parts may lie within holes of others.
        around = (n for n, outer in enumerate(outers) if contains(outer, hole))
        number = next(around, None)
        if number is not None:
            holes[number].append(hole)
    corner = np.array([left, top], np.float64)
    parts = [
        Part(outer + corner, tuple(hole + corner for hole in inner)) for outer, inner in zip(outers, holes, strict=True)
    ]
    return parts[::-1]


def pixel_edges(mask: np.ndarray) -> list[np.ndarray]:
    """The closed lines around a mask, the mask on their right: int64 (n, 2) each, x and y of the corners."""
    inside = np.pad(mask > 0, 1)
    width = inside.shape[1]
    following: dict[int, list[int]] = {}

    def add(where: np.ndarray, start: int, end: int) -> None:
        # A corner's number is that of the (padded) pixel to its right and below; start and end are relative to `where`.
        for corner in np.flatnonzero(where).tolist():
            following.setdefault(corner + start, []).append(corner + end)

    flat = inside.ravel()
    add(flat & ~np.roll(flat, width), 0, 1)  # top edges, to the right
    add(flat & ~np.roll(flat, -1), 1, 1 + width)  # right edges, down
    add(flat & ~np.roll(flat, -width), 1 + width, width)  # bottom edges, to the left
    add(flat & ~np.roll(flat, 1), width, 0)  # left edges, up
    lines = []
    while following:
        start = next(iter(following))
        line, step = [start], 0
        while True:
            corner = line[-1]
            choices = following[corner]
            # Where two pixels touch by a corner, the line turns right: they are two parts.
            right = {1: width, width: -1, -1: -width, -width: 1}.get(step)
            onward = corner + right if right is not None and corner + right in choices else choices[0]
            choices.remove(onward)
            if not choices:
                del following[corner]
            step = onward - corner
            if onward == start:
                break
            line.append(onward)
        numbers = np.array(line)
        lines.append(np.stack([numbers % width - 1, numbers // width - 1], axis=1))
    return lines


def simplified(ring: np.ndarray, within: float) -> np.ndarray | None:
    """A ring with fewer corners, no farther than `within` px from the old; None where nothing is left of it."""
    fewer = cv2.approxPolyDP(ring.astype(np.float32)[:, None], within, True)[:, 0].astype(np.float64)
    return fewer if len(fewer) >= 3 and abs(signed_area(fewer)) > 0.5 else None


def signed_area(ring: np.ndarray) -> float:
    """Area of a ring, px: positive where it runs clockwise as seen on a screen (shoelace formula)."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def contains(outer: np.ndarray, hole: np.ndarray) -> bool:
    """Whether the middle of a hole's first edge lies within a ring or on it."""
    middle = hole[:2].mean(axis=0)
    return cv2.pointPolygonTest(outer.astype(np.float32)[:, None], tuple(map(float, middle)), False) >= 0


def with_slits(part: Part) -> np.ndarray:
    """A part with holes as one ring: a slit of no width leads from the outer line to each hole and back.

    Returns:
        float64 (n, 2). Formats that know no holes (COCO's polygons) fill it rightly.
    """
    ring = part.outer
    for hole in sorted(part.holes, key=lambda hole: hole[:, 0].min()):
        entry = int(hole[:, 0].argmin())
        near = int(((ring - hole[entry]) ** 2).sum(axis=1).argmin())
        around = np.concatenate([hole[entry:], hole[: entry + 1]])
        ring = np.concatenate([ring[: near + 1], around, ring[near:]])
    return ring

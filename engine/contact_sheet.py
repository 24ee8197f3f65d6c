"""One picture of the photos on which INT8 and FP32 differ most: photo, both masks, the pixels that differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.dataset import BACKGROUND, PET, Sample
from engine.drawing import overlay_mask, rgb
from engine.images import read_picture
from engine.metrics import IGNORE_INDEX, confusion_matrix, iou_per_class
from engine.score_table import FP32_IR, INT8_IR
from engine.segmenter import Segmentation
from engine.spec import ModelSpec

PANEL_HW = (176, 224)  # px, of a picture on the sheet; what does not fill it stands in the middle
GAP, MARGIN, CAPTION, HEADER = 4, 24, 28, 96
COLUMNS = 2  # photos beside each other
TILE_WIDTH = 4 * PANEL_HW[1] + 3 * GAP
PAPER, GROUND, INK, FAINT = (255, 255, 255), (240, 240, 240), (26, 26, 26), (110, 110, 110)
# Of Okabe and Ito, and none a colour of a class: pet in INT8 only, in FP32 only, of another species.
KINDS = {"pet in INT8 only": "#D55E00", "pet in FP32 only": "#56B4E9", "another species": "#CC79A7"}


@dataclass(frozen=True)
class Difference:
    """A photo, what FP32 and INT8 make of it (uint8 (H, W), class ids), and the share of pixels that differ."""

    sample: Sample
    fp32: np.ndarray
    int8: np.ndarray
    share: float


@dataclass
class Differences:
    """Keeps the photos on which the two differ most, the worst first."""

    count: int
    largest: list[Difference] = field(default_factory=list)

    def add(self, sample: Sample, segmentations: Mapping[str, Segmentation]) -> None:
        """Takes a photo in, if it is one of the worst so far."""
        fp32, int8 = segmentations[FP32_IR].mask, segmentations[INT8_IR].mask
        share = float(np.count_nonzero(fp32 != int8)) / fp32.size
        if len(self.largest) < self.count or share > self.largest[-1].share:
            self.largest.append(Difference(sample, fp32, int8, share))
            self.largest = sorted(self.largest, key=lambda each: -each.share)[: self.count]


def draw_sheet(differences: list[Difference], spec: ModelSpec, whole: str) -> Image.Image:
    """The sheet, RGB.

    Args:
        differences: in the order in which they are shown.
        spec: of the model, for its name and colours.
        whole: what they are the worst of: "of 1,271 photos of test".
    """
    tiles = [draw_tile(each, spec) for each in differences]
    columns = min(COLUMNS, len(tiles))
    width, height = TILE_WIDTH + MARGIN, PANEL_HW[0] + CAPTION + MARGIN
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width + MARGIN, HEADER + rows * height), PAPER)
    draw_header(sheet, f"{spec.name} {spec.version}: where INT8 and FP32 differ most", f"{len(tiles)} {whole}")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (MARGIN + number % columns * width, HEADER + number // columns * height))
    return sheet


def draw_header(sheet: Image.Image, title: str, subtitle: str) -> None:
    """Title, what the four pictures are, and the legend of the fourth."""
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 16), title, INK, ImageFont.load_default(22))
    left, font = float(MARGIN), ImageFont.load_default(14)
    draw.text((MARGIN, 46), f"{subtitle}. Photo, FP32, INT8, the pixels that differ:", FAINT, font)
    for name, color in KINDS.items():
        draw.rectangle((left, 70, left + 12, 82), rgb(color))
        draw.text((left + 18, 67), name, INK, font)
        left += 18 + draw.textlength(name, font) + 20


def draw_tile(difference: Difference, spec: ModelSpec) -> Image.Image:
    """One photo: its four pictures beside each other, name and figures below."""
    image, trimap = read_picture(difference.sample.photo).image, difference.sample.read_trimap()
    is_pet = np.select([trimap == PET, trimap == BACKGROUND], [1, 0], IGNORE_INDEX)
    ious = [iou_per_class(confusion_matrix(is_pet, mask > 0, 2))[1] for mask in (difference.fp32, difference.int8)]
    scale = min(PANEL_HW[0] / image.shape[0], PANEL_HW[1] / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    fp32, int8 = (
        cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT) for mask in (difference.fp32, difference.int8)
    )
    panels = [image, overlay_mask(image, fp32, spec), overlay_mask(image, int8, spec), mark(image, fp32, int8)]
    tile = Image.new("RGB", (TILE_WIDTH, PANEL_HW[0] + CAPTION), PAPER)
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(14)
    for number, panel in enumerate(panels):
        left = number * (PANEL_HW[1] + GAP)
        draw.rectangle((left, 0, left + PANEL_HW[1] - 1, PANEL_HW[0] - 1), GROUND)
        middle = left + (PANEL_HW[1] - size[0]) // 2, (PANEL_HW[0] - size[1]) // 2
        tile.paste(Image.fromarray(panel), middle)
    draw.text((0, PANEL_HW[0] + 5), difference.sample.name, INK, font)
    agreement = f"outline IoU {ious[0]:.3f} FP32, {ious[1]:.3f} INT8"
    figures = f"{difference.share:.1%} of the pixels differ    {agreement}"
    draw.text((TILE_WIDTH, PANEL_HW[0] + 5), figures, FAINT, font, anchor="ra")
    return tile


def mark(image: np.ndarray, fp32: np.ndarray, int8: np.ndarray) -> np.ndarray:
    """The photo grey and pale, with the pixels that differ in the colours of `KINDS`: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3) RGB.
        fp32, int8: uint8 (H, W), class ids.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    marked = cv2.merge([cv2.addWeighted(grey, 0.35, np.full_like(grey, 255), 0.65, 0)] * 3)
    only_int8, only_fp32 = (fp32 == 0) & (int8 > 0), (fp32 > 0) & (int8 == 0)
    other = (fp32 != int8) & (fp32 > 0) & (int8 > 0)
    for where, color in zip((only_int8, only_fp32, other), KINDS.values(), strict=True):
        marked[where] = rgb(color)
    return marked

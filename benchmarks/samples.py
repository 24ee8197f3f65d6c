"""What each committed model makes of pictures that may be shown: the strip in docs/accuracy.md.

    python benchmarks/samples.py docs/samples.jpg    # `make pictures` does it as well

The pictures are scikit-image's cat and cup of coffee (both in the public domain, demo/examples) and what can be made of
them. A row a model, on the default backend (INT8): masks as the page draws them, and how much is cat and dog.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.drawing import cover, overlay_mask  # noqa: E402
from engine.files import write_aside  # noqa: E402
from engine.images import read_picture  # noqa: E402
from engine.score_table import committed_models  # noqa: E402
from engine.segmenter import DEFAULT_BACKEND, FOUND, NOTHING, Segmentation, Segmenter  # noqa: E402

EXAMPLES = ROOT / "demo" / "examples"
PANEL_HW = (180, 250)
GAP, CAPTION, LABEL = 8, 22, 26
PAPER, INK, FAINT = (255, 255, 255), (29, 29, 31), (110, 110, 115)


def pictures() -> dict[str, np.ndarray]:
    """The pictures by caption: uint8 (H, W, 3) RGB."""
    cat, coffee = (read_picture(EXAMPLES / name).image for name in ("cat.jpg", "coffee.jpg"))
    width = cat.shape[1]
    small = cv2.resize(cat, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    far = np.full_like(cat, 168)
    far[-small.shape[0] :, width // 3 : width // 3 + small.shape[1]] = small
    _, encoded = cv2.imencode(".jpg", cat[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 8])
    coarse = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert coarse is not None  # it was encoded a line above
    return {
        "a photo": cat,
        "two to a photo": np.hstack([cat[:, width // 6 :], cat[:, ::-1][:, : -(width // 6)]]),
        "small in the frame": far,
        "JPEG quality 8": coarse[:, :, ::-1].copy(),
        "no pet": coffee,
    }


def strip() -> Image.Image:
    """The strip, RGB."""
    shown, names = pictures(), committed_models()
    width, height = PANEL_HW[1] + GAP, LABEL + PANEL_HW[0] + CAPTION
    sheet = Image.new("RGB", (len(shown) * width + GAP, LABEL + len(names) * height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, caption in enumerate(shown):
        draw.text((GAP + column * width, 4), caption, INK, font)
    for row, name in enumerate(names):
        segmenter = Segmenter.open(name, DEFAULT_BACKEND)
        top = LABEL + row * height
        draw.text((GAP, top + 4), f"{name} {segmenter.spec.version}, {DEFAULT_BACKEND}", INK, font)
        for column, image in enumerate(shown.values()):
            left = GAP + column * width
            found = segmenter.predict(image)
            is_shown = found.found != NOTHING
            drawn = cover(overlay_mask(image, found.mask, segmenter.spec) if is_shown else image, PANEL_HW)
            sheet.paste(Image.fromarray(drawn), (left, top + LABEL))
            draw.text((left, top + LABEL + PANEL_HW[0] + 2), found_in_words(found), FAINT, font)
    return sheet


def found_in_words(segmentation: Segmentation) -> str:
    """ "cat 31 %", "perhaps cat 2 %" or "no cat or dog", as the page tells it."""
    if segmentation.found == NOTHING:
        return "no cat or dog"
    areas = ", ".join(f"{name} {segmentation.areas[name]:.0%}" for name in segmentation.pets)
    return areas if segmentation.found == FOUND else f"perhaps {areas}"


def write(path: Path) -> None:
    """Writes the strip as a JPEG."""
    with write_aside(path) as partial:
        strip().save(partial, "JPEG", quality=88, subsampling=0)
    print(f"wrote {path}")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/samples.jpg"))

"""The one door through which a picture from outside comes in.

Whatever the file (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF), what goes on is `image` uint8 (H, W, 3) RGB, upright.
Size is checked before anything is decoded. A JPEG that only the network will see is decoded at a reduced scale.
"""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pi_heif
from PIL import Image, UnidentifiedImageError

from engine.errors import InputError

pi_heif.register_heif_opener()
# Pillow warns above 89 megapixels; `MAX_MEGAPIXELS` is less and is refused in words.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Pillow has no opener "MPO": it is its one for JPEG that reads those.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "PPM")
SUFFIXES = frozenset({f".{name.lower()}" for name in FORMATS} | {".jpg", ".heic", ".tif"})
MAX_MEGAPIXELS = 80
MAX_MEGABYTES = 50
MIN_SIDE = 16
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap height and width
# What makes a picture of an EXIF orientation upright. `ImageOps.exif_transpose` also writes the EXIF data anew, which
# fails where a camera wrote them carelessly.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

ImageSource = str | Path | bytes | BinaryIO | Image.Image | np.ndarray


@dataclass(frozen=True)
class Picture:
    """A picture as the engine uses it.

    Attributes:
        image: uint8 (h, w, 3) RGB, upright; smaller than the picture where it was decoded at a reduced scale.
        size_hw: the picture's own height and width, upright.
    """

    image: np.ndarray
    size_hw: tuple[int, int]


def read_picture(
    source: ImageSource, needed_hw: tuple[int, int] | None = None, max_megapixels: float = MAX_MEGAPIXELS
) -> Picture:
    """Reads a picture from a path, bytes, an open file, Pillow or numpy.

    Args:
        source: a file in one of `FORMATS`, or a decoded picture; an array is uint8 (H, W, 3) RGB.
        needed_hw: the height and width that are enough; a JPEG is then decoded at the smallest scale (1, 1/2, 1/4,
            1/8) that is no smaller. None decodes all pixels.
        max_megapixels: a larger picture is refused before it is decoded.

    Raises:
        InputError: the file is missing, empty, too large, too small, damaged or no picture; says which.
    """
    if source is None:
        raise InputError("No photo came. Give the path of one.")
    if isinstance(source, np.ndarray):
        return _from_array(source, max_megapixels)
    if isinstance(source, Image.Image):
        with _errors_in_words("The picture"):
            return _from_pillow(source, "The picture", None, max_megapixels)
    data, name = _read_bytes(source)
    if not data:
        raise InputError(f"{name} is empty (0 bytes). Choose a photo.")
    if len(data) > MAX_MEGABYTES * 1e6:
        raise InputError(f"{name} has over {MAX_MEGABYTES} MB, the most that is read. Save it smaller.")
    with _errors_in_words(name), Image.open(io.BytesIO(data), formats=FORMATS) as file:
        return _from_pillow(file, name, needed_hw, max_megapixels)


@contextmanager
def _errors_in_words(name: str) -> Iterator[None]:
    """Turns what Pillow raises for a bad file into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is not a picture we can read. Expected JPEG, PNG, WebP, GIF, TIFF or HEIC.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name} has over 89 megapixels; at most {MAX_MEGAPIXELS} are read. Shrink it.") from None
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error) as exc:
        raise InputError(f"{name} is damaged or cut short ({exc}). Save or download it again.") from exc


def _read_bytes(source: str | Path | bytes | BinaryIO) -> tuple[bytes, str]:
    """The bytes of a file, one more than the limit at most, and the name to call it by."""
    limit = int(MAX_MEGABYTES * 1e6) + 1
    if isinstance(source, bytes):
        return source, "The picture"
    if isinstance(source, (str, Path)):
        path = Path(source)
        try:
            with path.open("rb") as file:
                return file.read(limit), path.name
        except OSError as exc:
            raise InputError(f"{path} cannot be opened ({exc.strerror}). Give the path of a photo.") from exc
    return source.read(limit), Path(getattr(source, "name", "The picture")).name


def _check_size(size_hw: tuple[int, int], name: str, max_megapixels: float) -> None:
    height, width = size_hw
    if height * width > max_megapixels * 1e6:
        raise InputError(
            f"{name} is {width} x {height} pixels ({height * width / 1e6:.3g} megapixels); "
            f"at most {max_megapixels:g} megapixels are read. Shrink it."
        )
    if min(size_hw) < MIN_SIDE:
        raise InputError(f"{name} is {width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed.")


def _from_array(image: np.ndarray, max_megapixels: float) -> Picture:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"The array is {image.dtype} {image.shape}; expected uint8 (H, W, 3) RGB.")
    size_hw = (image.shape[0], image.shape[1])
    _check_size(size_hw, "The picture", max_megapixels)
    return Picture(image, size_hw)


def _from_pillow(file: Image.Image, name: str, needed_hw: tuple[int, int] | None, max_megapixels: float) -> Picture:
    width, height = file.size
    _check_size((height, width), name, max_megapixels)
    if needed_hw is not None:
        sideways = file.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
        file.draft("RGB", needed_hw if sideways else needed_hw[::-1])
    file.load()
    # Asked after loading: Pillow turns a TIFF by itself and forgets its orientation then.
    orientation = file.getexif().get(_ORIENTATION_TAG)
    upright = file.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else file
    return Picture(np.asarray(_to_rgb(upright, name)), (width, height) if orientation in _SIDEWAYS else (height, width))


def _to_rgb(file: Image.Image, name: str) -> Image.Image:
    """RGB from any mode of Pillow: 16-bit scaled to 8, transparency laid on white."""
    if file.mode == "RGB" and not file.has_transparency_data:
        return file
    if file.mode.startswith("I"):
        values = np.asarray(file).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError(f"{name} has grey values beyond 16 bits. Save it as 8-bit JPEG or PNG.")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if file.mode == "F":
        raise InputError(f"{name} holds floating-point pixels, whose range is unknown. Save it as 8-bit JPEG or PNG.")
    if file.has_transparency_data:
        on_white = Image.new("RGBA", file.size, "white")
        on_white.alpha_composite(file.convert("RGBA"))
        return on_white.convert("RGB")
    return file.convert("RGB")


def photos_in(folder: Path) -> list[Path]:
    """The photos of a folder, by name.

    Raises:
        InputError: it is no folder, or holds none.
    """
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not photos:
        raise InputError(f"{folder} holds no photo. Name a folder with JPEG, PNG, WebP or HEIC files.")
    return photos

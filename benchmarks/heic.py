"""Writes a HEIC, as phones save their photos: a grid of HEVC pictures of 512 x 512 px inside the boxes of HEIF.

The library that reads HEIC here writes none, and the photo of a phone that would be large enough to measure with is too
large to commit; PyAV's x265 makes the pictures, and the boxes around them are few.

Source: ISO/IEC 23008-12 (HEIF: boxes and grid) and 14496-15 (how HEVC is stored: `hvcC`).
"""

import struct
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

ENCODER = "libx265"
TILE = 512  # px, of a side
VPS, SPS, PPS = 32, 33, 34  # kinds of NAL units: parameters, which belong into `hvcC`
SLICES = range(32)  # those that hold a picture
CRF = 30  # with the grain of `benchmarks/page.py` the 2 MB that a phone writes for 12 megapixels


def can_be_written() -> bool:
    """Whether this build of PyAV has the encoder."""
    return ENCODER in av.codecs_available


def heic_bytes(image: np.ndarray) -> bytes:
    """A HEIC file of a picture.

    Args:
        image: uint8 (H, W, 3) RGB, of at most 65,535 px a side.
    """
    coded = [nal_units(packet) for packet in hevc_of(tiles_of(image))]
    parameters = [unit for unit in coded[0] if kind(unit) in (VPS, SPS, PPS)]
    pictures = [b"".join(sized(unit) for unit in units if kind(unit) in SLICES) for units in coded]
    file_type = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    # Where the pictures begin stands in the boxes before them, whose length does not depend on it.
    sizes = [len(picture) for picture in pictures]
    begin = len(file_type) + len(meta_box(image.shape[:2], parameters, sizes, 0)) + len(box(b"mdat"))
    return file_type + meta_box(image.shape[:2], parameters, sizes, begin) + box(b"mdat", *pictures)


def grid_of(size_hw: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the tiles that cover a picture: 8 and 6 for 4000 x 3000 px."""
    return -(-size_hw[0] // TILE), -(-size_hw[1] // TILE)


def tiles_of(image: np.ndarray) -> list[np.ndarray]:
    """The tiles, row by row: uint8 (512, 512, 3) each, the picture's edge repeated where it ends within one."""
    rows, columns = grid_of(image.shape)
    below, right = rows * TILE - image.shape[0], columns * TILE - image.shape[1]
    whole = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    return [
        np.ascontiguousarray(whole[TILE * row : TILE * (row + 1), TILE * column : TILE * (column + 1)])
        for row in range(rows)
        for column in range(columns)
    ]


def hevc_of(tiles: Sequence[np.ndarray]) -> list[bytes]:
    """Each tile as HEVC that is decoded by itself, its full range of values kept."""
    encoder = av.CodecContext.create(ENCODER, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height = encoder.width = TILE
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 1)
    encoder.options = {
        "preset": "fast",
        "crf": str(CRF),
        "x265-params": "keyint=1:bframes=0:log-level=none:info=0:repeat-headers=1:range=full:colormatrix=bt470bg",
    }
    packets = []
    for number, tile in enumerate(tiles):
        frame = av.VideoFrame.from_ndarray(tile, "rgb24").reformat(format="yuvj420p")
        frame.pts = number
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in [*packets, *encoder.encode(None)]]


def nal_units(stream: bytes) -> list[bytes]:
    """The units of a stream, without the start codes (00 00 01) between them."""
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]


def kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def sized(unit: bytes) -> bytes:
    return struct.pack(">I", len(unit)) + unit


def box(name: bytes, *content: bytes) -> bytes:
    payload = b"".join(content)
    return struct.pack(">I", 8 + len(payload)) + name + payload


def full_box(name: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def meta_box(size_hw: tuple[int, ...], parameters: Sequence[bytes], sizes: Sequence[int], begin: int) -> bytes:
    """What is where: the tiles, items 1 and up, and the grid of them, the last item, which is the picture.

    Args:
        size_hw: of the picture, px.
        parameters: units of the tiles' decoder.
        sizes: bytes of each tile.
        begin: bytes before the first of them.
    """
    height, width = size_hw[:2]
    rows, columns = grid_of(size_hw)
    tiles, grid = range(1, len(sizes) + 1), len(sizes) + 1
    names = [
        full_box(b"infe", struct.pack(">HH", tile, 0), b"hvc1\0", version=2, flags=1)  # hidden: no picture by itself
        for tile in tiles
    ]
    names.append(full_box(b"infe", struct.pack(">HH", grid, 0), b"grid\0", version=2))
    begins = [begin + sum(sizes[:number]) for number in range(len(sizes))]
    places = [
        struct.pack(">HHHHII", tile, 0, 0, 1, *place)
        for tile, place in zip(tiles, zip(begins, sizes, strict=True), strict=True)
    ]
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    places.append(struct.pack(">HHHHII", grid, 1, 0, 1, 0, len(layout)))  # 1: it stands in `idat`
    properties = box(
        b"ipco",
        box(b"hvcC", configuration(parameters)),
        full_box(b"ispe", struct.pack(">II", TILE, TILE)),
        full_box(b"ispe", struct.pack(">II", width, height)),
    )
    # Which properties each item has, by their numbers; the highest bit says that a reader must know the property.
    owners = [struct.pack(">HBBB", tile, 2, 0x81, 2) for tile in tiles] + [struct.pack(">HBB", grid, 1, 3)]
    return full_box(
        b"meta",
        full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full_box(b"pitm", struct.pack(">H", grid)),
        full_box(b"iinf", struct.pack(">H", grid), *names),
        full_box(b"iref", box(b"dimg", struct.pack(f">HH{len(sizes)}H", grid, len(sizes), *tiles))),
        box(b"iprp", properties, full_box(b"ipma", struct.pack(">I", grid), *owners)),
        box(b"idat", layout),
        full_box(b"iloc", bytes([0x44, 0x00]), struct.pack(">H", grid), *places, version=1),
    )


def configuration(parameters: Sequence[bytes]) -> bytes:
    """`hvcC`: profile and level, as the sequence's parameters (SPS) tell them, and all parameters."""
    (sequence,) = [unit for unit in parameters if kind(unit) == SPS]
    # Two bytes of head and one of other things; then profile and level, with no byte put in between to break up zeros.
    profile = sequence.replace(b"\0\0\3", b"\0\0")[3:15]
    fixed = struct.pack(">HBBBBHBB", 0xF000, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0x0F, len(parameters))
    arrays = [struct.pack(">BHH", 0x80 | kind(unit), 1, len(unit)) + unit for unit in parameters]
    return bytes([1]) + profile + fixed + b"".join(arrays)

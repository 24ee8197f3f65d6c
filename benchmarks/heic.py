"""Writes a HEIC, as phones save their photos: HEVC of one picture inside the boxes of HEIF.

The library that reads HEIC here writes none, and a phone's photo could not be committed; PyAV's x265 makes the picture,
and the boxes around it are few. Source: ISO/IEC 23008-12 (HEIF) and 14496-15 (how HEVC is stored, `hvcC`).
"""

import struct
from fractions import Fraction

import av
import numpy as np

ENCODER = "libx265"
PARAMETERS = (32, 33, 34)  # NAL units of VPS, SPS and PPS, which belong into `hvcC`
SLICES = range(32)  # those that hold the picture
CRF = 30  # with the grain of `benchmarks/page.py` the 2 MB that a phone writes for 12 megapixels


def can_be_written() -> bool:
    """Whether this build of PyAV has the encoder."""
    return ENCODER in av.codecs_available


def heic_bytes(image: np.ndarray) -> bytes:
    """A HEIC file of a picture.

    Args:
        image: uint8 (H, W, 3) RGB; both sides even.
    """
    units = nal_units(hevc_of(image))
    parameters = [unit for unit in units if kind(unit) in PARAMETERS]
    picture = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if kind(unit) in SLICES)
    file_type = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    # The place of the picture in the file stands in the boxes before it, whose length does not depend on it.
    before = len(file_type) + len(meta_box(image.shape[:2], parameters, 0, 0)) + len(box(b"mdat"))
    return file_type + meta_box(image.shape[:2], parameters, before, len(picture)) + box(b"mdat", picture)


def hevc_of(image: np.ndarray) -> bytes:
    """A picture, uint8 (H, W, 3) RGB, as a stream of HEVC of one frame, its full range of values kept."""
    encoder = av.CodecContext.create(ENCODER, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 1)
    encoder.options = {
        "preset": "fast",
        "crf": str(CRF),
        "x265-params": "keyint=1:log-level=none:info=0:repeat-headers=1:range=full:colormatrix=bt470bg",
    }
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def nal_units(stream: bytes) -> list[bytes]:
    """The units of a stream, without the start codes (00 00 01) between them."""
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]


def kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def box(name: bytes, *content: bytes) -> bytes:
    payload = b"".join(content)
    return struct.pack(">I", 8 + len(payload)) + name + payload


def full_box(name: bytes, *content: bytes, version: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24), *content)


def meta_box(size_hw: tuple[int, ...], parameters: list[bytes], offset: int, length: int) -> bytes:
    """What is where: one item, the picture, its size and what its decoder needs to know."""
    height, width = size_hw[:2]
    properties = box(
        b"ipco",
        box(b"hvcC", configuration(parameters)),
        full_box(b"ispe", struct.pack(">II", width, height)),
        full_box(b"pixi", bytes([3, 8, 8, 8])),
    )
    associations = full_box(b"ipma", struct.pack(">IHB", 1, 1, 3), bytes([0x81, 0x02, 0x03]))  # the decoder's is a must
    return full_box(
        b"meta",
        full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iloc", bytes([0x44, 0x00]), struct.pack(">HHHHII", 1, 1, 0, 1, offset, length)),
        full_box(b"iinf", struct.pack(">H", 1), full_box(b"infe", struct.pack(">HH", 1, 0), b"hvc1\0", version=2)),
        box(b"iprp", properties, associations),
    )


def configuration(parameters: list[bytes]) -> bytes:
    """`hvcC`: profile and level, as the sequence's parameters (SPS) tell them, and all parameters."""
    (sequence,) = [unit for unit in parameters if kind(unit) == 33]
    # Two bytes of head and one of other things; then profile and level, with no byte put in between to break up zeros.
    profile = sequence.replace(b"\0\0\3", b"\0\0")[3:15]
    fixed = struct.pack(">HBBBBHBB", 0xF000, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0x0F, len(parameters))
    arrays = [struct.pack(">BHH", 0x80 | kind(unit), 1, len(unit)) + unit for unit in parameters]
    return bytes([1]) + profile + fixed + b"".join(arrays)

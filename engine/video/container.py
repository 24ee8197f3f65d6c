"""Files that may hold a clip: what is let in, and what is said of the others."""

from pathlib import Path

import av
from PIL import Image, UnidentifiedImageError

from engine.errors import InputError
from engine.images import FORMATS as PICTURES

# FFmpeg's names of the containers. Playlists and the like are left out, since they make it open other files.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
KINDS = "MP4, MOV, WebM, MKV or AVI"
MAX_MEGABYTES = 1000.0  # ten minutes at 13 Mbit/s
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free")  # what an MP4 or MOV begins with


def check_file(path: Path) -> float:
    """The size of the file, MB.

    Raises:
        InputError: it is missing, no file, empty, too large, or a picture.
    """
    if not path.is_file():
        raise InputError(f"{path} cannot be opened (no such file). Give the path of a clip.")
    megabytes = path.stat().st_size / 1e6
    if not megabytes:
        raise InputError(f"{path.name} is empty (0 bytes). Choose a clip.")
    if megabytes > MAX_MEGABYTES:
        raise InputError(
            f"{path.name} has {megabytes:.0f} MB; at most {MAX_MEGABYTES:.0f} are read. Export it smaller."
        )
    if kind := picture_kind(path):
        advice = "Convert it to MP4." if kind == "GIF" else "Segment it as a photo."
        raise InputError(f"{path.name} is a picture ({kind}), expected a clip: {KINDS}. {advice}")
    return megabytes


def picture_kind(path: Path) -> str | None:
    """ "PNG" and so on where the file is a picture; None where it is none. Only its head is read."""
    try:
        with Image.open(path, formats=PICTURES) as file:
            return file.format
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        return None


def open_container(path: Path) -> av.container.InputContainer:
    """Opens a file as one of `CONTAINERS`, and no other file because of it.

    Raises:
        InputError: it is none of them, cut short, or unreadable.
    """
    only = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        return av.open(f"file:{path}", metadata_errors="replace", container_options=only)
    except av.FFmpegError as error:
        with path.open("rb") as file:
            is_mp4 = file.read(12)[4:8] in _MP4_BOXES
        if is_mp4:
            raise InputError(
                f"{path.name} is cut short: its index, which a camera writes last, is not there. Copy it again."
            ) from error
        raise InputError(f"{path.name} is not a clip we can read. Expected {KINDS}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}). Give the path of a clip.") from error

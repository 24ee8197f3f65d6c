"""Headless Chromium, as tests and pictures start it."""

import shutil
from pathlib import Path

CHROMIUM = shutil.which("chromium")  # Debian's; None where it is not installed
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a camera, and nobody is asked
]


def camera_flags(clip: Path) -> list[str]:
    """`FLAGS`, with a camera that plays a clip of `tools/camera_clip.py`."""
    return [*FLAGS, f"--use-file-for-fake-video-capture={clip}"]

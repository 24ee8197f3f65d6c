"""Where files to download are written."""

import secrets
from pathlib import Path

from gradio.utils import get_upload_folder


def new_folder() -> Path:
    """A new folder that Gradio serves from and empties after a while; nobody can guess its name."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder

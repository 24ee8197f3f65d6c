"""What stands in for Hugging Face: it remembers what it was asked for."""

from pathlib import Path
from typing import Any


class FakeHub:
    """The part of `huggingface_hub.HfApi` that an upload uses.

    Args:
        fails_with: raised when a Space is to be made.

    Attributes:
        made: the arguments of each `create_repo`.
        uploaded: the arguments of each `upload_folder`, with `files`, what was in the folder.
    """

    def __init__(self, fails_with: Exception | None = None) -> None:
        self.made: list[dict[str, Any]] = []
        self.uploaded: list[dict[str, Any]] = []
        self._fails_with = fails_with

    def create_repo(self, repo_id: str, **options: Any) -> str:
        if self._fails_with is not None:
            raise self._fails_with
        self.made.append({"repo_id": repo_id, **options})
        return f"https://example.org/spaces/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, **options: Any) -> None:
        files = {path.relative_to(folder_path).as_posix() for path in folder_path.rglob("*") if path.is_file()}
        self.uploaded.append({"repo_id": repo_id, "folder_path": folder_path, "files": files, **options})

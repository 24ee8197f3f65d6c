"""Uploading a folder to a Space of Hugging Face; nothing of it is imported before it is asked for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from engine.errors import BackendUnavailableError, EngineError, InputError, OutputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")


class Hub(Protocol):
    """The part of `huggingface_hub.HfApi` that is used."""

    @property
    def create_repo(self) -> Callable[..., Any]: ...

    @property
    def upload_folder(self) -> Callable[..., Any]: ...


def check_name(repo: str) -> None:
    """Passes for the name of a Space.

    Raises:
        InputError: it is none.
    """
    if not NAME.fullmatch(repo) or any(bad in repo for bad in ("--", "..")) or repo.endswith((".", "-", ".git")):
        raise InputError(
            f"{repo!r} is not the name of a Space. Expected user/name, of letters, digits, '.', '_' and '-'."
        )


def open_hub() -> Hub:
    """Hugging Face, as the token on this machine may use it.

    Raises:
        InputError: there is no token.
        BackendUnavailableError: `huggingface_hub` is not installed.
    """
    try:
        from huggingface_hub import HfApi, get_token
    except ImportError as exc:
        raise BackendUnavailableError(f"Uploading needs the package huggingface_hub ({exc}). Install it.") from exc
    if get_token() is None:
        raise InputError("There is no token of Hugging Face here. Run `hf auth login`, or set HF_TOKEN.")
    return HfApi()


def upload(folder: Path, repo: str, hardware: str | None, hub: Hub) -> str:
    """Makes the Space where there is none, and makes its files those of the folder.

    Modules that the folder no longer has are removed from the Space's demo/, engine/ and models/; what else its owner
    put there stays.

    Args:
        folder: as `tools.space.build` wrote it.
        repo: user/name.
        hardware: asked for when the Space is made, by Hugging Face's name; None for the CPU that every Space gets.
        hub: Hugging Face, or what stands in for it.

    Returns:
        A line with the address.

    Raises:
        InputError: the name or the token is refused.
        OutputError: Hugging Face is not reached, or does not take the files.
    """
    asked = {} if hardware is None else {"space_hardware": hardware}
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    try:
        address = hub.create_repo(repo, repo_type="space", space_sdk="gradio", exist_ok=True, **asked)
        hub.upload_folder(
            repo_id=repo,
            folder_path=folder,
            repo_type="space",
            commit_message="Update the page",
            delete_patterns=[f"{name}/*" for name in folders],
        )
    except Exception as error:
        if (said := in_words(error, repo)) is None:
            raise
        raise said from error
    return f"uploaded to {address}"


def in_words(error: Exception, repo: str) -> EngineError | None:
    """What a failed upload means to its user; None where it is our mistake."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, HFValidationError):
        return InputError(f"{repo!r} is not the name of a Space ({error}).")
    if isinstance(error, HfHubHTTPError):
        status, reason = error.response.status_code, error.server_message or "no reason given"
        if status == 401:
            return InputError(
                f"Hugging Face does not know this token ({reason}). Run `hf auth login` with one that may write."
            )
        if status in (402, 403):
            return InputError(
                f"Hugging Face does not let this account write {repo} ({reason}). Name a Space of your own, use a "
                "token that may write, and on a free account --hardware zerogpu."
            )
        return OutputError(f"Hugging Face does not take {repo} (status {status}: {reason}). Repeat the command later.")
    # Its bases are OSError and the errors of the HTTP client, which is another package from release to release.
    if isinstance(error, HfHubHTTPError.__bases__):
        return OutputError(f"Hugging Face is not reached ({error}). Check the network, then repeat the command.")
    return None

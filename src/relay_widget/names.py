"""What a participant is called if nobody has chosen a name."""

from __future__ import annotations

import getpass
import os

from .errors import WireError
from .protocol import MAX_NAME_CHARS, check_name

_NOBODYS_NAMES: tuple[str, ...] = (
    "root",
    "jovyan",
    "user",
    "nobody",
    "guest",
    "admin",
    "administrator",
    "ubuntu",
    "debian",
    "ec2-user",
)
_NOBODYS_NAMES += ("jupyter", "notebook", "app", "appuser", "runner", "container", "docker", "default", "vscode")
_NOBODYS_NAMES += ("codespace", "gitpod", "mambauser", "rstudio", "sagemaker-user", "nbuser", "dev", "node")
"""Login names that say nothing of who it is: those that containers and images come with."""
_GUEST = "Guest"


def default_name() -> str:
    """The user's name: the hub's, else that of the login unless it says nothing, else ``"Guest"``."""
    try:
        login = getpass.getuser()
    except (OSError, KeyError):
        login = ""  # a container user without a name
    for name in (os.environ.get("JUPYTERHUB_USER", ""), "" if login.lower() in _NOBODYS_NAMES else login):
        try:
            return check_name(name[:MAX_NAME_CHARS])
        except WireError:
            continue
    return _GUEST

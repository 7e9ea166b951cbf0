"""The extras of this package: heavy packages that only some of it needs, and the sentence that names them.

A package or a module that others import by itself says what it needs before it imports it::

    require("media")
    import av

That is `relay_widget.media`, with all in it, and `relay_widget.recording.export`; what stands on those need not.
"""

from __future__ import annotations

from importlib.util import find_spec

from .errors import MissingExtraError

_MODULES = {
    "media": {"av": "PyAV", "numpy": "NumPy", "PIL": "Pillow", "tqdm": "tqdm"},
    "test": {"pytest": "pytest", "nbval": "nbval"},
}
"""By extra: what is imported, and what people call it. ``redis`` is asked for by the relay, ``lab`` by nobody."""


def require(extra: str) -> None:
    """See that an extra is installed. Imports nothing itself.

    Args:
        extra: ``"media"`` or ``"test"``.

    Raises:
        MissingExtraError: A package of it is not installed; the message says what to install.
    """
    missing = [name for module, name in _MODULES[extra].items() if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            "missing-extra",
            f'This needs {" and ".join(missing)}: run pip install "relay-widget[{extra}]", then restart the kernel.',
        )

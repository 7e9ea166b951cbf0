"""``python -m tests.relay_of_version_2 serve …``: the real relay, but of a protocol that nobody speaks yet."""

from __future__ import annotations

import sys

from relay_widget import protocol

protocol.PROTOCOL_VERSION = 2  # before anything else takes it from there

from relay_widget.cli import main  # noqa: E402

sys.exit(main())

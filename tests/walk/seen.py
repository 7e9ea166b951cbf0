"""What all sides say at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """What all sides say at one moment."""

    pages: dict[str, dict[str, Any]]
    kernels: dict[str, dict[str, Any] | None]
    relay: dict[str, list[dict[str, Any]]] | None
    """The peers of each room; None: no relay answers."""
    troubles: list[str] = field(default_factory=list)

    def view(self, cell: str) -> dict[str, Any]:
        """What the page shows in a cell; empty if it shows no cell of this name."""
        found: dict[str, Any] = self.pages.get(cell[0], {}).get("cells", {}).get(cell, {})
        return found

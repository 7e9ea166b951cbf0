from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from .lab import JupyterLab, Notebook, chromium, open_notebook, stop_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="session", autouse=True)
def _playwright_ends() -> Iterator[None]:
    yield
    stop_playwright()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    server = JupyterLab(tmp_path_factory.mktemp("lab"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def notebook(lab: JupyterLab, browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook of the given cells, each in its own browser context with its own kernel."""
    with ExitStack() as stack:
        count = 0

        def opened(*cells: str, **context_options: Any) -> Notebook:
            nonlocal count
            count += 1
            path = lab.write(f"{tmp_path.name}-{count}.ipynb", *cells)
            return stack.enter_context(open_notebook(lab, browser, path, **context_options))

        yield opened

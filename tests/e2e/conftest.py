from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from .lab import JupyterLab, Notebook, Tabs, chromium, open_notebook, stop_playwright

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


@pytest.fixture(scope="session")
def tabs(lab: JupyterLab, browser: Browser) -> Tabs:
    return Tabs(lab, browser)


@pytest.fixture
def notebook(lab: JupyterLab, browser: Browser, tabs: Tabs, tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook of the given cells, each in its own browser context with its own kernel.

    Its page may have shown another notebook before. With `own_page`, or with options for its context, it has not, and
    shows no other one: a test that changes more in a page than a notebook does wants that.
    """
    with ExitStack() as stack:
        count = 0

        def opened(*cells: str, own_page: bool = False, **context_options: Any) -> Notebook:
            nonlocal count
            count += 1
            path = lab.write(f"{tmp_path.name}-{count}.ipynb", *cells)
            if own_page or context_options:
                return stack.enter_context(open_notebook(lab, browser, path, **context_options))
            return stack.enter_context(tabs.notebook(path))

        yield opened

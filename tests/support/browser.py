"""What every page must be, as a browser sees it."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page


async def accessible(page: Page) -> None:
    """No fault that axe finds, and nothing wider than the screen."""
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

"""What every page must look like, whatever it says: accessible, within its width, without a complaint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import AXE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def axe(page: Page) -> list[str]:
    """Return what axe finds on the page, one line a fault."""
    # Evaluated through the debugger, which the page's policy does not bind.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    return [
        f"{violation['id']}: {node['target']} {' '.join(node.get('failureSummary', '').split())}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """Return the elements that make the page wider than the window."""
    found: list[str] = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll("body *")]
                .filter((element) => element.getBoundingClientRect().right > width + 1)
                .slice(0, 5)
                .map((element) => element.outerHTML.slice(0, 120));
        }"""
    )
    return found


def faults(visit: Visit) -> list[str]:
    """Return everything that is wrong with the page that is open."""
    page = visit.page
    return [
        *axe(page),
        *(f"too wide: {element}" for element in overflow(page)),
        *(f"console: {complaint}" for complaint in visit.complaints),
    ]

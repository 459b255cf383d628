"""What every page must look like, whatever it says: accessible, within its width, without a complaint."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import AXE, WIDTHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.e2e.conftest import Visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


#: Only what is wrong is asked for: how each element passes takes longer to write down than to find out. No rule of ours
#: reads style sheets by itself (`preload`), and no frame is looked into from the page around it: the letters that stand
#: in frames keep to themselves.
ASK = """async (rules) => {
    const only = {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]};
    return (await axe.run({...only, preload: false, iframes: false})).violations;
}"""


@functools.cache
def _axe_itself() -> str:
    return AXE.read_text(encoding="utf-8")


def axe(page: Page) -> list[str]:
    """Return what axe finds on the page, one line a fault."""
    # Evaluated through the debugger, which the page's policy does not bind. Half a megabyte is long in getting there:
    # the pages that this tab opens after the first that is looked at have it from the start.
    if page.evaluate("typeof axe === 'undefined'"):
        # Not into what is framed: a letter's frame is another page, which may not talk to this one.
        page.add_init_script(f"if (window === window.top) {{ {_axe_itself()} }}")
        page.evaluate(_axe_itself())
    found: list[dict[str, Any]] = page.evaluate(ASK, RULES)
    return [
        f"{violation['id']}: {node['target']} {' '.join(node.get('failureSummary', '').split())}"
        for violation in found
        for node in violation["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """Return the elements that make the page wider than the window, one line a fault."""
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
    return [f"too wide: {element}" for element in found]


def faults(visit: Visit) -> list[str]:
    """Return everything that is wrong with the page that is open, at the width that the window has."""
    return [*_of_the_page(visit.page), *_complaints(visit)]


def faults_at_both_widths(visit: Visit) -> list[str]:
    """Return everything that is wrong with the page that is open, on a desk and on a telephone."""
    return [*_at_widths(visit.page, _of_the_page, *WIDTHS), *_complaints(visit)]


def faults_and_widths(visit: Visit) -> list[str]:
    """Return everything that is wrong with the page that is open on a desk, and what is too wide for a telephone."""
    narrow = _at_widths(visit.page, too_wide, "phone")
    return [*_of_the_page(visit.page), *narrow, *_complaints(visit)]


def axe_at_both_widths(page: Page) -> list[str]:
    """Return what axe finds on the page, on a desk and on a telephone."""
    return _at_widths(page, axe, *WIDTHS)


def _at_widths(page: Page, look: Callable[[Page], list[str]], *widths: str) -> list[str]:
    """Look at the page at each width.

    The window is narrowed and widened again: what the style makes of a width, it makes of it at once, and the page is
    asked for, and the people and schools in it arranged, only once.
    """
    before = page.viewport_size
    found = []
    for width in widths:
        page.set_viewport_size(WIDTHS[width])  # type: ignore[arg-type] # a dictionary of a width and a height
        found += [f"{width}: {fault}" for fault in look(page)]
    if before is not None:
        page.set_viewport_size(before)
    return found


def _of_the_page(page: Page) -> list[str]:
    return [*axe(page), *too_wide(page)]


def _complaints(visit: Visit) -> list[str]:
    return [f"console: {complaint}" for complaint in visit.complaints]

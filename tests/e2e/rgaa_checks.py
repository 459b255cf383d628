"""What a browser can tell of the RGAA's criteria, beside axe: one sentence a fault, which begins with the criterion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.page_checks import find_overflow

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

#: The narrowest window in which nothing may be lost (10.11): 1,280 px at 400 %.
NARROW: ViewportSize = {"width": 320, "height": 640}
#: What a reader may set without losing anything (10.12).
TEXT_SPACING = """
    * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }
"""
#: The size of text that a reader may double (10.4).
DOUBLE_TEXT = "html { font-size: 200% !important; }"
#: More steps of the keyboard than any page has elements.
MAX_STEPS = 300

_FIND_FAULTS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_FIND_CLIPPED = """() => [...document.querySelectorAll("main :is(p, a, button, label, td, th, li, h1, h2), header a")]
    .filter((one) => one.checkVisibility() && !one.closest(".visually-hidden")
        && ["hidden", "clip"].includes(getComputedStyle(one).overflowX)
        && (one.scrollWidth > one.clientWidth + 2 || one.scrollHeight > one.clientHeight + 2))
    .map((one) => `clipped: ${one.outerHTML.replaceAll(/\\s+/g, " ").slice(0, 140)}`)"""
#: A style sheet of the reader: one that is constructed is no business of the page's CSP.
_ADOPT = """(rules) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(rules);
    document.adoptedStyleSheets = rules ? [sheet] : [];
}"""
#: The element that has the focus, and whether it shows it.
_DESCRIBE_FOCUS = """() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    const style = getComputedStyle(one);
    one.dataset.step ??= String(document.querySelectorAll("[data-step]").length);
    return [one.dataset.step, style.outlineStyle !== "none" || style.boxShadow !== "none", one.outerHTML.slice(0, 120)];
}"""


def find_rgaa_faults(page: Page) -> list[str]:
    """Return the faults of the open page, which keeps its width."""
    faults = list(page.evaluate(_FIND_FAULTS))
    if not page.title().strip():
        faults.append("8.5 no title")
    for criterion, rules in (("10.4", DOUBLE_TEXT), ("10.12", TEXT_SPACING)):
        page.evaluate(_ADOPT, rules)
        faults += [f"{criterion} {fault}" for fault in [*find_overflow(page), *page.evaluate(_FIND_CLIPPED)]]
    page.evaluate(_ADOPT, "")
    size = page.viewport_size
    page.set_viewport_size(NARROW)
    faults += [f"10.11 {fault}" for fault in find_overflow(page)]
    if size is not None:
        page.set_viewport_size(size)
    return faults


def find_keyboard_faults(page: Page) -> list[str]:
    """Return the faults of a walk through the page by the tabulator key: focus that is not shown, or that is caught."""
    faults, seen = [], set[str]()
    for _ in range(MAX_STEPS):
        page.keyboard.press("Tab")
        focus = page.evaluate(_DESCRIBE_FOCUS)
        if focus is None:  # past the last element
            return faults
        step, visible, element = focus
        if step in seen:
            return [*faults, f"12.9 caught at {element}"]
        seen.add(step)
        if not visible:
            faults.append(f"10.7 {element}")
    return [*faults, f"12.9 more than {MAX_STEPS} steps"]

"""Checks for every page: accessibility, no horizontal overflow, no typing faults, no console errors."""

import functools
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from tests.e2e.site import AXE, WIDTHS, Visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


#: A space that a person would not type: before a comma, a full stop or a closing bracket, or after an opening one.
STRAY_SPACE = re.compile(r"(?<=\S)[ \xa0\u202f][,.)](?=\s|$)|\([ \xa0\u202f]")

#: Between two words French has « ’ ».
STRAIGHT_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W_])")

#: Only violations are requested: serialising the passes takes longer than finding them. No rule needs style sheets
#: (`preload`), and frames are skipped: the e-mails shown in them are separate documents.
AXE_CALL = """async (rules) => {
    const only = {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]};
    return (await axe.run({...only, preload: false, iframes: false})).violations;
}"""


@functools.cache
def _axe_source() -> str:
    return AXE.read_text(encoding="utf-8")


def run_axe(page: Page) -> list[str]:
    """Return axe's violations on the page, one line each."""
    # Evaluated through the debugger, which the CSP does not restrict. The script is half a megabyte: later pages of
    # this tab get it as an init script.
    if page.evaluate("typeof axe === 'undefined'"):
        # Not into frames: an e-mail's frame is isolated from this page.
        page.add_init_script(f"if (window === window.top) {{ {_axe_source()} }}")
        page.evaluate(_axe_source())
    found: list[dict[str, Any]] = page.evaluate(AXE_CALL, RULES)
    return [
        f"{violation['id']}: {node['target']} {' '.join(node.get('failureSummary', '').split())}"
        for violation in found
        for node in violation["nodes"]
    ]


def find_overflow(page: Page) -> list[str]:
    """Return the elements that overflow the window's width, one line each."""
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


def find_typing_faults(page: Page) -> list[str]:
    """Return the text around each stray space and straight apostrophe that the page shows, samples of code excepted."""
    text: str = page.evaluate(
        """() => {
            const code = [...document.querySelectorAll("pre, code, textarea")].map((one) => one.innerText);
            return code.filter(Boolean).reduce((text, one) => text.replace(one, "x"), document.body.innerText);
        }"""
    )
    return [
        f"{fault}: {text[max(0, at.start() - 30) : at.end() + 20]!r}"
        for fault, pattern in (("stray space", STRAY_SPACE), ("straight apostrophe", STRAIGHT_APOSTROPHE))
        for at in pattern.finditer(text)
    ]


def find_problems(visit: Visit) -> list[str]:
    """Return the problems of the open page at the current width."""
    return _judge(visit, _page_problems)


def find_problems_at_both_widths(visit: Visit) -> list[str]:
    """Return the problems of the open page at desktop and phone width."""
    return _judge(visit, lambda page: at_widths(page, _page_problems, *WIDTHS))


def find_problems_and_overflow(visit: Visit) -> list[str]:
    """Return the problems of the open page at desktop width, and its overflow at phone width."""
    return _judge(visit, lambda page: [*_page_problems(page), *at_widths(page, find_overflow, "phone")])


def _judge(visit: Visit, check: Callable[[Page], list[str]]) -> list[str]:
    """Return the problems of the page that the visitor asked for last.

    A document that gives way to another one meanwhile was not the one to judge.
    """
    while True:
        document = visit.settle()
        try:
            found = check(visit.page)
        except PlaywrightError:
            if visit.settle() == document:
                raise
            continue
        if visit.settle() == document:
            return [*found, *_complaints(visit)]


def run_axe_at_both_widths(page: Page) -> list[str]:
    """Return axe's violations at desktop and phone width."""
    return at_widths(page, run_axe, *WIDTHS)


def at_widths(page: Page, check: Callable[[Page], list[str]], *widths: str) -> list[str]:
    """Check the page at each width.

    The window is resized rather than the page reloaded: layout follows at once, and the page is set up only once.
    """
    original_size = page.viewport_size
    found = []
    for width in widths:
        page.set_viewport_size(WIDTHS[width])
        found += [f"{width}: {problem}" for problem in check(page)]
    if original_size is not None:
        page.set_viewport_size(original_size)
    return found


def _page_problems(page: Page) -> list[str]:
    return [*run_axe(page), *find_overflow(page), *find_typing_faults(page)]


def _complaints(visit: Visit) -> list[str]:
    return [f"console: {complaint}" for complaint in visit.complaints]


def assert_no_problems(found: dict[str, list[str]]) -> None:
    """Fail with every problem of every page at once."""
    data = "\n".join(f"{path}  {fault}" for path, wrong in found.items() for fault in wrong)
    assert not data, data

"""What a person sees of what they did: its message within the window, and the keyboard somewhere sensible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.site import Visit


def expect_outcome(visit: Visit, sentence: str, *, scripts: bool = True) -> None:
    """Fail unless a message with this sentence is within the window and the focus is on an element of the page.

    Without scripts nothing moves the focus: the page begins with its message.
    """
    page = visit.page
    if scripts:
        visit.settle()
    notice = page.locator("[data-notice]").filter(has_text=sentence).first
    expect(notice).to_be_visible()
    box, window = notice.bounding_box(), page.viewport_size
    assert box is not None
    assert window is not None
    # Its first lines are: a summary of many errors may be higher than a telephone.
    assert 0 <= box["y"] <= window["height"] - min(box["height"], 100), f"{sentence}: at {box}, window {window}"
    if scripts:
        focused = page.evaluate("document.activeElement.tagName")
        assert focused != "BODY", f"{sentence}: nothing has the focus"

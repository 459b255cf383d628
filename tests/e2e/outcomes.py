"""What a person sees of what they did: its message within the window, and the keyboard somewhere sensible."""

from playwright.sync_api import Locator, expect

from tests.e2e.site import Visit
from tests.waits import is_reached


def expect_outcome(visit: Visit, sentence: str, *, scripts: bool = True) -> None:
    """Fail unless a message with this sentence is within the window and the focus is on an element of the page.

    Without scripts nothing moves the focus: the page begins with its message.
    """
    page = visit.page
    if scripts:
        visit.settle()
    notice = page.locator("[data-notice]").filter(has_text=sentence).first
    expect(notice).to_be_visible()
    # A part that htmx put in place is scrolled to, and given the focus, a moment after it is visible.
    assert is_reached(lambda: _is_in_window(notice)), f"{sentence}: at {notice.bounding_box()}"
    if scripts:
        has_focus = "document.activeElement.tagName !== 'BODY'"
        assert is_reached(lambda: page.evaluate(has_focus)), f"{sentence}: nothing has the focus"


def _is_in_window(notice: Locator) -> bool:
    """Return whether its first lines are in the window: a summary of many errors may be higher than a telephone."""
    box, window = notice.bounding_box(), notice.page.viewport_size
    assert box is not None
    assert window is not None
    return 0 <= box["y"] <= window["height"] - min(box["height"], 100)

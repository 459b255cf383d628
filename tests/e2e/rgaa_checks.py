"""What a browser can tell of the RGAA's criteria, beside axe: one sentence a fault, which begins with the criterion."""

from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from tests.e2e.page_checks import find_overflow

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
#: Notes what the tabulator key does, as it does it: later the browser may have moved the focus again, or taken it away.
_WATCH_FOCUS = """() => {
    const walk = window.keyboardWalk = { pressed: 0, isPressing: false, hasLeft: false, isLost: false, steps: [] };
    const isNowhere = () => document.activeElement === document.body;
    window.addEventListener("keydown", (event) => {
        if (event.key !== "Tab") return;
        walk.pressed += 1;
        walk.isPressing = true;
        // What the key itself does is done when the next task begins, which is that of its release at the latest.
        setTimeout(() => { walk.isPressing = false; });
    }, true);
    window.addEventListener("keyup", () => { walk.isPressing = false; }, true);
    window.addEventListener("blur", (event) => {
        if (event.target !== window || !isNowhere()) return;
        if (walk.isPressing) walk.hasLeft = true;
        else walk.isLost = true;
    }, true);
    document.addEventListener("focusout", (event) => {
        if (!walk.isPressing && event.relatedTarget === null) walk.isLost = true;
    }, true);
}"""
#: What the last press of the key did, and the element that has the focus.
_READ_WALK = """() => {
    const { pressed, hasLeft, isLost, steps } = window.keyboardWalk;
    window.keyboardWalk.isLost = false;
    const one = document.activeElement;
    const isNowhere = one === document.body;
    const style = getComputedStyle(one);
    if (!isNowhere && !steps.includes(one)) steps.push(one);
    return {
        pressed, isLost, isNowhere,
        hasLeft: hasLeft || (isNowhere && !isLost),
        step: steps.indexOf(one),
        isVisible: style.outlineStyle !== "none" || style.boxShadow !== "none",
        element: one.outerHTML.slice(0, 120),
    };
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
    """Return the faults of a walk through the page by the tabulator key: focus that is not shown, or that is caught.

    A slow browser may take the focus away between two presses, as it does at the end of the page before: the walk
    then begins anew.
    """
    page.evaluate(_WATCH_FOCUS)
    hidden: dict[int, str] = {}
    seen, pressed = set[int](), 0
    for _ in range(MAX_STEPS):
        page.keyboard.press("Tab")
        walk = page.evaluate(_READ_WALK)
        if walk["pressed"] == pressed:  # the page did not get the key
            continue
        pressed = walk["pressed"]
        if walk["hasLeft"]:  # past the last element
            return [*hidden.values()]
        if walk["isLost"]:
            seen.clear()
        if walk["isNowhere"]:
            continue
        if walk["step"] in seen:
            return [*hidden.values(), f"12.9 caught at {walk['element']}"]
        seen.add(walk["step"])
        if not walk["isVisible"]:
            hidden[walk["step"]] = f"10.7 {walk['element']}"
    return [*hidden.values(), f"12.9 more than {MAX_STEPS} steps"]

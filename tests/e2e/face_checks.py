"""Checks of the identity's rules on an open page (docs/identity.md), and its pictures for `docs/images`."""

import functools
import io
import os
from pathlib import Path

from django.contrib.staticfiles import finders
from PIL import Image
from playwright.sync_api import Page, Request
from whitenoise import compress

from tests.e2e.flat_colours import flatten_colours
from tests.e2e.site import WIDTHS, Visit

#: Bytes that the first load of a page may transfer, fonts included, pictures apart.
MAX_TRANSFER = 120_000
SMALLEST_TEXT = 16
#: Height of the bar on a telephone, with its line.
BAR_HEIGHT = 57

PICTURES = os.environ.get("PICTURES")

_SMALL_TEXT = """(smallest) => {
    const found = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const shown = element.checkVisibility() && !element.closest(".visually-hidden, sup");
        if (!texts.currentNode.textContent.trim() || !shown) continue;
        const size = parseFloat(getComputedStyle(element).fontSize);
        if (size < smallest - 0.01) found.add(`${size} px: ${texts.currentNode.textContent.trim().slice(0, 40)}`);
    }
    return [...found];
}"""


@functools.cache
def _measure_asset(name: str) -> int:
    """Return the bytes of a static file as they are served: WhiteNoise compresses text with brotli at its best."""
    file = finders.find(name)
    assert file is not None, name
    body = Path(str(file)).read_bytes()
    return len(compress.brotli.compress(body)) if name.endswith((".css", ".js")) else len(body)


def measure_transfer(visit: Visit, path: str, *, slug: str = "") -> tuple[int, dict[str, int]]:
    """Open the page with an empty cache; return the bytes of its transfer, and those of each part."""
    finished: list[Request] = []

    def note(request: Request) -> None:
        finished.append(request)

    visit.page.on("requestfinished", note)
    visit.open(path, slug=slug)
    visit.page.wait_for_load_state("networkidle")
    visit.settle()
    visit.page.remove_listener("requestfinished", note)
    parts = {}
    for request in finished:
        name = request.url.partition("/static/")[2].partition("?")[0]
        if request.resource_type == "image" or name.endswith(".svg"):
            continue
        # Pages are not compressed: what they hold of a session could be guessed from their length.
        parts[request.url] = _measure_asset(name) if name else request.sizes()["responseBodySize"]
    return sum(parts.values()), parts


def find_faults_of_identity(page: Page) -> list[str]:
    """Return where the page breaks a rule of the identity at the current width, one line each."""
    small: list[str] = page.evaluate(_SMALL_TEXT, SMALLEST_TEXT)
    faults = [f"small text: {one}" for one in small]
    filled: list[str] = page.locator("main .btn-primary:visible").all_inner_texts()
    if len(filled) > 1:
        faults.append(f"filled buttons: {filled}")
    if page.viewport_size == WIDTHS["phone"]:
        bar = page.locator("header.bar").bounding_box()
        if bar is not None and bar["height"] > BAR_HEIGHT:
            faults.append(f"bar of {bar['height']} px")
    return faults


def keep_pictures(visit: Visit, name: str) -> None:
    """Save what the window shows at each width, in the folder that `PICTURES` names; nothing without one."""
    if PICTURES is None:
        return
    page = visit.page
    original_size = page.viewport_size
    for width in WIDTHS.values():
        page.set_viewport_size(width)
        page.evaluate("document.fonts.ready.then(() => scrollTo(0, 0))")
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        flatten_colours(picture).save(Path(PICTURES) / f"{name}-{width['width']}.png", optimize=True)
    if original_size is not None:
        page.set_viewport_size(original_size)

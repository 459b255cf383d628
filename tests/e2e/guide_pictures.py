"""Pictures of the guides, taken by the tests that open its pages, where `PICTURES` names a folder."""

import io
import os
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page

from tests.e2e.flat_colours import flatten_colours

FOLDER = os.environ.get("PICTURES")


def keep_picture(page: Page, name: str, *, full_page: bool = False) -> None:
    """Save what the window shows as a PNG of that name, without the blank below; nothing without a folder.

    `full_page`: the page below the window too.
    """
    if FOLDER is None:
        return
    page.evaluate("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=full_page))).convert("RGB")
    box = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).getbbox()
    bottom = box[3] if box else picture.height
    picture = picture.crop((0, 0, picture.width, min(bottom + 24, picture.height)))
    flatten_colours(picture).save(Path(FOLDER) / f"{name}.png", optimize=True)

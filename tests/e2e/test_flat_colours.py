"""Pictures of the documentation have the colours of the identity."""

import re
from pathlib import Path

from django.contrib.staticfiles import finders
from PIL import Image

from tests.e2e.flat_colours import COLOURS, flatten_colours


def read_tokens():
    """Return the colours that the identity names, but for pale ones, which stand on large grounds."""
    tokens = Path(finders.find("web/tokens.css")).read_text(encoding="utf-8")
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", tokens)
    return {name: tuple(bytes.fromhex(digits)) for name, digits in found if not name.endswith("pale")}


def test_a_flattened_picture_keeps_the_colours_of_the_identity():
    tokens = read_tokens()
    assert "warm" in tokens
    picture = Image.new("RGB", (1280, 900), "white")
    for place, colour in enumerate(tokens.values()):
        picture.paste(colour, (place * 12, 54, place * 12 + 12, 60))
    # The edges of letters and drawings blend each colour into the ink: more shades than the palette has.
    for place, colour in enumerate(tokens.values()):
        for step in range(1, 24):
            shade = tuple(
                (one * (24 - step) + ink * step) // 24 for one, ink in zip(colour, tokens["ink"], strict=True)
            )
            picture.paste(shade, (place * 12, 60 + step * 4, place * 12 + 12, 64 + step * 4))
    assert len(picture.getcolors(1000)) > COLOURS
    flat = flatten_colours(picture)
    assert len(flat.getcolors()) <= COLOURS
    kept = flat.convert("RGB")
    assert {name: kept.getpixel((place * 12 + 6, 57)) for place, name in enumerate(tokens)} == tokens

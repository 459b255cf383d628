"""The French names that people give to a colour, by its hue, lightness and chroma. Pure."""

from __future__ import annotations

import colorsys
from functools import lru_cache

#: Share of the largest by which the parts of red, green and blue differ: below it a colour is grey.
MIN_CHROMA = 0.08
#: Lighter greys are white, darker ones black.
MAX_GREY_LIGHTNESS, MIN_GREY_LIGHTNESS = 0.97, 0.15
#: From this lightness on a red is called « rose », and what is between orange and yellow is called « jaune ».
PALE = 0.78
#: The names by hue, in degrees up to which they hold: the usual one first, then one that others may give.
_HUES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (12, ("rouge",)),
    (20, ("orange", "rouge")),
    (40, ("orange",)),
    (51, ("orange", "jaune")),
    (64, ("jaune",)),
    (75, ("vert", "jaune")),
    (160, ("vert",)),
    (180, ("vert", "bleu")),
    (195, ("bleu", "vert")),
    (245, ("bleu",)),
    (260, ("bleu", "violet")),
    (290, ("violet",)),
    (310, ("violet", "rose")),
    (335, ("rose",)),
    (348, ("rose", "rouge")),
    (360, ("rouge",)),
)


@lru_cache(maxsize=1024)
def name_colour(rgb: str) -> tuple[str, ...]:
    """Return the names of a colour such as « FF0000 », the likeliest first; none for black and white.

    They are among rouge, orange, jaune, vert, bleu, violet, rose and gris.
    """
    red, green, blue = (part / 255 for part in bytes.fromhex(rgb))
    hue, lightness, _ = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < MIN_CHROMA:
        return ("gris",) if MIN_GREY_LIGHTNESS < lightness < MAX_GREY_LIGHTNESS else ()
    names = next(names for limit, names in _HUES if hue * 360 <= limit)
    if lightness >= PALE:
        if names == ("rouge",):
            return ("rose", "rouge")
        if names == ("orange", "jaune"):
            return ("jaune", "orange")
    return names

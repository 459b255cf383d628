"""Logos as people upload them, and as they are served. Pure.

What is stored is our own PNG of the picture's pixels: nothing that came with the file (scripts in an SVG, a second
file behind the first, metadata) outlives the upload.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from collectivities.exceptions import InvalidLogo

MOST_UPLOADED = 2 * 1024 * 1024
MOST_STORED = 200 * 1024
#: As wide and as high as an e-mail shows it, twice over for fine screens.
BOX = (600, 240)
#: A picture of more pixels is no logo, and would be a load to unpack.
MOST_PIXELS = 25_000_000
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_ADVICE = "Choisissez une image PNG, JPEG, GIF ou WebP de 2 Mo au plus."


def clean(upload: bytes) -> bytes:
    """Return the picture as a PNG that fits the box, of 200 kB at most. Raises `InvalidLogo`."""
    if len(upload) > MOST_UPLOADED:
        raise InvalidLogo(f"Ce fichier est trop lourd. {_ADVICE}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(upload), formats=_FORMATS)
            if picture.width * picture.height > MOST_PIXELS:
                raise InvalidLogo(f"Cette image a trop de points. {_ADVICE}")
            pixels = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as error:
        raise InvalidLogo(f"Ce fichier n'est pas une image lisible. {_ADVICE}") from error
    pixels.thumbnail(BOX)
    while True:
        # A plain logo keeps all its colours; a photograph is brought to 256 of them, then made smaller, until it fits.
        for candidate in (pixels, pixels.quantize(256)):
            out = io.BytesIO()
            candidate.save(out, "PNG", optimize=True)
            if len(out.getvalue()) <= MOST_STORED:
                return out.getvalue()
        pixels = pixels.resize((max(1, pixels.width // 2), max(1, pixels.height // 2)))

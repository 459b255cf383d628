"""Clean uploaded logos.

An upload is re-encoded as PNG from its pixels, so that nothing else in the file (SVG scripts, appended files,
metadata) is stored: in a child process, which a file may make run out of memory or time alone.
"""

import base64
import io
import warnings
from collections.abc import Callable
from typing import Any

from PIL import Image, UnidentifiedImageError

from collectivities.exceptions import InvalidLogo
from core.bounded_process import BoundedProcessError, ProcessLimits, run_bounded

MAX_UPLOAD_BYTES = 2 * 1024 * 1024
MAX_STORED_BYTES = 200 * 1024
#: Twice the size shown in e-mails, for high-density screens.
MAX_DIMENSIONS = (600, 240)
#: Above, decompression would take too much memory.
MAX_PIXELS = 25_000_000
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
#: The person waits for the page meanwhile.
_LIMITS = ProcessLimits(cpu_seconds=8, wall_seconds=15.0, result_bytes=2 * MAX_STORED_BYTES)
_ADVICE = "Choisissez une image PNG, JPEG, GIF ou WebP de 2 Mo au plus."


def reencode(upload: bytes) -> bytes:
    """Return the image as a PNG that fits `MAX_DIMENSIONS`, of 200 kB at most. Raises `InvalidLogo`."""
    if len(upload) > MAX_UPLOAD_BYTES:
        raise InvalidLogo(f"Ce fichier est trop lourd. {_ADVICE}")
    try:
        answer = run_bounded(f"{__name__}:child_reencode", upload, limits=_LIMITS)
    except BoundedProcessError as error:
        raise InvalidLogo(f"{error.sentence} {_ADVICE}") from error
    if isinstance(answer, str):
        raise InvalidLogo(answer)
    content: bytes = answer
    return content


def build_data_url(png: bytes) -> str:
    """Return the logo as an address that holds it, for previews, which may load nothing."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def child_reencode(send: Callable[[Any], None], upload: bytes) -> bytes | str:  # noqa: ARG001 - nothing to tell meanwhile
    """Return the PNG, or the reason why the upload is refused; runs in the child."""
    try:
        return _reencode(upload)
    except InvalidLogo as refusal:
        return refusal.sentence


def _reencode(upload: bytes) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(upload), formats=_FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise InvalidLogo(f"Cette image a trop de points. {_ADVICE}")
            pixels = image.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as error:
        raise InvalidLogo(f"Ce fichier n'est pas une image lisible. {_ADVICE}") from error
    pixels.thumbnail(MAX_DIMENSIONS)
    while True:
        # Try full colour, then 256 colours, then half the size, until it fits.
        for version in (pixels, pixels.quantize(256)):
            buffer = io.BytesIO()
            version.save(buffer, "PNG", optimize=True)
            if len(buffer.getvalue()) <= MAX_STORED_BYTES:
                return buffer.getvalue()
        pixels = pixels.resize((max(1, pixels.width // 2), max(1, pixels.height // 2)))

"""The search for cyclic garbage, put off while a table is worked on."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def put_off() -> Iterator[None]:
    """Search for no cyclic garbage meanwhile.

    Hundreds of thousands of cells and rows make none, and every search goes through all of them: half the time of a
    large table went there. What is not cyclic is freed at once, as ever.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

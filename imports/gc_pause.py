"""Disable the cyclic garbage collector while an import is processed."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def disable_gc() -> Iterator[None]:
    """Disable the garbage collector for the duration of the block.

    Hundreds of thousands of cells and rows make no cycles, yet every collection traverses all of them: half the time of
    a large import. Reference counting still frees everything else.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

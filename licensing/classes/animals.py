"""The drawings of the animals after which pupils are called: one SVG a word of the list, drawn for Pep's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from licensing.classes import words

_DRAWINGS = Path(__file__).parent / "static" / "classes" / "animals"


@cache
def read_drawing(word: str) -> str:
    """Return the SVG of a pupil's word, without accents; an empty string for any other word."""
    if word not in words.list_pupil_words():
        return ""
    return (_DRAWINGS / f"{word}.svg").read_text(encoding="utf-8").strip()

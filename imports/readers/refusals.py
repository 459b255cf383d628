"""Why a file is not read at all."""

from __future__ import annotations


class Unreadable(Exception):
    """The file is refused whole. `code` is stable; the sentence is French and says what to do next."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence

"""Refusals of opening an office, said so that the person who asked can correct what they typed."""

from __future__ import annotations


class OpeningRefused(Exception):
    """The office cannot be opened as asked; nothing was done.

    `problems` says what is wrong with which field, in French; the empty key is for what no field explains.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems

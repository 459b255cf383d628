"""Errors of opening an office."""

from __future__ import annotations


class OpeningRefused(Exception):
    """The office cannot be opened; nothing was changed.

    `problems` maps field to French sentence; the empty key holds what concerns no field.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems

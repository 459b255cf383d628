"""What every rule's refusal has, whichever app the rule is of: pages and the API show them alike."""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A rule says no; nothing was changed.

    `code` is stable, for programs and tests; the sentence is French, complete, and shown to people as it stands.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

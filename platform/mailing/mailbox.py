"""Reading the folder in which the sink keeps messages."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the folder."""

    path: Path
    email: EmailMessage

    @property
    def text(self) -> str:
        """The text part; empty where there is none."""
        part = self.email.get_body(("plain",))
        return part.get_content() if part is not None else ""

    @property
    def html(self) -> str:
        """The HTML part; empty where there is none."""
        part = self.email.get_body(("html",))
        return part.get_content() if part is not None else ""


def latest(folder: Path, *, limit: int | None = None, recipient: str = "") -> list[Letter]:
    """Return the letters, the latest first; only those to an address that contains `recipient`, where it is given."""
    letters: list[Letter] = []
    # Their names begin with the moment of their arrival.
    for path in sorted(folder.glob("*.eml"), reverse=True):
        if limit is not None and len(letters) >= limit:
            break
        letter = Letter(path, email.message_from_bytes(path.read_bytes(), policy=email.policy.default))
        if recipient.casefold() in str(letter.email["To"]).casefold():
            letters.append(letter)
    return letters

"""What an act on « Mon compte » did or why it was refused, said once, beside the person it is about."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest

_SESSION_KEY = "notice"
NEXT, SAME = "next", "same"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A message in the list of teachers."""

    sentence: str
    refused: bool = False
    #: The row that it stands beside, `RosterRow.key`; empty: on top of the list.
    row: str = ""
    #: The assigned seats that « Annuler » takes back.
    seats: tuple[int, ...] = ()
    #: Whether the form that invites stays open: more may be invited.
    inviting: bool = False
    #: The invitation that « Relancer » sends again.
    waiting: int = 0
    #: Where the focus goes: to the next person to give a licence after `row`, or to `row`; empty: to the message.
    focus: str = ""


def keep_notice(request: HttpRequest, notice: Notice) -> None:
    """Keep the message for the next page: the act was sent without scripts, and is answered by a redirect."""
    request.session[_SESSION_KEY] = asdict(notice)


def take_notice(request: HttpRequest) -> Notice | None:
    """Return the message that was kept, and forget it."""
    kept: dict[str, Any] | None = request.session.pop(_SESSION_KEY, None)
    return Notice(**{**kept, "seats": tuple(kept["seats"])}) if kept else None

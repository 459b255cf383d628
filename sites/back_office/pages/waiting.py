"""« Ce qui attend »: the root of the back office and its lists, each with the oldest first, with age and amount."""

from __future__ import annotations

import datetime
import operator
from dataclasses import dataclass
from decimal import Decimal

from core.formatting import pluralize


@dataclass(frozen=True, kw_only=True)
class WaitingItem:
    """One thing that waits, and the page where it is done. `amount`: in euros, None where none is at stake."""

    label: str
    client: str
    url: str
    #: The day since which it waits, and the current one, in Europe/Paris.
    since: datetime.date
    today: datetime.date
    detail: str = ""
    amount: Decimal | None = None
    is_late: bool = False
    #: The moment since which it waits, in Europe/Paris; None where only the day is known.
    moment: datetime.datetime | None = None

    @property
    def age(self) -> str:
        """For how long it has waited: « aujourd'hui à 14:05 », « 12 jours »."""
        days = (self.today - self.since).days
        if days > 0:
            return pluralize(days, "jour")
        return f"aujourd'hui à {self.moment:%H:%M}" if self.moment else "aujourd'hui"


@dataclass(frozen=True)
class WaitingPart:
    """Things of one kind: how many there are, the oldest of them, and what all of them are worth, in euros."""

    count: int
    items: list[WaitingItem]
    total: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class WaitingList:
    """Several kinds of things to do in the same sitting. `items`: the oldest, of `count`."""

    slug: str
    title: str
    count: int
    items: list[WaitingItem]
    total: Decimal | None

    @property
    def left_out(self) -> int:
        """How many wait beside `items`."""
        return self.count - len(self.items)


def merge_parts(slug: str, title: str, parts: list[WaitingPart], *, limit: int) -> WaitingList:
    """Return the list that the parts make, with at most `limit` items; its total is that of the parts with one."""
    items = sorted((item for part in parts for item in part.items), key=operator.attrgetter("since"))
    totals = [part.total for part in parts if part.total is not None]
    return WaitingList(
        slug=slug,
        title=title,
        count=sum(part.count for part in parts),
        items=items[:limit],
        total=sum(totals[1:], totals[0]) if totals else None,
    )

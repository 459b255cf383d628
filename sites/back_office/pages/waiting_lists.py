"""The four lists of what waits: « à vérifier », « à encaisser », « à déposer », « à rappeler »."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from sites.back_office.pages import waiting_people, waiting_sales
from sites.back_office.pages.waiting import WaitingList, WaitingPart, merge_parts

#: Of each list, by its slug: title, and what makes it.
LISTS: dict[str, tuple[str, tuple[Callable[[datetime.datetime, int], WaitingPart], ...]]] = {
    waiting_sales.TO_CHECK: ("À vérifier", (waiting_sales.list_signed_orders, waiting_sales.list_reviews)),
    waiting_sales.TO_COLLECT: ("À encaisser", (waiting_sales.list_unpaid, waiting_sales.list_bank_lines)),
    "deposer": ("À déposer", (waiting_sales.list_deposits,)),
    "rappeler": (
        "À rappeler",
        (
            waiting_people.list_office_requests,
            waiting_people.list_lost_messages,
            waiting_people.list_offices_with_lost_messages,
            waiting_people.list_empty_offices,
        ),
    ),
}


def build_list(slug: str, now: datetime.datetime, *, limit: int) -> WaitingList:
    """Return one list, with its oldest `limit` items. Raises `KeyError` for an unknown slug."""
    title, sources = LISTS[slug]
    return merge_parts(slug, title, [read(now, limit) for read in sources], limit=limit)

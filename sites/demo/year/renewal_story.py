"""What each office makes of the next year's proposal: ordered in spring, in August by a workbook, or declined. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sites.demo.year.acts import Act, act
from sites.demo.year.places import OfficeStory, RenewalWay
from sites.demo.year.school_story import SchoolYearStory
from sites.demo.year.terms import find_working_day

#: Of the schools that use licences, how many ask for one more.
_GROWING = 0.25
DECLINED = "Le budget de cette année ne le permet pas ; nous y reviendrons à la prochaine rentrée."


def choose_units(stories: Sequence[SchoolYearStory]) -> dict[str, int]:
    """Return the next year's licences by UAI: as many as teachers hold, one more for some; nothing for the others."""
    return {
        one.plan.uai: len(one.held) + (one.plan.draw("one more").random() < _GROWING) for one in stories if one.held
    }


def tell_renewal(office: OfficeStory, units: Mapping[str, int], ends_in: int) -> list[Act]:
    """Return an office's acts from the first reminder to the list that is given; `ends_in`: the year of its licences.

    The first reminder comes in April, the licences are on sale from May on.
    """
    known: dict[str, Any] = {"office": office, "year": ends_in + 1}
    match office.renewal:
        case RenewalWay.DECLINED:
            return [act(_day(ends_in, 6, 12), "decline_renewal", sentence=DECLINED, hour=15, **known)]
        case RenewalWay.IN_SPRING:
            return [
                act(_day(ends_in, 4, 9), "edit_renewal", units=units, hour=14, **known),
                act(_day(ends_in, 5, 13), "quote_renewal", units=units, hour=15, **known),
                act(_day(ends_in, 5, 20), "order", units=sum(units.values()), hour=9, **known),
                act(_day(ends_in, 5, 29), "send_purchase_order", hour=11, **known),
                act(_day(ends_in, 6, 3), "confirm_purchase_order", **known),
                act(_day(ends_in, 7, 2), "give_renewal", units=units, **known),
                act(_day(ends_in, 7, 2), "undo_renewal", minute=20, **known),
                act(_day(ends_in, 7, 3), "give_renewal", units=units, minute=40, **known),
                act(_day(ends_in, 7, 8), "pay", **known),
            ]
        case RenewalWay.IN_AUGUST:
            return [
                act(_day(ends_in, 8, 18), "take_renewal_workbook", units=units, hour=9, **known),
                act(_day(ends_in, 8, 19), "quote_renewal", units=units, **known),
                act(_day(ends_in, 8, 19), "order", units=sum(units.values()), hour=11, **known),
                # From the provisional lot: the signed purchase order comes in September.
                act(_day(ends_in, 8, 24), "give_renewal", units=units, hour=15, **known),
                act(_day(ends_in, 9, 9), "send_purchase_order", hour=11, **known),
                act(_day(ends_in, 9, 14), "confirm_purchase_order", **known),
                act(_day(ends_in, 9, 28), "pay", **known),
            ]


def _day(year: int, month: int, day: int) -> datetime.date:
    return find_working_day(datetime.date(year, month, day))

"""The story of the year: who does what on which day, from the first purchase to the second September. Pure."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from sites.demo.year.acts import Act, act
from sites.demo.year.asking_story import tell_requests, tell_returns
from sites.demo.year.places import OFFICES, OfficeStory, RenewalWay
from sites.demo.year.renewal_story import choose_units, tell_renewal
from sites.demo.year.school_plans import SchoolPlan, list_plans
from sites.demo.year.school_story import SchoolYearStory, tell_first_year, tell_second_year
from sites.demo.year.terms import StoryTerms, find_working_day

_DAY = datetime.timedelta(days=1)


@dataclass
class YearStory:
    """A year that begins in August of `first_year` and ends with the September after the next summer.

    `scale`: the part of the schools that take part.
    """

    first_year: int
    scale: float = 1.0
    acts: list[Act] = field(default_factory=list)
    #: The schools with licences, in the first year and in the second.
    first: dict[str, SchoolYearStory] = field(default_factory=dict)
    second: dict[str, SchoolYearStory] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Tell it all, in order of days."""
        self.terms = StoryTerms(self.first_year)
        self.plans = list_plans(self.scale)
        self._tell_offices()
        for plan in self.plans:
            self._tell_school(plan)
        for office in OFFICES:
            stories = [one for one in self.first.values() if one.plan.office is office]
            self.acts += tell_requests(office, stories, self.first_year)
            self.acts += tell_returns(office, stories, self.first_year)
            self._tell_second_year(office, stories)
        for one in (*self.first.values(), *self.second.values()):
            self.acts += one.acts
        self.acts.sort(key=lambda one: (one.day, one.hour, one.minute))

    @property
    def first_day(self) -> datetime.date:
        return self.day(8, 19)

    @property
    def last_day(self) -> datetime.date:
        return datetime.date(self.first_year + 1, 9, 30)

    @property
    def ends_in(self) -> int:
        """The year in which the first school year ends."""
        return self.first_year + 1

    def day(self, month: int, day: int) -> datetime.date:
        """Return the working day on or after a day of the school year, which begins in August."""
        return find_working_day(datetime.date(self.first_year + (month < 8), month, day))  # noqa: PLR2004 - August

    def get_gift_day(self, office: OfficeStory) -> datetime.date:
        """Return the day on which an office's schools get their keys."""
        of_office = {"ales": (9, 2), "finistere": (9, 15), "chambery": (9, 29)}
        return self.terms.next_school_day(self.day(*of_office[office.slug]), office.zone)

    def count_bought(self, office: OfficeStory) -> int:
        """Return the licences that an office buys for the first year."""
        return sum(plan.units for plan in self.plans if plan.office is office) + office.spare

    def _tell_offices(self) -> None:
        self.acts += [act(self.first_day, "load_directory", hour=9), act(self.first_day, "open_shop", hour=9)]
        for office in OFFICES:
            self.acts += [
                act(self.first_day, "open_office", office=office),
                act(self.day(8, 20), "join_office", office=office),
                act(self.day(8, 21), "accept_membership", hour=11, office=office),
                act(self.day(8, 22), "fill_portfolio", hour=14, office=office),
                act(self.day(8, 22), "present_office", hour=15, office=office),
            ]
        ales, finistere, chambery = OFFICES
        self.acts += self._buy(ales, self.day(8, 25), scan_after=3, paid_after=24, quoted=True)
        self.acts += self._buy(finistere, self.day(9, 8), scan_after=7, paid_after=40)
        # Its signed purchase order comes late: it is reminded of it.
        self.acts += self._buy(chambery, self.day(9, 22), scan_after=33, paid_after=60, quoted=True)
        self.acts += [
            act(self.day(8, 28), "import_workbook", office=ales, send_on=self.get_gift_day(ales)),
            act(self.get_gift_day(finistere), "give_in_bulk", office=finistere),
            act(self.get_gift_day(chambery), "give_many", office=chambery),
            act(self.day(11, 18), "stop_weekly_letter", office=finistere),
            act(self.day(12, 3), "remind_by_hand", office=finistere),
        ]
        for office in OFFICES:
            self.acts.append(act(self._get_correction_day(office), "correct_addresses", office=office, hour=9))

    def _buy(
        self, office: OfficeStory, day: datetime.date, *, scan_after: int, paid_after: int, quoted: bool = False
    ) -> list[Act]:
        """Return the acts of a purchase for the first year: quote, order, signed purchase order, invoice, payment."""
        units = self.count_bought(office)
        scanned, paid = (find_working_day(day + days * _DAY) for days in (scan_after, paid_after))
        known: dict[str, Any] = {"office": office, "year": self.ends_in}
        return [
            *([act(find_working_day(day - 3 * _DAY), "quote", units=units, hour=15, **known)] if quoted else []),
            act(day, "order", units=units, hour=9, **known),
            act(scanned, "send_purchase_order", hour=11, **known),
            act(find_working_day(scanned + _DAY), "confirm_purchase_order", **known),
            act(paid, "pay", **known),
        ]

    def _get_correction_day(self, office: OfficeStory) -> datetime.date:
        return self.terms.next_school_day(self.get_gift_day(office) + 3 * _DAY, office.zone)

    def _tell_school(self, plan: SchoolPlan) -> None:
        if not plan.units:
            day = self.terms.next_school_day(self.day(9, 10), plan.office.zone)
            self.acts.append(act(day, "sign_up", plan=plan, places=list(range(len(plan.teachers)))))
            return
        is_lost = plan.address != plan.mailbox
        arrival = self._get_correction_day(plan.office) if is_lost else self.get_gift_day(plan.office)
        story = SchoolYearStory(plan, self.terms, self.ends_in, plan.units, arrival)
        tell_first_year(story)
        self.first[plan.uai] = story

    def _tell_second_year(self, office: OfficeStory, stories: list[SchoolYearStory]) -> None:
        """Have an office renew, and its schools go on with the keys that leave on the first school day."""
        units = choose_units(stories) if office.renewal is not RenewalWay.DECLINED else {}
        self.acts += tell_renewal(office, units, self.ends_in)
        start = self.terms.next_school_day(datetime.date(self.ends_in, 9, 1), office.zone)
        for before in stories:
            if before.plan.uai in units:
                story = SchoolYearStory(before.plan, self.terms, self.ends_in + 1, units[before.plan.uai], start)
                tell_second_year(story, before)
                self.second[before.plan.uai] = story


def list_days(story: YearStory) -> list[datetime.date]:
    """Return every day of the story."""
    count = (story.last_day - story.first_day).days + 1
    return [story.first_day + number * _DAY for number in range(count)]

"""The story of the year: who does what on which day, from the first purchase to the second September. Pure."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sites.demo.year.places import OFFICES, OfficeStory, RenewalWay, SchoolPlan, list_plans
from sites.demo.year.school_story import (
    Act,
    SchoolYearStory,
    StoryTerms,
    act,
    find_working_day,
    open_class,
    tell_first_year,
    tell_second_year,
)

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


_TUESDAY = 1
#: Offices that ask their schools, in January, for what they do not use.
_ASKING = ("ales", "chambery")
#: The office that rebalances its lot in March, and by that answers what its schools ask for in the weeks before.
_REBALANCING = "chambery"
#: One school of so many of those that could, does.
_REQUESTING_EACH, _SERVED_EACH, _MOVING_EACH, _LEAVING_EACH = 3, 4, 9, 11
#: Of those that ask, one of so many does so late, one of so many others is refused.
_LATE_EACH, _REFUSED_EACH = 4, 5
REASON = "Une classe de plus a ouvert après la rentrée."
REFUSAL = "Toutes nos licences sont données cette année ; redemandez au printemps."
TEACHER_REFUSAL = "La collectivité n'en a plus cette année."
KEPT = "Deux collègues commencent en février."


def tell_requests(office: OfficeStory, stories: Sequence[SchoolYearStory], first_year: int) -> list[Act]:
    """Tell who asks whom for licences, and how it is answered; return the collectivity's decisions."""
    decided: dict[datetime.date, dict[str, Any]] = {}
    rebalanced: list[str] = []
    rebalancing_day = _find_rebalancing_days(first_year)[1]
    full = [one for one in stories if one.held and len(one.held) == one.units and one.list_spare()]
    for number, story in enumerate(full[::_REQUESTING_EACH]):
        is_late = office.slug == _REBALANCING and number % _LATE_EACH == 0
        is_refused = number % _REFUSED_EACH == 1 and not is_late
        asked = _draw_day(story, first_year, "request")
        if is_late:
            asked = story.day(datetime.date(first_year + 1, 3, 9), story.plan.draw("late").randint(0, 4))
        up = story.day(asked, 2)
        decision = rebalancing_day if is_late else _find_decision_day(story, up)
        if is_late:
            rebalanced.append(story.plan.uai)
        else:
            answers = decided.setdefault(decision, {"accepted": [], "refused": []})
            answers["refused" if is_refused else "accepted"].append(story.plan.uai)
        place = story.list_spare()[0]
        story.add(asked, "ask_principal", place=place)
        story.add(up, "ask_collectivity", year=story.year, units=1, reason=REASON)
        after = story.day(decision, 1)
        if is_refused:
            story.add(after, "refuse_teacher", place=place, sentence=TEACHER_REFUSAL)
        else:
            story.add(after, "assign", year=story.year, places=[place])
            story.hold(place, after)
            open_class(story, place, after)
    partly = [one for one in stories if one.held and len(one.held) + one.unanswered < one.units and one.list_spare()]
    for story in partly[::_SERVED_EACH]:
        asked, place = _draw_day(story, first_year, "request"), story.list_spare()[0]
        served = story.day(asked, 2)
        story.add(asked, "ask_principal", place=place)
        story.add(served, "assign", year=story.year, places=[place])
        story.hold(place, served)
        open_class(story, place, served)
    moving = [one for one in stories if len(one.held) > 1 and one.list_spare()]
    for story in moving[::_MOVING_EACH]:
        _replace_a_teacher(story, first_year)
    for story in moving[4::_LEAVING_EACH]:
        _withdraw_a_licence(story, first_year)
    decisions = [
        act(day, "decide", office=office, sentence=REFUSAL, **answers) for day, answers in sorted(decided.items())
    ]
    return decisions + (_tell_rebalancing(office, rebalanced, first_year) if office.slug == _REBALANCING else [])


def _tell_rebalancing(office: OfficeStory, answered: Sequence[str], first_year: int) -> list[Act]:
    """Have a lot be rebalanced, that be undone, and be done again some days later."""
    first, again = _find_rebalancing_days(first_year)
    return [
        act(first, "rebalance", office=office, answered=answered),
        act(first, "undo_rebalancing", office=office, minute=20),
        act(again, "rebalance", office=office, answered=answered),
    ]


def _find_rebalancing_days(first_year: int) -> tuple[datetime.date, datetime.date]:
    first = find_working_day(datetime.date(first_year + 1, 3, 24))
    return first, find_working_day(first + 2 * _DAY)


def tell_returns(office: OfficeStory, stories: Sequence[SchoolYearStory], first_year: int) -> list[Act]:
    """Tell who gives licences back, unasked or asked; return the collectivity's request of January."""
    asleep = [
        one for one in stories if not one.held and not one.unanswered and _is_redeemed(one, first_year + 1, 1, 12)
    ]
    giving = [one for one in asleep[::2] if _is_redeemed(one, first_year, 11, 1) and one.units > 1]
    for story in giving:
        day = story.day(datetime.date(first_year, 11, 17), story.plan.draw("return").randint(0, 9))
        story.add(day, "give_back", year=story.year, units=story.units - 1)
    if office.slug not in _ASKING:
        return []
    asked = find_working_day(datetime.date(first_year + 1, 1, 12))
    for number, story in enumerate(one for one in asleep if one not in giving):
        day = story.day(asked, story.plan.draw("answer").randint(1, 9))
        if number % 4 in (0, 1):
            story.add(day, "answer_return", year=story.year, kept="")
        elif number % 4 == 2:  # noqa: PLR2004
            story.add(day, "answer_return", year=story.year, kept=KEPT)
    return [act(asked, "ask_back", hour=9, office=office)]


def _is_redeemed(story: SchoolYearStory, *before: int) -> bool:
    return story.redeemed_on is not None and story.redeemed_on < datetime.date(*before)


def _draw_day(story: SchoolYearStory, first_year: int, what: str) -> datetime.date:
    """Return a day of the autumn or of January, some weeks after the school got going."""
    start = max(datetime.date(first_year, 10, 6), max(story.held.values()) + 14 * _DAY)
    return story.day(start, story.plan.draw(what).randint(0, 80))


def _find_decision_day(story: SchoolYearStory, day: datetime.date) -> datetime.date:
    """Return the next Tuesday on which school and office work."""
    day += _DAY
    while day.weekday() != _TUESDAY or not story.terms.is_school_day(day, story.plan.office.zone):
        day += _DAY
    return day


def _replace_a_teacher(story: SchoolYearStory, first_year: int) -> None:
    """Have a licence pass on, with its class, to a colleague who comes in January."""
    place, successor = min(story.held), story.list_spare()[-1]
    day = story.day(datetime.date(first_year + 1, 1, 6), story.plan.draw("move").randint(0, 12))
    if story.held[place] >= day or any(
        successor in (one.arguments.get("place"), *one.arguments.get("places", ())) and one.name != "sign_up"
        for one in story.acts
    ):
        return
    story.add(day, "replace", year=story.year, place=place, successor=successor)
    story.hold(successor, day)
    del story.held[place]
    if place in story.classes:
        story.classes[successor] = story.classes.pop(place)


def _withdraw_a_licence(story: SchoolYearStory, first_year: int) -> None:
    """Have a licence taken back from a teacher who leaves, with its class."""
    place = max(story.held)
    day = story.day(datetime.date(first_year + 1, 2, 3), story.plan.draw("leave").randint(0, 8))
    if story.held[place] >= day or story.classes.get(place, day) > day:
        return
    story.add(day, "release", year=story.year, place=place)
    del story.held[place]
    story.classes.pop(place, None)


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

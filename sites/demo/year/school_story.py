"""The year of one school: its key, its teachers, their classes, what they ask for and give back. Pure."""

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from core.calendar import is_public_holiday
from sites.demo.people import DemoPerson
from sites.demo.year.places import SchoolPlan, StaffingWay

ZONES = ("A", "B", "C")
_DAY = datetime.timedelta(days=1)
_SATURDAY = 5
_TWO_WEEKS = datetime.timedelta(days=15)
#: First Saturday of the winter and of the spring holidays, counted in weeks, by zone.
_LATER_WEEKS = {"A": 2, "B": 0, "C": 1}


class HolidayPeriod(NamedTuple):
    """Holidays of a zone; `first_day` and `back_on` are a Saturday and the day school begins again."""

    zone: str
    name: str
    first_day: datetime.date
    back_on: datetime.date


class StoryTerms:
    """The school days of some years from a September on, made up as the ministry makes them."""

    def __init__(self, first_year: int, *, years: int = 4) -> None:
        self.first_year = first_year
        self.periods = [
            period
            for year in range(first_year - 1, first_year + years)
            for zone in ZONES
            for period in _list(year, zone)
        ]

    def is_school_day(self, day: datetime.date, zone: str) -> bool:
        """Return whether a school of the zone works."""
        return not (
            day.weekday() >= _SATURDAY
            or is_public_holiday(day)
            or any(one.zone == zone and one.first_day <= day < one.back_on for one in self.periods)
        )

    def next_school_day(self, day: datetime.date, zone: str) -> datetime.date:
        """Return the day, or the next on which a school of the zone works."""
        while not self.is_school_day(day, zone):
            day += _DAY
        return day

    def write_file(self, path: Path) -> None:
        """Write the holidays as the open data has them, for `load_calendar`."""
        rows = [
            {
                "description": one.name,
                "population": "-",
                "start_date": one.first_day.isoformat(),
                "end_date": one.back_on.isoformat(),
                "zones": f"Zone {one.zone}",
            }
            for one in self.periods
        ]
        path.write_text(json.dumps(rows), encoding="utf-8")


def find_working_day(day: datetime.date) -> datetime.date:
    """Return the day, or the next on which an office works."""
    while day.weekday() >= _SATURDAY or is_public_holiday(day):
        day += _DAY
    return day


def _list(year: int, zone: str) -> list[HolidayPeriod]:
    """Return the holidays of the school year that begins in a year."""
    later = datetime.timedelta(weeks=_LATER_WEEKS[zone])
    christmas = _saturday(datetime.date(year, 12, 17))
    return [
        HolidayPeriod(zone, "Vacances de la Toussaint", *_weeks(_saturday(datetime.date(year, 10, 17)))),
        HolidayPeriod(zone, "Vacances de Noël", *_weeks(christmas)),
        HolidayPeriod(zone, "Vacances d'Hiver", *_weeks(_saturday(datetime.date(year + 1, 2, 6)) + later)),
        HolidayPeriod(zone, "Vacances de Printemps", *_weeks(_saturday(datetime.date(year + 1, 4, 4)) + later)),
        HolidayPeriod(zone, "Vacances d'Été", _saturday(datetime.date(year + 1, 7, 3)), datetime.date(year + 1, 9, 1)),
    ]


def _saturday(day: datetime.date) -> datetime.date:
    return day + (_SATURDAY - day.weekday()) % 7 * _DAY


def _weeks(first_day: datetime.date) -> tuple[datetime.date, datetime.date]:
    # Until the third Monday: two days of weekend before two weeks of five days.
    return first_day, first_day + _TWO_WEEKS + _DAY


class Act(NamedTuple):
    """One thing that one person does. `name`: the function of a module `…_acts` that does it."""

    day: datetime.date
    name: str
    arguments: dict[str, Any]
    #: In Paris; whoever is in an office or a school does things at ten.
    hour: int = 10
    minute: int = 0


def act(day: datetime.date, name: str, *, hour: int = 10, minute: int = 0, **arguments: Any) -> Act:
    """Return an act."""
    return Act(day, name, arguments, hour, minute)


MORE_REASON = "Une classe de plus a ouvert en septembre."
_PUPILS = (16, 28)
#: Answers to an invitation: days, or None for never; with their weights.
_ANSWERS: tuple[tuple[tuple[int, int] | None, int], ...] = (((1, 5), 80), ((8, 13), 12), (None, 8))


@dataclass
class SchoolYearStory:
    """What a school does with the key of one school year, which arrives on a day."""

    plan: SchoolPlan
    terms: StoryTerms
    #: The year in which the school year ends, and the licences that it has.
    year: int
    units: int
    arrival: datetime.date
    acts: list[Act] = field(default_factory=list)
    redeemed_on: datetime.date | None = None
    #: Since when teachers hold licences, by their place among the school's.
    held: dict[int, datetime.date] = field(default_factory=dict)
    #: Those of them that opened a class, or took it along.
    classes: dict[int, datetime.date] = field(default_factory=dict)
    #: How many licences are promised to somebody who never answers.
    unanswered: int = 0

    def day(self, start: datetime.date, days: int) -> datetime.date:
        """Return the school day some days after another."""
        return self.terms.next_school_day(start + datetime.timedelta(days=days), self.plan.office.zone)

    def add(self, day: datetime.date, name: str, *, hour: int = 10, **arguments: Any) -> None:
        """Add an act of the school."""
        self.acts.append(act(day, name, hour=hour, plan=self.plan, **arguments))

    def list_spare(self) -> list[int]:
        """Return the places of the teachers without a licence who have an account."""
        return [place for place in range(self.plan.staffed, len(self.plan.teachers)) if place not in self.held]

    def teacher(self, place: int) -> DemoPerson:
        return self.plan.teachers[place]

    def hold(self, place: int, day: datetime.date) -> None:
        """Note that a teacher holds a licence from a day on."""
        self.held[place] = day


def tell_first_year(story: SchoolYearStory) -> None:
    """Tell the first year of a school with a key: it is redeemed by a new account, and staffed."""
    plan = story.plan
    if plan.delay is None:
        if plan.draw("stop").random() < 0.15:  # noqa: PLR2004
            story.add(story.day(story.arrival, 14), "stop_reminders")
        story.add(story.day(story.arrival, 10), "sign_up", places=list(range(len(plan.teachers))))
        return
    story.redeemed_on = story.day(story.arrival, plan.delay)
    story.add(story.redeemed_on, "redeem_with_new_account")
    if plan.address != plan.mailbox:
        # The key was known elsewhere before: redeeming it proves no direction.
        story.add(story.redeemed_on, "ask_for_verification")
        story.add(story.redeemed_on, "confirm_verification", hour=11)
    invited = plan.way is StaffingWay.INVITED
    with_account = range(plan.staffed if invited else 0, len(plan.teachers))
    story.add(story.redeemed_on, "sign_up", places=list(with_account))
    if plan.staffed:
        _staff(story, story.day(story.redeemed_on, plan.draw("staffing").randint(1, 3)), range(plan.staffed))
    elif plan.wakes:
        woken = story.day(story.redeemed_on, 15 + plan.draw("waking").randint(4, 9))
        _staff(story, woken, range(min(story.units, 2)))
    _open_classes(story)


def _staff(story: SchoolYearStory, day: datetime.date, places: range) -> None:
    """Have these teachers get a licence, in the school's way; invitations presuppose that they have no account."""
    plan = story.plan
    way = plan.way if plan.staffed else StaffingWay.ASSIGNED
    match way:
        case StaffingWay.INVITED:
            story.add(day, "invite", year=story.year, places=list(places))
            for place in places:
                rng = plan.draw(f"answer {place}")
                [span] = rng.choices([span for span, _ in _ANSWERS], [weight for _, weight in _ANSWERS])
                if span is None:
                    story.unanswered += 1
                    continue
                answered = story.day(day, rng.randint(*span))
                story.add(answered, "accept_invitation", place=place)
                story.hold(place, answered)
        case StaffingWay.ASSIGNED:
            story.add(day, "assign", year=story.year, places=list(places))
            for place in places:
                story.hold(place, day)
        case StaffingWay.CLAIMED:
            for place in places:
                claimed = story.day(day, plan.draw(f"claim {place}").randint(0, 4))
                story.add(claimed, "claim", place=place)
                story.hold(place, claimed)


def _open_classes(story: SchoolYearStory) -> None:
    for place, held_on in list(story.held.items()):
        open_class(story, place, held_on)


def open_class(story: SchoolYearStory, place: int, held_on: datetime.date) -> None:
    """Have most teachers open a class soon."""
    rng = story.plan.draw(f"class {place}")
    if rng.random() < 0.85:  # noqa: PLR2004
        opened = story.day(held_on, rng.randint(1, 8))
        level = ("CP", "CE1", "CE2", "CM1", "CM2")[place]
        story.add(opened, "open_class", year=story.year, place=place, level=level, pupils=rng.randint(*_PUPILS))
        story.classes[place] = opened


def tell_second_year(story: SchoolYearStory, before: SchoolYearStory) -> None:
    """Tell the autumn after: the same head redeems, the same teachers get licences, and take their classes along."""
    plan = story.plan
    rng = plan.draw("second year")
    if rng.random() < 0.08:  # noqa: PLR2004
        return
    story.redeemed_on = story.day(story.arrival, rng.randint(0, 6))
    story.add(story.redeemed_on, "redeem")
    places = sorted(before.held)[: story.units]
    if len(places) > 1 and rng.random() < 0.15:  # noqa: PLR2004
        places.pop()
    assigned = story.day(story.redeemed_on, rng.randint(1, 3))
    story.add(assigned, "assign", year=story.year, places=places)
    for place in places:
        story.hold(place, assigned)
    carried = [place for place in places if place in before.classes]
    hands_over = len(carried) > 1 and rng.random() < 0.2  # noqa: PLR2004
    for place in carried[1:] if hands_over else carried:
        if rng.random() < 0.8:  # noqa: PLR2004
            day = story.day(assigned, rng.randint(1, 8))
            story.add(day, "carry_on", year=story.year, place=place)
            story.classes[place] = day
    if hands_over and carried[1] in story.classes:
        day = story.day(story.classes[carried[1]], 1)
        story.add(day, "hand_over", year=story.year, giver=carried[0], receiver=carried[1])
    _ask_for_more(story)


def _ask_for_more(story: SchoolYearStory) -> None:
    """Have some schools that use all their licences ask for another, which nobody answers within the story."""
    spare, rng = story.list_spare(), story.plan.draw("more")
    if spare and len(story.held) == story.units and rng.random() < 0.12:  # noqa: PLR2004
        asked = story.day(datetime.date(story.year - 1, 9, 21), rng.randint(0, 3))
        story.add(asked, "ask_principal", place=spare[-1])
        story.add(story.day(asked, 2), "ask_collectivity", year=story.year, units=1, reason=MORE_REASON)

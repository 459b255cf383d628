"""What schools ask for and give back in the first year, and what their collectivity asks and decides. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sites.demo.year.acts import Act, act
from sites.demo.year.places import OfficeStory
from sites.demo.year.school_story import SchoolYearStory, open_class
from sites.demo.year.terms import find_working_day

_DAY = datetime.timedelta(days=1)
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

"""Plays the story day by day: the clock moves on, people act by the pages' operations, workers do what is due."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from django.contrib.auth.hashers import make_password
from django.test.utils import override_settings

from core.calendar import PARIS
from sites.demo.people import PASSWORD
from sites.demo.year import (
    asking_acts,
    class_acts,
    gift_acts,
    office_acts,
    renewal_acts,
    returned_mail,
    sale_acts,
    school_acts,
)
from sites.demo.year.acts import Act
from sites.demo.year.clock import YearClock, simulated_time
from sites.demo.year.jobs import run_jobs, run_periodic_tasks
from sites.demo.year.letters import LetterBook
from sites.demo.year.story import YearStory, list_days
from sites.demo.year.world import YearWorld

#: By the name of an act: what does it.
_PERFORMERS: dict[str, Callable[..., None]] = {
    name: performer
    for module in (office_acts, sale_acts, gift_acts, renewal_acts, school_acts, class_acts, asking_acts)
    for name, performer in vars(module).items()
    if getattr(performer, "__module__", "") == module.__name__ and not name.startswith("_")
}
_BACKEND = "sites.demo.year.letters.LetterBackend"
#: When workers do what is due: the tasks and reminders of the day, what waits an hour, the evening.
_MORNING, _AFTERNOON, _EVENING = (datetime.time(*one) for one in ((8, 0), (14, 0), (18, 30)))
#: How long a person's act can be undone before its letter leaves.
_SETTLED = datetime.timedelta(seconds=20)


class YearSimulation:
    """One run of a story. `on_evening` is called at the end of each day."""

    def __init__(self, story: YearStory, *, on_evening: Callable[[datetime.date], None] | None = None) -> None:
        self.story = story
        self.clock = YearClock(_moment(story.first_day, datetime.time(5)))
        self.book = LetterBook()
        self._on_evening = on_evening
        self._acts: dict[datetime.date, list[Act]] = {}
        for act in story.acts:
            self._acts.setdefault(act.day, []).append(act)

    def run(self, *, until: datetime.date | None = None) -> YearWorld:
        """Play every day of the story, and quiet days after it until a day; return what there is then."""
        mailer = {"default": {"BACKEND": _BACKEND, "OPTIONS": {"book": self.book}}}
        with simulated_time(self.clock), override_settings(MAILERS=mailer):
            world = YearWorld(self.story, self.clock, self.book, make_password(PASSWORD))
            self.book.dead = {plan.address for plan in self.story.plans if plan.address != plan.mailbox}
            for day in self._list_days(until):
                self._play(world, day)
        return world

    def _list_days(self, until: datetime.date | None) -> Iterator[datetime.date]:
        yield from list_days(self.story)
        day = self.story.last_day
        while until is not None and day < until:
            day += datetime.timedelta(days=1)
            yield day

    def _play(self, world: YearWorld, day: datetime.date) -> None:
        self.clock.move_to(_moment(day, _MORNING))
        run_periodic_tasks(with_tidying=day.weekday() == 0)
        run_jobs(self.clock.at)
        acts = self._acts.get(day, ())
        for act in acts:
            self._work(_moment(day, datetime.time(act.hour, act.minute)))
            perform(world, act)
        if acts:
            run_jobs(self.clock.at)
            self._work(self.clock.at + _SETTLED)
            self._work(_moment(day, _AFTERNOON))
            returned_mail.deliver(self.book, at=self.clock.at)
            self._work(_moment(day, _EVENING))
        if self._on_evening is not None:
            self._on_evening(day)

    def _work(self, moment: datetime.datetime) -> None:
        """Move on to a moment and do what is due by then; what is due at this very moment was done."""
        if moment > self.clock.at:
            self.clock.move_to(moment)
            run_jobs(moment)


def perform(world: YearWorld, act: Act) -> None:
    """Do an act. An error tells which."""
    try:
        _PERFORMERS[act.name](world, **act.arguments)
    except Exception as error:
        error.add_note(f"Act: {act.day} {act.name} {_describe(act)}")
        raise


def _describe(act: Act) -> str:
    plan = act.arguments.get("plan")
    others = {name: value for name, value in act.arguments.items() if name not in ("plan", "office")}
    return f"{plan.uai if plan is not None else ''} {others}"


def _moment(day: datetime.date, time: datetime.time) -> datetime.datetime:
    return datetime.datetime.combine(day, time, tzinfo=PARIS)

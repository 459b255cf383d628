"""Plays the story day by day: the clock moves on, people act by the pages' operations, workers do what is due."""

import datetime
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test.utils import override_settings
from django.utils import timezone

from accounts.models import User
from core.calendar import PARIS, date_in_paris
from core.formatting import long_date, number
from sites.demo.people import PASSWORD, describe_accounts
from sites.demo.scenario import check_result
from sites.demo.year import letters, office_acts, school_acts
from sites.demo.year.letters import LetterBook, write_letters
from sites.demo.year.places import OFFICES, OPERATOR
from sites.demo.year.school_story import Act, SchoolYearStory
from sites.demo.year.story import YearStory, list_days
from sites.demo.year.world import YearClock, YearWorld, run_jobs, run_periodic_tasks, simulated_time

#: What does the acts, which have their names.
_PERFORMERS: dict[str, Callable[..., None]] = {
    name: function
    for module in (office_acts, school_acts)
    for name, function in vars(module).items()
    if getattr(function, "__module__", "") == module.__name__
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
            letters.deliver(self.book, at=self.clock.at)
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


_DAY = datetime.timedelta(days=1)
LETTERS_FILE = "lettres.txt"


def choose_first_year(today: datetime.date) -> int:
    """Return the latest year in which a story can begin whose last day is over."""
    year = today.year - 1
    return year if YearStory(year, scale=0).last_day < today else year - 1


class YearDemonstration:
    """One run. `print_line` prints a line."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line
        self._today = date_in_paris(timezone.now())
        self.story = YearStory(choose_first_year(self._today))

    def run(self) -> None:
        """Play the year until yesterday, write its letters to a file, and check all rules."""
        started = time.monotonic()
        self._print_line(
            f"\nUne année de {len(OFFICES)} collectivités, {number(len(self.story.plans))} écoles et "
            f"{number(sum(len(plan.teachers) for plan in self.story.plans))} enseignants, jour après jour, "
            f"du {long_date(self.story.first_day)} à hier."
        )
        simulation = YearSimulation(self.story, on_evening=self._print_month)
        # The seals of a year's journals would be a thousand lines.
        logging.disable(logging.INFO)
        try:
            world = simulation.run(until=self._today - _DAY)
        finally:
            logging.disable(logging.NOTSET)
        letters: Path = settings.DATA / LETTERS_FILE
        letters.write_text(write_letters(simulation.book.letters), encoding="utf-8")
        check_result(world.offices.values(), self._print_line)
        self._print_line(
            f"   {number(len(simulation.book.letters))} lettres, par destinataire et dans l'ordre : {letters}\n"
            f"   ({time.monotonic() - started:.0f} s)"
        )

    def describe(self, port: int) -> str:
        """Return the accounts, and what to look at with each."""
        school = self._choose_school()
        context = {
            "offices": OFFICES,
            "operator": OPERATOR,
            "school": school,
            "teacher": self._get_teacher(school),
        }
        return describe_accounts("year_accounts", port, context)

    def _print_month(self, day: datetime.date) -> None:
        if day.day == 1:
            self._print_line(f"   {long_date(day)}")

    def _choose_school(self) -> SchoolYearStory:
        """Return a school in its second year, where a class was taken along."""
        return next(one for one in self.story.second.values() if one.classes)

    def _get_teacher(self, school: SchoolYearStory) -> str:
        place = min(school.classes)
        return User.objects.get(email=school.plan.teachers[place].email).username

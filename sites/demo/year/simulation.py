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

#: What does the acts, which have their names.
_ACTS: list[Callable[..., None]] = [
    office_acts.open_shop, office_acts.load_directory, office_acts.open_office, office_acts.join_office,
    office_acts.accept_membership, office_acts.fill_portfolio, office_acts.present_office,
    office_acts.stop_weekly_letter,
    sale_acts.quote, sale_acts.order, sale_acts.send_purchase_order, sale_acts.confirm_purchase_order,
    sale_acts.pay,
    gift_acts.import_workbook, gift_acts.give_in_bulk, gift_acts.give_many, gift_acts.correct_addresses,
    gift_acts.remind_by_hand, gift_acts.rebalance, gift_acts.undo_rebalancing,
    renewal_acts.edit_renewal, renewal_acts.take_renewal_workbook, renewal_acts.quote_renewal,
    renewal_acts.give_renewal, renewal_acts.undo_renewal, renewal_acts.decline_renewal,
    school_acts.sign_up, school_acts.redeem_with_new_account, school_acts.ask_for_verification,
    school_acts.confirm_verification, school_acts.redeem, school_acts.assign, school_acts.invite,
    school_acts.accept_invitation, school_acts.claim, school_acts.replace, school_acts.release,
    school_acts.stop_reminders,
    class_acts.open_class, class_acts.carry_on, class_acts.hand_over,
    asking_acts.ask_principal, asking_acts.refuse_teacher, asking_acts.ask_collectivity, asking_acts.decide,
    asking_acts.give_back, asking_acts.ask_back, asking_acts.answer_return,
]  # fmt: skip
_PERFORMERS = {performer.__name__: performer for performer in _ACTS}
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

"""Day 46: the rights of an unpaid order stop by themselves; a payment restores them, nothing is deleted."""

from __future__ import annotations

import datetime

import pytest

from imports import queries as imports_queries
from imports import tasks
from imports.models import Import
from imports.operations import awaited
from imports.operations import confirm as confirm_import
from licensing.classes import entry
from licensing.classes import operations as classes
from licensing.classes.models import Classroom, PupilAccount
from licensing.exceptions import Refused
from licensing.orders import rights
from licensing.orders.models import OrderKind
from licensing.pools import emails
from licensing.pools import operations as pools
from licensing.pools.models import Allocation, Pool
from licensing.subscriptions import operations as keys
from licensing.subscriptions import slips
from licensing.subscriptions.models import ActivationKey, Seat, Source, Subscription
from licensing.subscriptions.queries import key_display
from mailing.kinds import NoLongerDue
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.imports.conftest import asked_number, listing, uploaded
from tests.orders.test_rights import DAY, LAST_PROVISIONAL, sold
from tests.pools.arranging import give, sent

LAST_MINUTE = datetime.datetime.combine(LAST_PROVISIONAL, datetime.time(23, 59), tzinfo=TERM.tzinfo)
DAY_46 = LAST_MINUTE + datetime.timedelta(minutes=1)


class World:
    """A département's purchase: one school redeemed its key and has a class with a pupil, another has not."""

    def __init__(self, collectivity):
        self.order = sold(by=UserFactory(), units=100, kind=OrderKind.PURCHASE, collectivity=collectivity)
        rights.open_(self.order, until=LAST_PROVISIONAL, by=self.order.placed_by, at=TERM)
        self.pool = Pool.objects.get()
        affiliation = AffiliationFactory(user=PrincipalFactory(), verified_at=TERM, verified_by="operator")
        self.principal, self.school = affiliation.user, affiliation.school
        self.code = self._key(give(self.pool, self.school, units=5))
        self.subscription = keys.redeem(code=self.code, by=self.principal, at=TERM)
        self.teacher = self._teacher()
        self.seat = keys.claim(code=self.code, by=self.teacher, at=TERM)
        self.classroom = classes.open_class(seat_id=self.seat.pk, by=self.teacher, name="CE1", at=TERM)
        classes.add_pupils(classroom_id=self.classroom.pk, count=1, by=self.teacher, at=TERM)
        self.waiting = give(self.pool, SchoolFactory(), units=2)
        self.list = uploaded(self.pool, listing((SchoolFactory(), 3)))
        sent()

    def _key(self, allocation):
        return key_display(ActivationKey.objects.get(pk=allocation.key_id))

    def _teacher(self):
        return AffiliationFactory(user=TeacherFactory(), school=self.school).user

    def acts(self, at):
        """Return every action on the order's licences at that moment, by name."""
        heir = AffiliationFactory(user=PrincipalFactory(), school=self.waiting.school).user
        kwargs = {"subscription_id": self.subscription.pk, "by": self.principal, "at": at}
        return {
            "allocate": lambda: give(self.pool, SchoolFactory(), at=at),
            "grow": lambda: give(self.pool, self.school, at=at),
            "resend": lambda: pools.resend(allocation_id=self.waiting.pk, by=None, at=at),
            "import": lambda: self.import_list(at),
            "redeem": lambda: keys.redeem(code=self._key(self.waiting), by=heir, at=at),
            "assign": lambda: keys.assign(teacher=self._teacher(), **kwargs),
            "claim": lambda: keys.claim(code=self.code, by=TeacherFactory(), at=at),
            "print": lambda: slips.print_slips(
                Subscription.objects.get(pk=self.subscription.pk), by=self.principal, at=at
            ),
            "add a pupil": lambda: classes.add_pupils(classroom_id=self.classroom.pk, count=1, by=self.teacher, at=at),
        }

    def import_list(self, at):
        """Confirm and apply the import; raise its refusal if there is one."""
        confirm_import(
            import_id=self.list.pk, digest=imports_queries.digest(self.list), send_on=None,
            typed=asked_number(self.list), by=None, at=at,
        )  # fmt: skip
        tasks.apply(import_id=self.list.pk, confirmed_at=at.isoformat())
        message = Import.objects.get(pk=self.list.pk).refusal
        if message:
            raise Refused(message)

    def enters(self, at):
        """Return the access reasons of the teacher and of their pupil."""
        pupil = self.classroom.pupils.get(number=1)
        return {entry.may_enter_user(self.teacher.pk, at).reason, entry.may_enter_pupil(pupil.pk, at).reason}

    def counts(self):
        kept = (Allocation, ActivationKey, Seat, Classroom, PupilAccount, Source, Pool)
        return [model.objects.count() for model in kept], Seat.objects.held().count()


@pytest.fixture
def world(nimes):
    return World(nimes)


def refusal_of(act):
    try:
        act()
    except Refused as refused:
        return str(refused).replace("\N{NO-BREAK SPACE}", " ")
    return ""


def test_on_day_45_everything_still_works(world):
    acts = world.acts(LAST_MINUTE)
    assert {name: refusal_of(act) for name, act in acts.items()} == dict.fromkeys(acts, "")
    assert world.enters(LAST_MINUTE) == {""}


def test_on_day_46_everything_stops_and_a_payment_restores_it_all(world, monkeypatch):
    before = world.counts()
    refusals = {name: refusal_of(act) for name, act in world.acts(DAY_46).items()}
    assert {name for name, message in refusals.items() if "ont pris fin le 8 janvier 2027" not in message} == set(), (
        refusals
    )
    assert world.enters(DAY_46) == {"provisional_over"}
    # Nothing is proposed either: no pool to allocate from, no key to send again or late.
    assert not imports_queries.open_pools(DAY_46.date()).exists()
    assert not awaited.lot_is_open(world.pool, DAY_46)
    assert pools.look_for(uai=world.waiting.school_id, at=DAY_46) == 0
    message = Message.objects.filter(topic_id=world.waiting.pk).latest("pk")
    monkeypatch.setattr("django.utils.timezone.now", lambda: DAY_46)
    with pytest.raises(NoLongerDue, match="suspendu"):
        emails.render(message)
    assert world.counts() == before

    rights.make_firm(world.order, at=DAY_46)
    assert world.counts() == before
    acts = world.acts(DAY_46)
    assert {name: refusal_of(act) for name, act in acts.items()} == dict.fromkeys(acts, "")
    assert world.enters(DAY_46) == {""}


@pytest.mark.parametrize("late", [DAY_46, DAY_46 + 100 * DAY])
def test_once_the_purchase_order_is_in_nothing_stops_by_itself(world, late):
    rights.await_payment(world.order, until=LAST_PROVISIONAL, at=TERM)
    assert world.enters(late) == {""}
    assert refusal_of(world.acts(late)["allocate"]) == ""


def test_nothing_of_a_cancelled_order_works(world):
    before = world.counts()
    rights.withdraw(world.order, at=TERM)
    refusals = {name: refusal_of(act) for name, act in world.acts(TERM).items()}
    assert {name for name, message in refusals.items() if "a été annulée" not in message} == set(), refusals
    assert not [message for message in refusals.values() if "reprend" in message]
    assert world.enters(TERM) == {"licence_ended"}
    assert "a été annulée" in entry.may_enter_user(world.teacher.pk, TERM).sentence
    assert world.counts() == before

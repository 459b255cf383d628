"""Day 46: the rights of an unpaid order stop by themselves; a payment restores them, nothing is deleted."""

import datetime

import pytest

from core.exceptions import DomainError
from imports import queries as imports_queries
from imports import tasks
from imports.models import SpreadsheetImport
from imports.operations import row_edits
from imports.operations.apply_rows import confirm as confirm_import
from licensing.classes import entry_check, pupils
from licensing.classes import operations as classes
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations as keys
from licensing.entitlements import vouchers
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.orders import rights
from licensing.orders.models import OrderKind
from licensing.pools import emails, key_emails
from licensing.pools.models import Allocation, Pool
from mailing.kinds import OnHold
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.imports.actions import required_count, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.orders.dates import DAY, LAST_PROVISIONAL
from tests.orders.unopened_orders import create_placed_order
from tests.pools.actions import allocate_units, mark_sent
from tests.tiers import sampled

pytestmark = pytest.mark.slow

LAST_MINUTE = datetime.datetime.combine(LAST_PROVISIONAL, datetime.time(23, 59), tzinfo=TERM.tzinfo)
DAY_46 = LAST_MINUTE + datetime.timedelta(minutes=1)


class PurchaseScenario:
    """A département's purchase: one school redeemed its key and has a class with a pupil, another has not."""

    def __init__(self, collectivity):
        self.order = create_placed_order(
            by=UserFactory(), units=100, kind=OrderKind.PURCHASE, collectivity=collectivity
        )
        rights.open_rights(self.order, until=LAST_PROVISIONAL, by=self.order.placed_by, at=TERM)
        self.pool = Pool.objects.get()
        affiliation = AffiliationFactory(user=PrincipalFactory(), verified_at=TERM, verified_by="operator")
        self.principal, self.school = affiliation.user, affiliation.school
        self.code = self._key(allocate_units(self.pool, self.school, units=5))
        self.subscription = keys.redeem(code=self.code, by=self.principal, at=TERM)
        self.teacher = self._teacher()
        self.seat = keys.claim(code=self.code, by=self.teacher, at=TERM)
        self.classroom = classes.open_class(seat_id=self.seat.pk, by=self.teacher, name="CE1", at=TERM)
        pupils.add_pupils(classroom_id=self.classroom.pk, count=1, by=self.teacher, at=TERM)
        self.waiting = allocate_units(self.pool, SchoolFactory(), units=2)
        self.list = upload_and_parse(self.pool, schools_csv((SchoolFactory(), 3)))
        mark_sent()

    def _key(self, allocation):
        return unseal_key(ActivationKey.objects.get(pk=allocation.key_id))

    def _teacher(self):
        return AffiliationFactory(user=TeacherFactory(), school=self.school).user

    def list_actions(self, at):
        """Return every action on the order's licences at that moment, by name."""
        heir = AffiliationFactory(user=PrincipalFactory(), school=self.waiting.school).user
        kwargs = {"subscription_id": self.subscription.pk, "by": self.principal, "at": at}
        return {
            "allocate": lambda: allocate_units(self.pool, SchoolFactory(), at=at),
            "grow": lambda: allocate_units(self.pool, self.school, at=at),
            "resend": lambda: key_emails.resend(allocation_id=self.waiting.pk, by=None, at=at),
            "import": lambda: self.import_list(at),
            "redeem": lambda: keys.redeem(code=self._key(self.waiting), by=heir, at=at),
            "assign": lambda: keys.assign(teacher=self._teacher(), **kwargs),
            "claim": lambda: keys.claim(code=self.code, by=TeacherFactory(), at=at),
            "print": lambda: vouchers.render_vouchers(
                Subscription.objects.get(pk=self.subscription.pk), by=self.principal, at=at
            ),
            "add a pupil": lambda: pupils.add_pupils(classroom_id=self.classroom.pk, count=1, by=self.teacher, at=at),
        }

    def import_list(self, at):
        """Confirm and apply the import; raise its refusal if there is one."""
        confirm_import(
            import_id=self.list.pk, digest=imports_queries.compute_digest(self.list), send_on=None,
            confirmed_count=required_count(self.list), by=None, at=at,
        )  # fmt: skip
        tasks.apply(import_id=self.list.pk, confirmed_at=at.isoformat())
        message = SpreadsheetImport.objects.get(pk=self.list.pk).refusal
        if message:
            raise DomainError(message)

    def get_access_reasons(self, at):
        """Return the access reasons of the teacher and of their pupil."""
        pupil = self.classroom.pupils.get(number=1)
        return {
            entry_check.check_user_entry(self.teacher.pk, at).reason,
            entry_check.check_pupil_entry(pupil.pk, at).reason,
        }

    def counts(self):
        kept = (Allocation, ActivationKey, Seat, Classroom, PupilAccount, Entitlement, Pool)
        return [model.objects.count() for model in kept], Seat.objects.held().count()


@pytest.fixture
def world(nimes):
    return PurchaseScenario(nimes)


def get_refusal(act):
    try:
        act()
    except DomainError as refused:
        return str(refused).replace("\N{NO-BREAK SPACE}", " ")
    return ""


def test_on_day_45_everything_still_works(world):
    list_actions = world.list_actions(LAST_MINUTE)
    assert {name: get_refusal(act) for name, act in list_actions.items()} == dict.fromkeys(list_actions, "")
    assert world.get_access_reasons(LAST_MINUTE) == {""}


def test_on_day_46_everything_stops_and_a_payment_restores_it_all(world, monkeypatch):
    before = world.counts()
    refusals = {name: get_refusal(act) for name, act in world.list_actions(DAY_46).items()}
    assert {name for name, message in refusals.items() if "ont pris fin le 8 janvier 2027" not in message} == set(), (
        refusals
    )
    assert world.get_access_reasons(DAY_46) == {"provisional_over"}
    # Nothing is proposed either: no pool to allocate from, no key to send again or late.
    assert not imports_queries.list_open_pools(DAY_46.date()).exists()
    assert not row_edits.is_pool_open(world.pool, DAY_46)
    assert key_emails.queue_lost_keys(uai=world.waiting.school_id, at=DAY_46) == 0
    message = Message.objects.filter(topic_id=world.waiting.pk).latest("pk")
    monkeypatch.setattr("django.utils.timezone.now", lambda: DAY_46)
    with pytest.raises(OnHold, match="attend le bon de commande signé ou le règlement"):
        emails.render(message)
    assert world.counts() == before

    rights.make_firm(world.order)
    assert world.counts() == before
    list_actions = world.list_actions(DAY_46)
    assert {name: get_refusal(act) for name, act in list_actions.items()} == dict.fromkeys(list_actions, "")
    assert world.get_access_reasons(DAY_46) == {""}


@pytest.mark.parametrize("late", sampled([DAY_46, DAY_46 + 100 * DAY], fast=1))
def test_once_the_purchase_order_is_in_nothing_stops_by_itself(world, late):
    rights.await_payment(world.order, until=LAST_PROVISIONAL)
    assert world.get_access_reasons(late) == {""}
    assert get_refusal(world.list_actions(late)["allocate"]) == ""


def test_nothing_of_a_cancelled_order_works(world):
    before = world.counts()
    rights.withdraw(world.order, at=TERM)
    refusals = {name: get_refusal(act) for name, act in world.list_actions(TERM).items()}
    assert {name for name, message in refusals.items() if "a été annulée" not in message} == set(), refusals
    assert not [message for message in refusals.values() if "reprend" in message]
    assert world.get_access_reasons(TERM) == {"licence_ended"}
    assert "a été annulée" in entry_check.check_user_entry(world.teacher.pk, TERM).sentence
    assert world.counts() == before

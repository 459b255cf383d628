"""E-mails about keys of a suspended pool: held while it is, sent once it is restored."""

from functools import partial

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from core.calendar import end_of_day
from jobs import due
from jobs.models import DueWork
from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from licensing.orders import purchase_orders, rights
from licensing.orders.models import OrderKind
from licensing.pools import key_emails, reductions, tasks
from licensing.pools.key_emails import LOOK_DELAY, schedule_look
from licensing.pools.models import Allocation, Pool
from licensing.pools.queries import filter_not_redeemed_since, list_allocations, list_held_keys
from mailing.dispatch import drain
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions
from tests.orders.dates import DAY, LAST_PROVISIONAL
from tests.orders.unopened_orders import create_placed_order
from tests.pools.actions import allocate_units, mark_redeemed
from tests.races import run_concurrently
from tests.waiting_jobs import list_waiting_jobs

pytestmark = pytest.mark.slow

#: The letters are due after the provisional rights have ended; the payment comes later still.
SEND_ON = LAST_PROVISIONAL + 10 * DAY
DUE = TERM + 60 * DAY
PAID = TERM + 70 * DAY
RELEASE = "pools.release_held_emails"


@pytest.fixture
def clock(monkeypatch):
    """Sets the time."""

    def at(moment):
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    at(TERM)
    return at


@pytest.fixture
def order(nimes):
    order = create_placed_order(by=UserFactory(), units=100, kind=OrderKind.PURCHASE, collectivity=nimes)
    rights.open_rights(order, until=LAST_PROVISIONAL, by=order.placed_by, at=TERM)
    return order


@pytest.fixture
def held(order, clock, sink):
    """Three allocations whose e-mails were due after the order's rights had lapsed."""
    pool = Pool.objects.get()
    allocations = [allocate_units(pool, SchoolFactory(), send_on=SEND_ON) for _ in range(3)]
    work(clock, DUE)
    return allocations


def work(clock, at):
    """Send at that moment what is due, and run the waiting releases; return how many e-mails were accepted."""
    clock(at)
    if list_waiting_jobs(RELEASE):
        tasks.release_held_emails()
    return drain(clock=lambda: at)


def states():
    return list(Message.objects.order_by("pk").values_list("state", flat=True))


def test_emails_due_while_an_order_has_lapsed_leave_once_it_is_paid(held, order, clock, sink):
    assert states() == ["held"] * 3
    assert sink.received == []
    assert Message.objects.first().reason == (
        "La clé attend le bon de commande signé ou le règlement : ce message partira ensuite de lui-même."
    )
    # Nothing more happens until the payment.
    assert work(clock, DUE + DAY) == 0
    assert states() == ["held"] * 3
    rights.make_firm(order)
    assert list_waiting_jobs(RELEASE, schema="c_nimes")
    assert work(clock, PAID) == 3
    assert states() == ["sent"] * 3
    assert {str(one.email["To"]) for one in sink.received} == {allocation.recipient for allocation in held}
    assert set(Message.objects.values_list("reason", flat=True)) == {""}


def test_a_released_email_is_refused_only_where_its_key_was_revoked_or_redeemed(held, order, clock, sink):
    revoked, redeemed, waiting = held
    reductions.revoke(allocation_id=revoked.pk, by=None, at=DUE)
    assert states() == ["cancelled", "held", "held"]
    rights.make_firm(order)
    mark_redeemed(redeemed, PrincipalFactory())
    assert work(clock, PAID) == 1
    assert states() == ["cancelled", "cancelled", "sent"]
    assert Message.objects.get(topic_id=redeemed.pk).reason == "La clé a été activée avant l'envoi."
    assert [str(one.email["To"]) for one in sink.received] == [waiting.recipient]


def test_held_emails_of_an_order_that_is_cancelled_never_leave(held, order, clock, sink):
    rights.withdraw(order, at=DUE)
    assert work(clock, PAID) == 0
    assert states() == ["cancelled"] * 3
    assert "annulée" in Message.objects.first().reason


@pytest.mark.parametrize(
    "restore",
    [
        rights.make_firm,
        partial(rights.await_payment, until=PAID.date()),
        partial(rights.start_countdown, until=PAID.date()),
    ],
    ids=["paid", "confirmed", "prolonged"],
)
def test_whatever_restores_a_lapsed_order_releases_its_emails(held, order, clock, restore):
    restore(order)
    assert work(clock, PAID) == 3


def test_the_operator_who_restores_a_pool_releases_its_emails_alone(nimes, clock, sink):
    suspended = [orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM) for _ in range(2)]
    for pool in suspended:
        allocate_units(pool, SchoolFactory())
        orders.suspend(order_id=pool.entitlement.number, by=None, at=TERM)
    work(clock, TERM)
    assert states() == ["held"] * 2
    assert "le rétablissement du lot" in Message.objects.first().reason
    orders.restore(order_id=suspended[0].entitlement.number, by=None, at=TERM)
    assert key_emails.release_held_emails(at=TERM + DAY) == 1
    assert states() == ["queued", "held"]
    assert work(clock, TERM + DAY) == 1
    assert states() == ["sent", "held"]


def list_looks():
    return list(DueWork.objects.filter(kind=RELEASE).order_by("due_at").values_list("schema", "due_at"))


def test_an_email_held_while_its_order_was_being_paid_leaves_minutes_later(held, order, clock):
    [(schema, moment)] = list_looks()
    assert (schema, moment) == ("c_nimes", DUE + LOOK_DELAY)
    # The worker reads the lapsed order, the payment and its release pass, then the worker records what it read.
    rights.make_firm(order)
    ProcrastinateJob.objects.all()._raw_delete("default")  # noqa: SLF001 - the model is read-only on purpose
    assert due.queue_due_work(at=moment, kinds=[RELEASE]) == [(RELEASE, "c_nimes")]
    assert work(clock, moment) == 3


def test_an_email_that_stays_held_is_looked_at_when_its_pool_is_over(held, order, clock):
    last_day = Pool.objects.get().entitlement.last_day
    assert due.take(RELEASE, at=DUE + LOOK_DELAY) == ["c_nimes"]
    assert key_emails.release_held_emails(at=DUE + LOOK_DELAY) == 0
    assert list_looks() == [("c_nimes", end_of_day(last_day))]
    # Nobody looks again before, and nobody after: then they leave the outbox, cancelled.
    assert due.take(RELEASE, at=end_of_day(last_day)) == ["c_nimes"]
    assert key_emails.release_held_emails(at=end_of_day(last_day)) == 3
    assert list_looks() == []


@pytest.mark.small
def test_an_email_of_another_kind_that_is_held_has_no_pool_looked_at(nimes):
    schedule_look(Message(topic="order"), TERM)
    assert list_looks() == []


def test_keys_whose_emails_are_held_are_counted_by_pool(held, order, django_assert_num_queries):
    reductions.revoke(allocation_id=held[0].pk, by=None, at=DUE)
    with django_assert_num_queries(3):
        [counted] = list_held_keys(DUE.date())
    assert (counted.pool, counted.keys) == (Pool.objects.get(), 2)
    # Once the pool is restored they are about to leave.
    rights.make_firm(order)
    assert list_held_keys(DUE.date()) == []


def test_home_and_list_say_what_the_keys_wait_for(held, manager, clock):
    sentence = "clés du lot « Achat"
    awaited = "attendent le bon de commande signé ou le règlement : leurs e-mails partiront ensuite d’eux-mêmes."
    for address in ("/", "/attributions/", "/attributions/?state=held"):
        shown = manager.get(address).content.decode().replace("\u00a0", " ").replace("&#x27;", "'")
        assert f"3 {sentence}" in shown, address
        assert awaited in shown, address
    assert all(allocation.school_id in shown for allocation in held)
    assert shown.count('-lt">Suspendue<') == len(held)


def test_a_suspended_key_that_nobody_redeemed_is_only_to_be_taken_back(held, manager, viewer):
    address = f"/attributions/{held[0].pk}/"
    shown = manager.get(address).content.decode()
    assert "Le lot est suspendu" in shown
    assert 'value="reprendre"' in shown
    assert 'value="relancer"' not in shown
    assert "était prévu le" in shown
    assert "reprendre" not in viewer.get(address).content.decode()
    mark_redeemed(held[0], PrincipalFactory())
    assert 'value="reprendre"' not in manager.get(address).content.decode()


def test_a_school_says_it_never_got_its_key_and_the_held_email_is_not_doubled(held, order, clock):
    rights.make_firm(order)
    clock(PAID)
    assert key_emails.resend_lost_keys(uai=held[0].school_id, at=PAID) == []
    assert len(states()) == 3


def test_a_key_lies_unused_since_it_was_sent_not_since_it_was_given(order, clock, sink):
    def list_dormant(day):
        moment = TERM + (day - 15) * DAY
        return list(filter_not_redeemed_since(moment, list_allocations((TERM + day * DAY).date())))

    rights.make_firm(order)
    allocation = allocate_units(Pool.objects.get(), SchoolFactory(), send_on=(TERM + 20 * DAY).date())
    assert list_dormant(19) == []
    assert work(clock, TERM + 20 * DAY) == 1
    assert list_dormant(34) == []
    assert list_dormant(35) == [allocation]
    # Another address was tried: the school has its key since then.
    clock(TERM + 36 * DAY)
    key_emails.resend(allocation_id=allocation.pk, recipient="a@exemple.example", by=None, at=TERM + 36 * DAY)
    assert work(clock, TERM + 36 * DAY) == 1
    assert list_dormant(37) == []
    assert list_dormant(51) == [allocation]
    # Nobody is late with a key that cannot be used yet.
    Entitlement.objects.update(first_day=(TERM + 60 * DAY).date())
    assert list_dormant(74) == []
    assert list_dormant(75) == [allocation]


def test_revoking_meets_the_release_and_no_revoked_key_is_to_be_sent(committing):
    pool = orders.grant(collectivity=committing, licences=100, reason="Course", by=None, at=TERM)
    allocations = [allocate_units(pool, SchoolFactory(), units=1) for _ in range(40)]
    Message.objects.update(state="held")
    revoked = [allocation.pk for allocation in reversed(allocations[:20])]
    run_concurrently(
        committing.schema_name,
        [
            partial(reductions.revoke_many, allocation_ids=revoked[:10], by=None, at=TERM),
            partial(key_emails.release_held_emails, at=TERM),
            partial(reductions.revoke_many, allocation_ids=revoked[10:], by=None, at=TERM),
            partial(key_emails.release_held_emails, at=TERM),
        ],
        expected_errors=(),
    )
    of_revoked = Message.objects.filter(topic_id__in=Allocation.objects.filter(revoked_at__isnull=False).values("pk"))
    assert set(of_revoked.values_list("state", flat=True)) == {"cancelled"}
    assert set(Message.objects.exclude(pk__in=of_revoked).values_list("state", flat=True)) == {"queued"}
    assert len(states()) == 40


@pytest.mark.parametrize("act", [actions.confirm, actions.prolong, actions.cancel])
def test_each_act_that_changes_the_rights_of_a_lapsed_purchase_queues_the_release(nimes, act):
    order = PurchaseFactory(placed=True, collectivity=nimes)
    purchase_orders.remind_and_lapse(DUE)
    assert list_waiting_jobs(RELEASE) == []
    act(order, at=DUE)
    assert list_waiting_jobs(RELEASE, schema="c_nimes")


def test_the_payment_of_a_suspended_purchase_queues_the_release(nimes):
    order = PurchaseFactory(confirmed=True, collectivity=nimes)
    orders.suspend(order_id=order.pk, by=None, at=DUE)
    queued = len(list_waiting_jobs(RELEASE))
    actions.pay(order, at=PAID)
    assert len(list_waiting_jobs(RELEASE)) == queued + 1

"""The automatic countdown of an order that awaits its purchase order, in days of Paris time."""

import datetime

import pytest
from django.db import connection
from django.utils import timezone

from jobs.periodic_tasks import registered_tasks
from licensing.books.billing import operations as billing_operations
from licensing.orders import operations, order_events, purchase_orders, tasks
from licensing.orders.exceptions import InvalidOrderDate
from licensing.orders.models import OrderReminder, OrderState
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import put_on_sale
from tests.orders import actions
from tests.orders.assertions import get_deadlines, is_usable, list_email_kinds, list_messages
from tests.orders.dates import LAST_PROVISIONAL, YEAR_ENDS, at_day
from tests.refusals import refuses
from tests.sites.portal.identifiable_person import StatementCounter

pytestmark = pytest.mark.django_db
UTC = datetime.UTC
clock = purchase_orders.remind_and_lapse


def run_countdown(days, *, hour=10, of=TERM):
    """Return the reminders and lapses of each of these days on which there are any."""
    done = {day: clock((of + datetime.timedelta(days=day)).replace(hour=hour)) for day in days}
    return {day: what for day, what in done.items() if what != (0, 0)}


def state(order):
    order.refresh_from_db()
    return order.state


@pytest.mark.slow
def test_reminders_on_days_30_40_and_44_then_the_lapse_on_day_46_each_once():
    order = OrderFactory(placed=True)
    assert get_deadlines(order) == (LAST_PROVISIONAL, None, False)
    assert run_countdown(range(48)) == {30: (1, 0), 40: (1, 0), 44: (1, 0), 46: (0, 1)}
    assert list_email_kinds(order) == ["placed", "reminder", "reminder", "reminder", "lapsed"]
    assert [event.action for event in order.events.order_by("pk")] == ["placed", *["reminded"] * 3, "lapsed"]
    # Nothing was deleted or changed: the date alone stops the rights.
    assert (state(order), get_deadlines(order)) == (OrderState.LAPSED, (LAST_PROVISIONAL, None, False))


def test_the_countdown_runs_hourly_as_a_periodic_task(monkeypatch):
    [periodic_task] = [one for one in registered_tasks if one.perform is tasks.remind_and_lapse]
    assert periodic_task.every == datetime.timedelta(hours=1)
    order = OrderFactory(placed=True)
    monkeypatch.setattr(timezone, "now", lambda: at_day(46))
    periodic_task.perform()
    assert state(order) == OrderState.LAPSED


@pytest.mark.slow
def test_an_hourly_clock_does_nothing_twice():
    OrderFactory(placed=True)
    # Nobody is reminded at night.
    assert [clock(at_day(30, hour)) for hour in (0, 7, 8, 9)] == [(0, 0), (0, 0), (1, 0), (0, 0)]
    assert [clock(at_day(46, hour)) for hour in (0, 1, 2)] == [(0, 1), (0, 0), (0, 0)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("placed", "last_moment"),
    [
        # 23:30 UTC is the next day in Paris, in winter time.
        (datetime.datetime(2026, 11, 23, 22, 59, tzinfo=UTC), datetime.datetime(2027, 1, 7, 22, 59, tzinfo=UTC)),
        (datetime.datetime(2026, 11, 23, 23, 0, tzinfo=UTC), datetime.datetime(2027, 1, 8, 22, 59, tzinfo=UTC)),
        # Across the change of hour: days are days.
        (datetime.datetime(2026, 9, 14, 22, 0, tzinfo=UTC), datetime.datetime(2026, 10, 30, 22, 59, tzinfo=UTC)),
    ],
)
def test_days_begin_and_end_at_midnight_in_paris(placed, last_moment):
    order = OrderFactory(placed=True, at=placed)
    assert clock(last_moment)[1] == 0
    assert is_usable(order, last_moment)
    midnight = last_moment + datetime.timedelta(minutes=1)
    # By its date, before the hourly task ran.
    assert not is_usable(order, midnight)
    assert clock(midnight)[1] == 1


@pytest.mark.slow
def test_after_an_outage_only_the_latest_reminder_is_sent():
    order = OrderFactory(placed=True)
    assert run_countdown((29, 41, 42, 43)) == {41: (1, 0)}
    assert list(OrderReminder.objects.order_by("day").values_list("day", flat=True)) == [30, 40]
    assert list_messages(order).last().context["day"] == 40
    assert run_countdown(range(42, 48)) == {44: (1, 0), 46: (0, 1)}


@pytest.mark.slow
def test_rights_cut_short_by_the_school_year_get_no_immediate_reminder():
    summer = datetime.datetime(2027, 8, 20, 10, tzinfo=TERM.tzinfo)
    order = OrderFactory(placed=True, at=summer)
    assert get_deadlines(order) == (YEAR_ENDS, None, False)
    # As many days before the end as days 40 and 44; the order's own e-mail replaces day 30's.
    assert run_countdown(range(14), of=summer) == {6: (1, 0), 10: (1, 0), 12: (0, 1)}


@pytest.mark.slow
def test_a_scan_stops_the_clock_until_the_operator_refuses_it():
    order = OrderFactory(placed=True)
    scan = actions.upload(order, at=at_day(43))
    assert get_deadlines(order) == (None, LAST_PROVISIONAL, False)
    assert run_countdown(range(43, 60)) == {}
    assert is_usable(order, at_day(59))
    purchase_orders.refuse_scan(scan_id=scan.pk, reason="Vide.", by=OperatorFactory(), at=at_day(60))
    assert (state(order), get_deadlines(order)) == (OrderState.PLACED, (LAST_PROVISIONAL, None, False))
    assert not is_usable(order, at_day(60))
    assert run_countdown((60, 61)) == {60: (0, 1)}


@pytest.mark.slow
def test_refusing_a_scan_does_not_repeat_a_reminder():
    order = OrderFactory(placed=True)
    scan = actions.upload(order, at=at_day(29))
    purchase_orders.refuse_scan(scan_id=scan.pk, reason="Vide.", by=OperatorFactory(), at=at_day(41))
    assert run_countdown(range(41, 47)) == {44: (1, 0), 46: (0, 1)}


@pytest.mark.slow
def test_a_scan_sent_after_the_last_day_finds_the_order_lapsed():
    order = OrderFactory(placed=True)
    actions.upload(order, at=at_day(46, 0))
    assert (state(order), is_usable(order, at_day(46))) == (OrderState.LAPSED, False)
    assert list_email_kinds(order) == ["placed", "lapsed", "scan_received"]
    assert clock(at_day(46)) == (0, 0)
    actions.confirm(order, at=at_day(50))
    assert is_usable(order, at_day(50))


@pytest.mark.slow
def test_prolonged_rights_count_down_anew():
    order = OrderFactory(lapsed=True)
    by = OperatorFactory()
    purchase_orders.prolong(order_id=order.pk, until=at_day(67).date(), by=by, at=at_day(47))
    assert (state(order), order.lapsed_at) == (OrderState.PLACED, None)
    assert get_deadlines(order)[0] == at_day(67).date()
    assert run_countdown(range(47, 70)) == {52: (1, 0), 62: (1, 0), 66: (1, 0), 68: (0, 1)}
    # Two days are left: earlier reminders would repeat the e-mail just sent.
    purchase_orders.prolong(order_id=order.pk, until=at_day(72).date(), by=by, at=at_day(70))
    assert run_countdown(range(70, 75)) == {71: (1, 0), 73: (0, 1)}


@pytest.mark.slow
def test_a_purchase_order_that_comes_in_cuts_short_nothing_that_was_promised():
    by = OperatorFactory()
    order = OrderFactory(placed=True)
    purchase_orders.prolong(order_id=order.pk, until=at_day(100).date(), by=by, at=at_day(3))
    billing_operations.confirm(order_id=order.pk, by=by, at=at_day(4))
    assert get_deadlines(order) == (None, at_day(100).date(), False)


@pytest.mark.slow
def test_prolonging_a_lapsed_order_whose_scan_waits_stops_the_clock():
    order = OrderFactory(lapsed_scanned=True)
    purchase_orders.prolong(order_id=order.pk, until=at_day(60).date(), by=OperatorFactory(), at=at_day(48))
    assert (state(order), get_deadlines(order)) == (OrderState.PLACED, (None, at_day(60).date(), False))
    assert run_countdown(range(48, 70)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("until", "words"),
    [
        (at_day(-1).date(), "est passé"),
        (YEAR_ENDS + datetime.timedelta(days=1), "s'arrêtent le 31"),
        (LAST_PROVISIONAL, "courent déjà"),
    ],
)
def test_an_extension_ends_later_and_within_the_school_year(until, words):
    order = OrderFactory(placed=True)
    with pytest.raises(InvalidOrderDate, match=words):
        purchase_orders.prolong(order_id=order.pk, until=until, by=OperatorFactory(), at=TERM)
    assert get_deadlines(order) == (LAST_PROVISIONAL, None, False)


@pytest.mark.slow
def test_what_is_invoiced_never_stops_by_itself_and_a_new_invoice_never_shortens_it():
    order = OrderFactory(confirmed=True)
    assert get_deadlines(order) == (None, LAST_PROVISIONAL, False)
    assert run_countdown(range(0, 280, 7)) == {}
    assert is_usable(order, at_day(279))
    by = OperatorFactory()
    purchase_orders.prolong(order_id=order.pk, until=at_day(200).date(), by=by, at=at_day(50))
    again = billing_operations.reissue_invoice(
        invoice_id=order.invoices.get().pk, reason="Rejetée.", by=by, at=at_day(60)
    )
    assert get_deadlines(order) == (None, at_day(200).date(), False)
    billing_operations.reissue_invoice(invoice_id=again.pk, reason="Rejetée.", by=by, at=at_day(190))
    assert get_deadlines(order) == (None, at_day(235).date(), False)


@pytest.mark.slow
def test_the_operator_s_suspension_lasts_until_restored_or_paid():
    order = OrderFactory(placed=True)
    by = OperatorFactory()
    operations.suspend(order_id=order.pk, by=by, at=TERM)
    actions.upload(order, at=at_day(1))
    actions.confirm(order, at=at_day(2))
    purchase_orders.prolong(order_id=order.pk, until=at_day(90).date(), by=by, at=at_day(3))
    assert not is_usable(order, at_day(3))
    actions.pay(order, amount="100", reference="VIR 1", at=at_day(4))
    assert not is_usable(order, at_day(4))
    actions.pay(order, amount="99", reference="VIR 2", at=at_day(5))
    assert (state(order), get_deadlines(order)) == (OrderState.PAID, (None, None, False))


@pytest.mark.slow
def test_a_school_or_principal_gets_one_provisional_period_a_year(nimes):
    order = OrderFactory(placed=True)
    affiliation = order.placed_by.affiliations.get()
    colleague = AffiliationFactory(user=PrincipalFactory(), school=order.school)
    # From midnight on, whether or not the hourly task ran.
    for day, who in ((46, affiliation), (46, colleague), (47, affiliation)):
        with refuses("previous_order_lapsed", match=f"Commande n° {order.pk} est restée"):
            OrderFactory(placed=True, affiliation=who, at=at_day(day))
        clock(at_day(day, 23))
    OrderFactory(placed=True, at=at_day(47))
    OrderFactory(by_card=True, affiliation=affiliation, at=at_day(47))
    next_year = put_on_sale(ends_on=YEAR_ENDS.replace(year=2028), sold_from=at_day(48).date())
    of_next = OrderFactory(placed=True, affiliation=colleague, at=at_day(48))
    assert of_next.lines.get().school_year == next_year


@pytest.mark.slow
def test_an_order_that_fails_does_not_block_the_others(monkeypatch):
    stuck, goes_on = OrderFactory(placed=True), OrderFactory(placed=True)
    tell = order_events.notify_buyer

    def fails(order, kind, **given):
        if order.pk == stuck.pk:
            raise RuntimeError("the office's schema is gone")
        tell(order, kind, **given)

    monkeypatch.setattr("licensing.orders.order_events.notify_buyer", fails)
    with pytest.raises(ExceptionGroup) as failed:
        clock(at_day(46))
    assert [str(one) for one in failed.value.exceptions] == ["the office's schema is gone"]
    assert (state(stuck), state(goes_on)) == (OrderState.PLACED, OrderState.LAPSED)
    assert not is_usable(stuck, at_day(46))


@pytest.mark.slow
def test_the_hourly_task_takes_two_queries_whatever_the_number_of_orders():
    for _ in range(3):
        OrderFactory(placed=True)
    clock(at_day(30))
    with connection.execute_wrapper(query_counter := StatementCounter()):
        assert clock(at_day(30, 11)) == (0, 0)
    assert query_counter.times == 2

"""An invoiced order is credited in part: licences, price or both; rights, money and invoice say the same."""

from decimal import Decimal

import pytest

from core.calendar import date_in_paris
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.queries import get_balance
from licensing.entitlements import seat_holders
from licensing.entitlements.models import Seat, SeatMode, Subscription
from licensing.orders.models import OrderState
from licensing.payments.queries import get_surplus
from licensing.pools.models import Pool
from mailing import kinds
from sites.back_office import work_items
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, list_email_kinds, list_messages, list_violations
from tests.pools.actions import allocate_units

pytestmark = pytest.mark.django_db


def list_queue(name):
    return list(work_items.list_waiting_orders(name, date_in_paris(TERM)))


def hold(*seats):
    """Have a teacher hold each of these seats."""
    for seat in seats:
        teacher = TeacherFactory()
        seat_holders.assign_seats([seat], [teacher], SeatMode.MANUAL, by=teacher, at=TERM, message="")


def read_email(order):
    """Return the last e-mail about the order as text."""
    message = list_messages(order).last()
    return kinds.get(message.kind).render(message).text.replace("\xa0", " ").replace("\u202f", " ")


@pytest.mark.slow
def test_licences_of_a_school_are_taken_back_with_their_price():
    order = OrderFactory(confirmed=True)
    note = actions.credit(order, licences=2)
    line = order.lines.get()
    assert (note.total_ttc, order.owed, get_balance(order)) == (Decimal("79.60"), Decimal("119.40"), Decimal("119.40"))
    assert (line.quantity, line.taken_back, Subscription.objects.get().size) == (5, 2, 3)
    assert list(Seat.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert (order.state, list_violations()) == (OrderState.CONFIRMED, set())
    assert list_email_kinds(order)[-1] == "credited"
    text = read_email(order)
    assert f"L'avoir {note}, de 79,60 € TTC" in text
    assert "2 licences sont reprises : la commande en compte désormais 3" in text
    assert "Il reste 119,40 € à régler" in text
    actions.pay(order, amount="119.40")
    order.refresh_from_db()
    assert (order.state, get_surplus(order), list_violations()) == (OrderState.PAID, 0, set())


@pytest.mark.slow
def test_a_reduction_of_the_price_leaves_the_licences():
    order = OrderFactory(confirmed=True)
    actions.credit(order, amount="19.90")
    assert (order.owed, order.lines.get().taken_back, Subscription.objects.get().size) == (Decimal("179.10"), 0, 5)
    assert "Vos licences ne changent pas" in read_email(order)


@pytest.mark.slow
def test_what_was_paid_beyond_the_reduced_price_is_an_overpayment():
    order = OrderFactory(paid=True)
    actions.credit(order, licences=1)
    assert (order.state, get_surplus(order), list_queue("trop-percus")) == (OrderState.PAID, Decimal("39.80"), [order])
    assert "Motif : Classes fermées. " in read_email(order).replace("\n", " ")
    assert "39,80 € sont donc payés en trop. Nous vous les rendons, au compte qui avait payé" in read_email(order)
    actions.give_back(order, amount="39.80")
    assert (get_surplus(order), list_queue("trop-percus"), list_violations()) == (0, [], set())
    assert "Un avoir a réduit le prix de la commande, qui reste réglée." in read_email(order)


@pytest.mark.slow
def test_a_credit_of_what_is_left_to_pay_settles_the_order():
    order = OrderFactory(confirmed=True)
    actions.pay(order, amount="150")
    actions.credit(order, amount="49")
    assert (order.state, get_deadlines(order), list_violations()) == (OrderState.PAID, (None, None, False), set())


@pytest.mark.slow
def test_licences_that_a_teacher_has_or_had_are_not_taken_back():
    order = OrderFactory(paid=True)
    hold(*Seat.objects.order_by("number")[:3])
    refusal = assert_refused("licences_in_use", actions.credit, order, licences=3)
    assert "3 licences sont déjà utilisées" in refusal
    assert "2 au plus peuvent être reprises" in refusal
    actions.credit(order, licences=2)
    assert (Subscription.objects.get().size, Seat.objects.held().count(), list_violations()) == (3, 3, set())


@pytest.mark.slow
def test_seats_that_are_left_are_numbered_without_a_gap():
    order = OrderFactory(paid=True)
    held = Seat.objects.get(number=5)
    hold(held)
    actions.credit(order, licences=3)
    assert list(Seat.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert Seat.objects.held().get() == held


def test_licences_of_a_pool_are_taken_back_unless_a_school_has_them(nimes):
    order = PurchaseFactory(units=20, confirmed=True)
    pool, school = Pool.objects.get(), SchoolFactory(name="École du Mas", commune="Nîmes")
    allocate_units(pool, school, units=12)
    refusal = assert_refused("licences_in_use", actions.credit, order, licences=9)
    assert "12 licences sont déjà attribuées (École du Mas, Nîmes : 12)" in refusal
    assert "8 au plus peuvent être reprises" in refusal
    actions.credit(order, licences=8)
    pool.refresh_from_db()
    assert (pool.capacity, pool.free, order.lines.get().taken_back, list_violations()) == (12, 0, 8, set())


@pytest.mark.slow
def test_what_takes_everything_is_a_cancellation():
    order = OrderFactory(confirmed=True)
    assert "annulez-la" in assert_refused("invalid_licences", actions.credit, order, licences=5)
    assert "annulez la commande" in assert_refused("invalid_amount", actions.credit, order, amount="199")
    assert_refused("invalid_amount", actions.credit, order)
    assert_refused("no_reason", actions.credit, order, amount="1", reason=" ")
    assert_refused("not_in_this_state", actions.credit, OrderFactory(placed=True), amount="1")
    assert_refused("not_in_this_state", actions.credit, OrderFactory(cancelled=True), amount="1")
    order.refresh_from_db()
    assert (order.credited, order.lines.get().taken_back, order.invoices.count()) == (0, 0, 1)


@pytest.mark.slow
def test_a_cancellation_after_partial_credits_credits_the_rest():
    order = OrderFactory(paid=True)
    actions.credit(order, licences=1)
    actions.give_back(order, amount="39.80")
    actions.cancel(order)
    order.refresh_from_db()
    notes = order.invoices.filter(kind="credit_note").order_by("pk")
    assert [note.total_ttc for note in notes] == [Decimal("39.80"), Decimal("159.20")]
    assert (order.state, get_surplus(order), list_violations()) == (OrderState.CANCELLED, Decimal("159.20"), set())
    assert f"L'avoir {notes[1]} annule la facture" in read_email(order)


@pytest.mark.slow
def test_a_rejected_invoice_is_remade_with_its_partial_credit_notes():
    order = OrderFactory(confirmed=True)
    actions.credit(order, licences=1)
    actions.credit(order, amount="10")
    invoice = order.invoices.current().get()
    by = {"by": order.placed_by, "at": TERM}
    billing_operations.record_platform_status(invoice_id=invoice.pk, state="rejected", reason="SIRET inconnu", **by)
    assert "refaites-la" in assert_refused("not_in_this_state", actions.credit, order, amount="1")
    issued = billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="SIRET inconnu", **by)
    again = issued.credit_notes.order_by("pk")
    assert [(note.total_ttc, note.snapshot["corrects"]["licences"]) for note in again] == [
        (Decimal("39.80"), 1),
        (10, 0),
    ]
    order.refresh_from_db()
    assert (get_balance(order), order.lines.get().taken_back, list_violations()) == (Decimal("149.20"), 1, set())


@pytest.mark.slow
def test_an_invoice_remade_after_a_card_was_refunded_in_part_states_what_is_left():
    """Not that all of it was paid, on the day on which it is made anew."""
    order = OrderFactory(paid_by_card=True, billing__payer="company", billing__siren="732829320", billing__siret="")
    actions.credit(order, amount="50")
    invoice = order.invoices.current().get()
    by = {"by": order.placed_by, "at": TERM}
    billing_operations.record_platform_status(invoice_id=invoice.pk, state="rejected", reason="SIREN inconnu", **by)
    issued = billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="SIREN inconnu", **by)
    assert (issued.snapshot["received"], issued.snapshot["paid_on"]) == ("149.00", "")
    assert issued.credit_notes.get().snapshot["corrects"]["refund_by"] == ""
    assert list_violations() == set()


@pytest.mark.slow
def test_nothing_goes_back_of_what_bounced_after_a_part_was_given_back():
    order = OrderFactory(confirmed=True)
    cheque = actions.pay(order, method="cheque")
    actions.credit(order, amount="50")
    actions.give_back(order, amount="50")
    actions.reverse(order, payment=cheque, amount="149")
    actions.cancel(order)
    note = order.invoices.filter(kind="credit_note").latest("pk")
    assert (note.total_ttc, note.snapshot["corrects"]["refund_by"]) == (Decimal(149), "")


@pytest.mark.slow
def test_the_invoice_s_e_mail_leaves_after_a_partial_credit():
    order = OrderFactory(confirmed=True)
    message = list_messages(order).last()
    actions.credit(order, licences=1)
    text = kinds.get(message.kind).render(message).text.replace("\xa0", " ")
    assert "199,00 € TTC, dont 39,80 € repris par avoir" in text
    assert "159,20 € sont à régler" in text

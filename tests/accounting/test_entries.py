"""Which accounts, journals and days an act of sale comes to."""

import datetime
from decimal import Decimal
from typing import Any

import pytest

from licensing.books.accounting.entries import iterate_sales_entries
from licensing.books.accounting.journals import Period
from licensing.books.accounting.models import AccountingSettings
from licensing.books.accounting.order_ledger import load_postings
from licensing.books.billing import operations as billing
from licensing.orders import billing_details
from licensing.payments.operations import refund
from tests.accounting.books import export, export_lines
from tests.accounting.fec_checker import list_faults, signed
from tests.accounting.provider_balance import record_movement, record_movements
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import OperatorFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.dates import DAY
from tests.refusals import refuses

pytestmark = pytest.mark.slow

#: The days around the tests' moment.
START, END = datetime.date(2026, 11, 1), datetime.date(2026, 12, 15)


def entries(start=START, end=END):
    """Return the entries of a period: journal and number → account → amount."""
    lines = export_lines(start, end)
    assert list_faults(lines, start=start, end=end) == []
    found = {}
    for line in lines:
        accounts = found.setdefault(f"{line['JournalCode']}{line['EcritureNum']}", {})
        accounts[line["CompteNum"]] = accounts.get(line["CompteNum"], 0) + signed(line)
    return found


def money(**amounts):
    return {account.lstrip("_"): Decimal(amount) for account, amount in amounts.items()}


def test_a_sale_has_the_accounts_of_its_rate_and_category(nimes):
    for place in ({}, {"postal_code": "97400"}, {"postal_code": "97600"}, {"country": "Suisse", "postal_code": "1000"}):
        billing = {f"billing__{name}": value for name, value in place.items()}
        OrderFactory(confirmed=True, billing__cooperative=True, **billing)
    order = OrderFactory(placed=True)
    billing_details.correct_vat(
        order_id=order.pk, treatment="eu_taxable", vat_number="BE0403053608", exemption="", reason="Attestation.",
        by=OperatorFactory(), at=TERM,
    )  # fmt: skip
    actions.confirm(order)
    assert entries() == {
        "VE1": money(_411000="199", _706000="-165.83", _44571200="-33.17"),
        "VE2": money(_411000="199", _706000="-183.41", _44571085="-15.59"),
        "VE3": money(_411000="199", _706100="-199"),
        "VE4": money(_411000="199", _706200="-199"),
        "VE5": money(_411000="199", _706300="-199"),
    }


@pytest.mark.small
def test_a_rate_without_an_account_of_its_own_has_the_other_one(nimes):
    OrderFactory(confirmed=True)
    execute_as_administrator(
        "UPDATE public.billing_invoice SET snapshot = jsonb_set(snapshot, '{rates,0,vat_rate}', '\"19.60\"')"
    )
    assert entries()["VE1"].keys() == {"411000", "706000", "44571000"}


def test_money_has_the_journal_of_the_way_it_came(nimes):
    transfer, cheque, card = OrderFactory(confirmed=True), OrderFactory(confirmed=True), OrderFactory(paid_by_card=True)
    actions.pay(transfer)
    actions.pay(cheque, method="cheque", reference="CHQ 7", amount="209")
    actions.give_back(cheque, amount="10", method="cheque", at=TERM + DAY)
    actions.reverse(cheque, amount="50", at=TERM + 2 * DAY)
    actions.cancel(card, at=TERM + DAY / 24)
    refund(payment_id=card.payments.get().pk, by=None, at=TERM + DAY)
    found = entries()
    assert found["BQ1"] == money(_512000="199", _411000="-199")
    assert found["CH1"] == money(_511200="209", _411000="-199", _419700="-10")
    assert found["CB1"] == money(_511500="199", _411000="-199")
    assert found["BQ2"] == money(_512000="-10", _419700="10")
    assert found["CH2"] == money(_511200="-50", _411000="50")
    assert found["CB2"] == money(_511500="-199", _411000="199")


def test_a_surplus_that_is_moved_is_one_entry_between_two_orders(nimes):
    overpaid, owed = OrderFactory(paid=True), OrderFactory(confirmed=True)
    actions.pay(overpaid, amount="50", reference="VIR 2")
    actions.move(overpaid, owed, amount="50")
    assert entries()["OD1"] == money(_419700="50", _411000="-50")
    line = next(line for line in export_lines(START, END) if line["JournalCode"] == "OD")
    assert line["EcritureLib"] == f"Trop-perçu reporté de la commande {overpaid.pk} Mairie de Nîmes"
    assert line["PieceRef"] == owed.invoices.get().number


def test_a_payment_is_booked_when_it_is_recorded_and_dated_when_it_came(nimes):
    order = OrderFactory(confirmed=True)
    actions.pay(order, at=TERM + 9 * DAY, received_on=TERM.date() + DAY)
    assert "BQ1" not in entries(end=TERM.date() + 8 * DAY)
    line = export_lines(START, END)[-1]
    assert (line["EcritureDate"], line["PieceDate"]) == ("20261203", "20261125")
    assert line["PieceRef"] == order.invoices.get().number


def test_the_provider_s_movements_are_booked_with_fees_and_payouts(nimes):
    card = OrderFactory(paid_by_card=True).payments.get().card
    record_movements(card, at=TERM)
    record_movement("stripe_fee", "-2", at=TERM)
    record_movement("charge", "30", fee="0.70", charge="ch_other", at=TERM)
    record_movement("reserve_hold", "-5", at=TERM)
    record_movement("adjustment", "-199", fee="20", card=card, at=TERM)
    assert entries() == {
        "VE1": money(_411000="199", _706000="-165.83", _44571200="-33.17"),
        "CB1": money(_511500="199", _411000="-199"),
        "CB2": money(_467000="195.76", _627000="3.24", _511500="-199"),
        "CB3": money(_512000="195.76", _467000="-195.76"),
        "CB4": money(_467000="-2", _627000="2"),
        # Of another site, and of a kind that nobody has thought of.
        "CB5": money(_467000="29.30", _627000="0.70", _471000="-30"),
        "CB6": money(_467000="-5", _471000="5"),
        # A dispute: the money waits until the books follow.
        "CB7": money(_467000="-219", _627000="20", _511500="199"),
    }


def test_income_after_the_close_is_deferred_by_days_and_back_on_the_next_day(nimes):
    """24 November 2026 to 31 August 2027 are 281 days, of which 243 come after 31 December."""
    order = OrderFactory(confirmed=True)
    entry = money(_706000="143.40", _487000="-143.40")
    year_end = datetime.date(2026, 12, 31)
    assert Decimal("143.40") == round(Decimal("165.83") * 243 / 281, 2)
    assert entries(end=year_end)["OD1"] == entry
    found = entries(start=datetime.date(2027, 1, 1), end=datetime.date(2027, 12, 31))
    assert found == {"OD2": {account: -amount for account, amount in entry.items()}}
    actions.cancel(order)
    assert entries(end=year_end)["OD2"] == {account: -amount for account, amount in entry.items()}
    AccountingSettings.objects.create(pk=1, closing_month=8)
    assert "OD1" not in entries(end=datetime.date(2027, 9, 30))
    AccountingSettings.objects.update(closing_month=12, defers_income=False)
    assert "OD1" not in entries(end=datetime.date(2027, 1, 31))


def test_an_entry_that_does_not_balance_is_not_exported(nimes):
    OrderFactory(confirmed=True)
    execute_as_administrator(
        "UPDATE public.billing_invoice SET snapshot = jsonb_set(snapshot, '{rates,0,total_ht}', '\"165.84\"')"
    )
    with refuses("unbalanced_entry", match="P2026-000001"):
        export(START, END)


def test_a_batch_takes_the_same_queries_whatever_it_holds(nimes, django_assert_num_queries):
    PurchaseFactory(confirmed=True)
    period = Period(START, END)

    def count():
        with django_assert_num_queries(4):
            return len(list(iterate_sales_entries(period)))

    assert count() == 1
    for _ in range(3):
        OrderFactory(confirmed=True)
    assert count() == 4


def test_an_order_s_movements_after_the_period_are_not_read(nimes):
    order = OrderFactory(confirmed=True)
    actions.pay(order, at=TERM + DAY)
    posting = load_postings([order.pk], until=TERM.date())[order.pk]
    assert [line.letter for one in posting.values() for line in one.lines] == [""]


def test_an_invoice_made_anew_for_another_payer_takes_what_was_paid_along(nimes):
    order = OrderFactory(paid=True)
    invoice = order.invoices.get()
    later: dict[str, Any] = {"by": OperatorFactory(), "at": TERM + DAY}
    billing.record_platform_status(invoice_id=invoice.pk, state="rejected", reason="SIRET inconnu", **later)
    payer = BillingDetailsFactory(name="Département du Gard", siret="22300001900008")
    billing.correct_billing_details(order_id=order.pk, billing=payer, **later)
    billing.reissue_invoice(invoice_id=invoice.pk, reason="SIRET inconnu", **later)
    found = [
        (line["PieceRef"], line["CompAuxNum"], signed(line), line["EcritureLet"])
        for line in export_lines(START, END)
        if line["CompteNum"] == "411000"
    ]
    one, two, three = (f"{order.pk}-{rank}" for rank in (1, 2, 3))
    assert found == [
        ("P2026-000001", "C21300189400012", 199, one),
        ("P2026-000001", "C21300189400012", -199, one),
        ("P2026-000002", "C21300189400012", -199, two),
        ("P2026-000003", "C22300001900008", 199, three),
        ("P2026-000003", "C21300189400012", 199, two),
        ("P2026-000003", "C22300001900008", -199, three),
    ]

"""A month of 90 mandats, 40 cheques and 60 card sales agrees to the cent, from the bank to the accountant's file.

Played through the pages: both bank files, both platforms over real HTTP, Stripe's balance, e-reporting, the export.
What is expected is counted here, apart from the site.
"""

import datetime
from collections import defaultdict
from decimal import Decimal

import pytest
from lxml import etree

from accounts.tasks import delete_expired_sessions
from core.money import CENT
from licensing.books.bank.models import LineState, StatementLine
from licensing.books.billing.models import Invoice, InvoiceKind, InvoiceRoute, PlatformState
from licensing.books.billing.queries import get_balance
from licensing.books.billing.transmission import delivery
from licensing.books.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.books.e_reporting.models import PeriodReport
from licensing.catalogue.models import Seller
from licensing.orders.models import Order, OrderState
from licensing.payments.collection_statements import declare_collections
from sites.audit.checks import check_all
from tests.accounting.fec_checker import list_faults, read_fec, signed, sum_accounts
from tests.bank.statement_files import FileLine, write_camt, write_cfonb
from tests.orders import actions
from tests.payments.card.actions import run_jobs
from tests.sites.month.bank_files import FIRST_FILE_ENDS, BankFile, find_line, get_transfer_day
from tests.sites.month.month_of_sales import (
    CARDS,
    CHEQUES,
    FIRST_DAY,
    LAST_DAY,
    MANDATES,
    RECORDED_EARLY,
    RECORDED_LATE,
    PlayedSale,
    moment,
)
from tests.sites.month.operator_pages import OperatorPages

SIGNS: dict[str, int] = {InvoiceKind.INVOICE: 1, InvoiceKind.CREDIT_NOTE: -1}
#: Paid in excess: of the one a part is moved to another order, of the other it stays.
MOVED_SURPLUS, KEPT_SURPLUS = Decimal("51.00"), Decimal("20.00")
#: Mandats that nobody pays within the month.
UNPAID = 10
HOUR = datetime.timedelta(hours=1)


@pytest.mark.slow
def test_a_month_agrees_to_the_cent(month, platforms, portal, stripe, tell):
    chorus_pro, platform = platforms
    chorus_pro.bodies.update(dict.fromkeys(month.public_sirets, False))
    Seller.objects.update(e_reporting_from=FIRST_DAY)
    browsers = {"portal": portal, "stripe": stripe, "tell": tell}

    month.sell(2, FIRST_FILE_ENDS, **browsers)
    month.clock.at = moment(FIRST_FILE_ENDS, 12)
    credit_some(month)
    transmit(month, chorus_pro)
    make_rejected_invoice_anew(month)
    first, overpaid, clicks = read_first_file(month, stripe)
    month.sell(FIRST_FILE_ENDS + 1, 28, **browsers)
    refund_part_of_a_card(month, stripe)
    month.clock.at = moment(29)
    transmit(month, chorus_pro)
    # Credit notes are sent once their invoices are taken, and asked about by then.
    month.clock.at = moment(29, 23)
    delivery.deliver_due()
    second, more_clicks = read_second_file(month, stripe, first, overpaid)
    month.record_cheque(month.cheques[-1])
    month.list_movements()
    month.clock.at = moment(31, 9)
    assert (len(month.mandates), len(month.cheques), len(month.cards)) == (MANDATES, CHEQUES, CARDS)
    assert clicks + more_clicks == (41 if MANDATES == 300 else 39)

    assert_transmissions_agree(month, chorus_pro)
    assert_collections_agree(month, platform)
    assert_reports_agree(month, platform)
    content = OperatorPages(month).download_books(FIRST_DAY, LAST_DAY)
    lines = read_fec(content)
    assert list_faults(lines, start=FIRST_DAY, end=LAST_DAY) == []
    assert_accounts_agree(month, lines, [first, second], stripe)
    assert_clients_agree(month, lines)
    delete_expired_sessions()
    assert {found.code: found.examples for found in check_all() if found.broken} == {}


def list_of_second_file(month):
    return [sale for sale in month.mandates if get_transfer_day(sale) > FIRST_FILE_ENDS]


def credit_some(month):
    """Credit three of the mandats that are not paid yet, in part."""
    one, other, third = [sale for sale in list_of_second_file(month) if sale.owed == Decimal("199.00")][:3]
    month.credit(one, licences=1)
    month.credit(other, amount=30)
    month.credit(third, amount=(third.owed / 3).quantize(CENT))
    assert len({one.owed, other.owed, third.owed}) == 3


def transmit(month, chorus_pro):
    """Transmit by the pages what waits for both platforms, have them work, and ask what became of it."""
    pages = OperatorPages(month)
    for route in InvoiceRoute:
        assert pages.transmit(route) > 0
    delivery.deliver_due()
    known = set(chorus_pro.invoices)
    chorus_pro.integrate()
    for number in sorted(set(chorus_pro.invoices) - known)[UNPAID:]:
        chorus_pro.move(number, "MISE_A_DISPOSITION")
        chorus_pro.move(number, "MISE_EN_PAIEMENT")
    month.clock.at += HOUR
    delivery.deliver_due()


def make_rejected_invoice_anew(month):
    [invoice] = Invoice.objects.rejected()
    [sale] = [sale for sale in month.mandates if sale.order.pk == invoice.order_id]
    assert "pas connu de Chorus Pro" in invoice.get_rejection().reason
    month.correct_and_reissue(sale)


def read_first_file(month, stripe):
    """Read the CAMT.053 of the first days: what is sure by one button, the rest by hand."""
    month.clock.at = moment(FIRST_FILE_ENDS + 1, 9)
    file = BankFile()
    paid = [sale for sale in month.mandates if get_transfer_day(sale) <= FIRST_FILE_ENDS]
    later = [sale for sale in list_of_second_file(month)[:-UNPAID] if sale.owed == sale.order.total_ttc]
    overpaid, target = next(
        (sale, other) for sale in paid for other in later if sale.client == other.client and other.left > MOVED_SURPLUS
    )
    group = [sale for sale in paid if sale.client == paid[6].client and sale is not overpaid][:3]
    kept = next(sale for sale in paid if sale is not overpaid and sale not in group)
    chosen = [overpaid, kept, *group]
    arles = [sale for sale in paid if sale.order.bill_name == "Mairie de Arles" and sale not in chosen]
    unnamed = list({sale.owed: sale for sale in arles}.values())[:2]
    by_hand: dict[FileLine, tuple[PlayedSale, Decimal]] = {
        file.add_transfer(overpaid, more=MOVED_SURPLUS): (overpaid, MOVED_SURPLUS),
        file.add_transfer(kept, more=KEPT_SURPLUS): (kept, KEPT_SURPLUS),
        **{file.add_transfer_of(sale): (sale, Decimal(0)) for sale in unnamed},
    }
    file.add_transfer(*group)
    for sale in paid:
        if sale.left > 0:
            file.add_transfer(sale)
    recorded, unrecorded = month.cheques[:RECORDED_EARLY], month.cheques[RECORDED_EARLY : RECORDED_EARLY + 6]
    recorded_deposit = file.add_deposit(recorded, day=19)
    unrecorded_deposit = file.add_deposit(unrecorded, day=FIRST_FILE_ENDS)
    [payout] = file.add_payouts(stripe, first=1, last=FIRST_FILE_ENDS)
    file.add_fees(day=FIRST_FILE_ENDS)

    pages = OperatorPages(month)
    message = pages.upload(file.build(), write_camt)
    assert f"{len(file.lines)} lignes ajoutées, dont {len(file.lines) - 1} à voir." in message
    pages.confirm_sure_lines()
    # What does not match waits.
    assert StatementLine.objects.filter(state=LineState.WAITING).count() == 7
    choices = {}
    for line, (sale, more) in by_hand.items():
        due = Decimal(line.amount) - more
        choices[find_line(line)] = f"o{sale.order.pk}:{line.amount}:{due}"
    pages.choose(choices)
    pages.choose_alone(find_line(recorded_deposit), " ".join(f"p{one.pk}" for one in month.recorded))
    pages.book_by_numbers(find_line(unrecorded_deposit), unrecorded)
    pages.set_aside(find_line(payout), "Virement de Stripe")
    assert_all_is_decided()
    actions.move(overpaid.order, target.order, amount=MOVED_SURPLUS, at=month.clock.at)
    overpaid.paid -= MOVED_SURPLUS
    target.paid += MOVED_SURPLUS
    return file, target, pages.clicks


def refund_part_of_a_card(month, stripe):
    """Credit a licence of a card sale: Stripe gives its price back to the card."""
    month.clock.at = moment(28, 12)
    sale = next(one for one in month.cards if one.is_consumer and one.owed == Decimal("199.00"))
    sale.paid -= month.credit(sale, licences=1)
    assert run_jobs() == ["send_refund"]
    assert [one["amount"] for one in stripe.refunds] == [int((sale.order.total_ttc - sale.owed) * 100)]


def read_second_file(month, stripe, first, overpaid):
    """Read the CFONB 120 of the rest of the month, which goes on from the first file."""
    month.clock.at = moment(30, 18)
    file = BankFile()
    for sale in list_of_second_file(month)[:-UNPAID]:
        file.add_transfer(sale)
    unrecorded = month.cheques[RECORDED_EARLY + 6 : -RECORDED_LATE - 1]
    parts = (unrecorded[:6], unrecorded[6:12], unrecorded[12:])
    deposits = {file.add_deposit(part, day=day): part for day, part in enumerate(parts, start=24)}
    recorded_deposit = file.add_deposit(month.cheques[-RECORDED_LATE - 1 : -1], day=27)
    returned, unpaid = month.recorded[3], file.add_unpaid_cheque(month.cheques[3], day=28)
    payouts = file.add_payouts(stripe, first=FIRST_FILE_ENDS + 1, last=30)
    file.add_fees(day=30)

    pages = OperatorPages(month)
    message = pages.upload(file.build_after(first.build()), write_cfonb)
    assert f"{len(file.lines)} lignes ajoutées, dont {len(file.lines) - 1} à voir." in message
    pages.confirm_sure_lines()
    assert StatementLine.objects.filter(state=LineState.WAITING).count() == 7
    pages.choose({find_line(unpaid): f"r{returned.pk}"})
    late = month.recorded[RECORDED_EARLY:]
    pages.choose_alone(find_line(recorded_deposit), " ".join(f"p{one.pk}" for one in late))
    for line, sales in deposits.items():
        pages.book_by_numbers(find_line(line), sales)
    for payout in payouts:
        pages.set_aside(find_line(payout), "Virement de Stripe")
    assert_all_is_decided()
    return file, pages.clicks


def assert_all_is_decided():
    assert not StatementLine.objects.filter(state=LineState.WAITING).exists()


def assert_transmissions_agree(month, chorus_pro):
    """Each platform has what its buyers owe: invoices less credit notes, and one that was rejected apart."""
    sent = Transmission.objects.filter(kind=TransmissionKind.INVOICE).select_related("invoice")
    rejected = [one for one in sent if one.state == TransmissionState.REJECTED]
    accepted = [one for one in sent if one.state == TransmissionState.ACCEPTED]
    assert (len(rejected), len(accepted)) == (1, sent.count() - 1)
    totals = defaultdict(Decimal)
    for one in accepted:
        totals[one.route] += SIGNS[one.invoice.kind] * one.invoice.total_ttc
    companies = list_companies(month)
    assert totals == {
        "chorus_pro": sum(sale.owed for sale in month.mandates),
        "platform": sum(sale.owed for sale in companies),
    }
    assert set(chorus_pro.invoices) == {one.invoice.number for one in accepted if one.route == "chorus_pro"}
    # The approved platform tells a state only where a buyer gives one.
    latest = [one.invoice.get_latest_status() for one in accepted if one.route == "chorus_pro"]
    assert sum(one is not None and one.state == PlatformState.IN_PAYMENT for one in latest) > MANDATES - 3 * UNPAID


def list_companies(month):
    return [sale for sale in (*month.cheques, *month.cards) if not sale.is_consumer]


def assert_collections_agree(month, platform):
    """The approved platform is told what the businesses paid."""
    declare_collections(at=month.clock.at)
    delivery.deliver_due()
    declared = Decimal(0)
    for flow in platform.list_sent("CDAR"):
        root = etree.fromstring(platform.contents[flow["flowId"]])
        declared += sum(Decimal(one.text) for one in root.iter("{*}ValueAmount"))
    assert declared == sum(sale.paid for sale in list_companies(month))


def assert_reports_agree(month, platform):
    """Three decades of sales and a month of payments say what consumers bought and paid."""
    pages = OperatorPages(month)
    assert pages.declare_all() == 4
    delivery.deliver_due()
    month.clock.at += HOUR
    delivery.deliver_due()
    assert [one["acknowledgement"]["status"] for one in platform.list_sent("FRR")] == ["Ok"] * 4
    assert not Transmission.objects.exclude(state__in=[TransmissionState.ACCEPTED, TransmissionState.REJECTED]).exists()
    totals = defaultdict(Decimal)
    for report in PeriodReport.objects.all():
        totals[report.kind] += report.total_ttc
    consumers = [sale for sale in month.sales if sale.is_consumer]
    assert totals == {
        "sales": sum(sale.owed for sale in consumers),
        "payments": sum(sale.paid for sale in consumers),
    }


def assert_accounts_agree(month, lines, files, stripe):
    """Each account says what the bank files, Stripe and the invoices say."""
    sums = sum_accounts(lines)
    movements = stripe.balance.transactions
    documents = list(Invoice.objects.all())
    by_rate = defaultdict(Decimal)
    for one in documents:
        for rate in one.snapshot["rates"]:
            by_rate[rate["vat_rate"]] -= SIGNS[one.kind] * Decimal(rate["total_vat"])
    waiting_cheque = month.cheques[-1].paid
    assert {account: total for account, total in sums.items() if account != "411000"} == {
        "512000": sum(file.transfers + file.payouts for file in files),
        "511200": sum(file.cheques for file in files) + waiting_cheque,
        # Every card payment is in Stripe's list.
        "511500": 0,
        "467000": Decimal(sum(one["net"] for one in movements)) / 100,
        "627000": Decimal(sum(one["fee"] for one in movements)) / 100,
        "419700": -KEPT_SURPLUS,
        "44571200": by_rate["20.00"],
        "44571085": by_rate["8.50"],
        "706000": -sum(SIGNS[one.kind] * one.total_ht for one in documents if one.total_vat),
        "706100": -sum(SIGNS[one.kind] * one.total_ht for one in documents if not one.total_vat),
    }
    assert sum(sale.owed for sale in month.sales) == sum(SIGNS[one.kind] * one.total_ttc for one in documents)
    assert all((by_rate["8.50"], sums["706100"], sums["467000"]))


def assert_clients_agree(month, lines):
    """Each client's account says what was counted here, and what the orders say is owed."""
    found, counted, owed = defaultdict(Decimal), defaultdict(Decimal), defaultdict(Decimal)
    for line in lines:
        if line["CompAuxNum"]:
            found[line["CompAuxNum"]] += signed(line)
    orders = Order.objects.in_bulk([sale.order.pk for sale in month.sales])
    for sale in month.sales:
        counted[sale.client] += sale.left
        owed[sale.client] += get_balance(orders[sale.order.pk])
    assert drop_zeros(found) == drop_zeros(counted) == drop_zeros(owed)
    open_sales = [order for order in orders.values() if order.state == OrderState.CONFIRMED]
    assert len(open_sales) == UNPAID + 1  # and the unpaid cheque


def drop_zeros(sums):
    return {name: total for name, total in sums.items() if total}

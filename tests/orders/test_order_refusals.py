"""What is refused, and that nothing was ordered, invoiced or paid then; and prices that hold or do not."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from accounts.models import Profile
from collectivities.models import AuditEntry
from licensing.catalogue.models import PriceBand, Product, SchoolTier
from licensing.exceptions import Refused
from licensing.orders import card, operations
from licensing.orders.card import settling, starting
from licensing.orders.card.outcomes import Opened, Outcome, Stage, cents
from licensing.orders.exceptions import BadBilling, BadScan, IncompleteForInvoice, PriceChanged, TermsNotAccepted
from licensing.orders.models import (
    CardPayment,
    Invoice,
    Order,
    OrderEvent,
    OrderState,
    Payment,
    PlatformState,
    ScanState,
    Seller,
)
from licensing.orders.operations.placing import MOST_AWAITED
from licensing.orders.operations.receiving import MOST_SCANS
from schools.models import Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.orders import lifecycle
from tests.orders.lifecycle import MAIRIE, SCAN, YEAR_ENDS, on

pytestmark = pytest.mark.django_db
COMMUNE = "21300189400012"
OF_THE_SCHOOL = "21300189400095"


def refused(code, act, /, *given, **named):
    with pytest.raises(Refused) as refusal:
        act(*given, **named)
    assert refusal.value.code == code
    return str(refusal.value).replace("\xa0", " ")


# --- Who pays -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("payer", {"payer": ""}),
        ("payer", {"payer": "prince"}),
        ("payer", {"payer": "collectivity"}),
        ("payer", {"payer": "school"}),
        ("name", {"name": " "}),
        ("name", {"name": "x" * 201}),
        ("address", {"address": ""}),
        ("postal_code", {"postal_code": "3000"}),
        ("city", {"city": ""}),
        ("country", {"country": "Belgique"}),
        ("email", {"email": "compta"}),
        ("siret", {"siret": "21300189400013"}),
        ("siret", {"siret": COMMUNE + "0"}),
        ("siret", {"siret": OF_THE_SCHOOL}),
        ("service_code", {"service_code": "S" * 101}),
        ("engagement_number", {"engagement_number": "E" * 51}),
    ],
)
def test_an_order_is_placed_for_somebody_who_can_be_invoiced(field, given):
    school = SchoolFactory(siret=OF_THE_SCHOOL)
    order = lifecycle.draft(affiliation=AffiliationFactory(user=PrincipalFactory(), school=school))
    for accept in (lifecycle.put, lifecycle.choose):
        with pytest.raises(BadBilling) as refusal:
            accept(order, billing=lifecycle.but(MAIRIE, **given))
        assert refusal.value.field == field
    order.refresh_from_db()
    assert (order.state, order.bill_name, order.method) == (OrderState.DRAFT, "", "")


def test_a_siret_is_taken_as_people_write_it_and_what_is_typed_is_proposed_again():
    order = lifecycle.put(
        lifecycle.draft(), billing=lifecycle.but(MAIRIE, name="  Mairie   de Nîmes ", siret="213 001 894 00012")
    )
    assert (order.bill_name, order.siret) == ("Mairie de Nîmes", COMMUNE)
    operations.complete(
        order_id=order.pk,
        siret="213.001.894.00012",
        service_code="S",
        engagement_number="E 1",
        by=order.placed_by,
        at=TERM,
    )
    next_one = lifecycle.draft(affiliation=order.placed_by.affiliations.get())
    again = operations.prefilled(next_one)
    # An engagement is for one order.
    assert (again.siret, again.service_code, again.engagement_number) == (COMMUNE, "S", "")


def test_the_terms_are_accepted_as_they_are_now():
    order = lifecycle.draft()
    for version in ("", "2019-01"):
        with pytest.raises(TermsNotAccepted):
            operations.place(order_id=order.pk, billing=MAIRIE, terms_version=version, by=order.placed_by, at=TERM)
    placed = lifecycle.put(order)
    assert (placed.terms_version, placed.terms_accepted_at) == (lifecycle.terms.CURRENT, TERM)


def test_what_the_invoice_lacks_is_completed_until_it_is_there_and_again_once_it_is_rejected():
    order = lifecycle.put(lifecycle.draft(), billing=lifecycle.but(MAIRIE, siret=""))
    by = lifecycle.operator()

    def complete(siret=COMMUNE):
        return operations.complete(
            order_id=order.pk, siret=siret, service_code="S", engagement_number="", by=by, at=TERM
        )

    with pytest.raises(IncompleteForInvoice, match="SIRET"):
        lifecycle.confirm(order)
    assert not Invoice.objects.exists()
    refused("bad_billing", complete, "123")
    complete()
    invoice = lifecycle.confirm(order)
    refused("not_in_this_state", complete)
    operations.record_status(invoice_id=invoice.pk, state=PlatformState.REJECTED, reason="Service", by=by, at=TERM)
    complete()
    again = operations.reinvoice(invoice_id=invoice.pk, reason="Service.", by=by, at=TERM)
    assert (again.facts["buyer"]["service_code"], again.corrects) == ("S", None)
    refused("not_in_this_state", complete)
    refused("not_in_this_state", operations.reinvoice, invoice_id=invoice.pk, reason="Service.", by=by, at=TERM)


# --- What it costs --------------------------------------------------------------------------------------------------


def test_a_teacher_buys_one_class_and_an_agent_none():
    lifecycle.draft()
    teacher = AffiliationFactory(user=TeacherFactory())
    refused("not_a_buyer", lifecycle.draft, classes=2, affiliation=teacher)
    assert lifecycle.draft(classes=1, affiliation=teacher).school is None
    refused(
        "not_a_buyer",
        lifecycle.draft,
        classes=1,
        affiliation=AffiliationFactory(user=UserFactory(profile=Profile.AGENT)),
    )
    for classes in (0, -1, 201):
        refused("bad_quantity", lifecycle.draft, classes=classes)


def test_one_basket_a_person_but_neither_the_quoted_one_nor_the_one_being_paid():
    first = lifecycle.draft(classes=5)
    of = first.placed_by.affiliations.get()
    assert lifecycle.draft(classes=1, affiliation=of) == first
    assert (first.lines.get().quantity, Order.objects.get().total_ttc) == (1, Decimal("49.00"))
    operations.quote(order_id=first.pk, by=of.user, at=TERM)
    second = lifecycle.draft(classes=5, affiliation=of)
    lifecycle.charged(lifecycle.choose(second))
    third = lifecycle.draft(classes=5, affiliation=of)
    assert len({first.pk, second.pk, third.pk}) == 3


def test_a_basket_that_becomes_another_school_s_forgets_who_paid_for_the_first():
    first = AffiliationFactory(user=PrincipalFactory())
    lifecycle.choose(lifecycle.draft(affiliation=first))
    kept = lifecycle.draft(affiliation=first, classes=1)
    assert (kept.siret, kept.school) == (COMMUNE, first.school)
    elsewhere = AffiliationFactory(user=first.user, school__commune="Alès")
    moved = lifecycle.draft(affiliation=elsewhere)
    assert (moved.pk, moved.school, moved.bill_name, moved.siret, moved.payer) == (
        kept.pk,
        elsewhere.school,
        "",
        "",
        "",
    )
    assert operations.prefilled(moved).city == "Alès"


def test_licences_of_a_year_that_is_over_are_not_sold_by_card_but_a_debt_is_paid():
    over = datetime.datetime(2027, 9, 1, 10, tzinfo=TERM.tzinfo)
    order = lifecycle.lapsed()
    refused("not_to_pay", card.start, order_id=order.pk, by=order.placed_by, at=over)
    owed = lifecycle.confirmed()
    assert card.start(order_id=owed.pk, by=owed.placed_by, at=over).total == owed.total_ttc


def test_a_price_that_changed_is_said_and_a_valid_quote_holds_it(nimes):
    held, kept, bare = (lifecycle.collectivity_draft(nimes) for _ in range(3))
    by = held.placed_by
    operations.quote(order_id=kept.pk, by=by, at=TERM)
    quoted = operations.quote(order_id=held.pk, by=by, at=TERM)
    assert (quoted.quote_number, quoted.quote_until) == (f"DV2026-{held.pk}", datetime.date(2026, 12, 23))
    PriceBand.objects.update(unit_ht=Decimal("99.00"))
    with pytest.raises(PriceChanged):
        lifecycle.put(bare)
    assert lifecycle.put(kept, at=on(29, 23)).total_ht == Decimal("40000.00")
    with pytest.raises(PriceChanged, match=r"23.décembre 2026"):
        lifecycle.put(held, at=on(30, 0))
    # Nothing was ordered: it may be quoted anew, at today's price, under a number of its own.
    again = operations.quote(order_id=held.pk, by=by, at=on(30))
    assert (again.quote_number, again.total_ht) == (f"DV2026-{held.pk}/2", Decimal("198000.00"))
    placed = lifecycle.put(held, at=on(59, 23))
    assert (placed.state, placed.total_ht) == (OrderState.PLACED, Decimal("198000.00"))


def test_a_collectivity_pays_by_no_card(nimes):
    refused("not_in_this_state", lifecycle.choose, lifecycle.collectivity_draft(nimes), billing=lifecycle.DEPARTEMENT)


@pytest.mark.parametrize(
    "change",
    [
        lambda: Product.objects.update(vat_rate=Decimal("10.00")),
        lambda: (
            SchoolTier.objects.filter(from_classes=6).update(from_classes=7),
            SchoolTier.objects.filter(from_classes=2).update(to_classes=6),
        ),
    ],
    ids=["another VAT", "another number of classes"],
)
def test_what_changed_under_the_same_price_is_said_before_anything_is_ordered(change):
    order = lifecycle.draft()
    change()
    for step in (lifecycle.put, lifecycle.choose):
        with pytest.raises(PriceChanged):
            step(order)


def test_a_price_of_the_shop_that_changed_before_the_card_is_said():
    order = lifecycle.draft()
    SchoolTier.objects.update(price_ttc=Decimal("299.00"))
    with pytest.raises(PriceChanged):
        lifecycle.choose(order)


def test_nothing_is_ordered_nor_charged_before_the_seller_is_known():
    order = lifecycle.draft()
    Seller.objects.all().delete()
    for step in (lifecycle.put, lifecycle.choose):
        refused("not_on_sale", step, order)
    order.refresh_from_db()
    assert (order.state, order.method) == (OrderState.DRAFT, "")


def test_a_quote_holds_nothing_beyond_the_year_that_it_prices():
    summer = datetime.datetime(2027, 8, 20, 10, tzinfo=TERM.tzinfo)
    order = lifecycle.draft(at=summer)
    assert operations.quote(order_id=order.pk, by=order.placed_by, at=summer).quote_until == YEAR_ENDS
    with pytest.raises(PriceChanged):
        lifecycle.put(order, at=summer + datetime.timedelta(days=12))


# --- Scans ----------------------------------------------------------------------------------------------------------


def test_a_scan_is_a_pdf_or_a_picture_of_four_megabytes_at_most_whatever_its_name_says():
    order = lifecycle.placed()
    for content in (b"", b"<html>", b"GIF89a", b"PK\x03\x04", SCAN.ljust(4 * 1024 * 1024 + 1)):
        with pytest.raises(BadScan):
            lifecycle.upload(order, content=content)
    for content, kind in (
        (SCAN, "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
    ):
        scan = operations.receive_scan(
            order_id=order.pk,
            filename="C:\\scans\\../" + "é" * 300 + ".exe",
            content=content,
            by=order.placed_by,
            at=TERM,
        )
        assert (scan.content_type, len(scan.filename), "/" in scan.filename) == (kind, 200, False)


def test_one_scan_waits_the_same_sent_twice_is_one_and_what_is_decided_stays():
    order = lifecycle.placed()
    first = lifecycle.upload(order)
    assert lifecycle.upload(order) == first
    second = lifecycle.upload(order, content=SCAN + b" bis")
    by = lifecycle.operator()
    refused("nothing_to_check", operations.refuse_scan, scan_id=first.pk, reason="Vide.", by=by, at=TERM)
    refused("no_reason", operations.refuse_scan, scan_id=second.pk, reason=" ", by=by, at=TERM)
    lifecycle.confirm(order)
    refused("nothing_to_check", operations.refuse_scan, scan_id=second.pk, reason="Vide.", by=by, at=TERM)
    assert [*order.scans.order_by("pk").values_list("state", flat=True)] == [ScanState.REFUSED, ScanState.ACCEPTED]


def test_a_purchase_order_came_in_on_the_day_it_was_uploaded_or_else_confirmed():
    uploaded, posted = lifecycle.scanned(), lifecycle.placed()
    for order in (uploaded, posted):
        lifecycle.confirm(order, at=on(3))
    assert (uploaded.received_at, posted.received_at) == (TERM, on(3))


def test_nobody_fills_the_disks_with_scans():
    order = lifecycle.placed()
    for number in range(MOST_SCANS):
        lifecycle.upload(order, content=SCAN + bytes([number]))
    assert "écrivez-nous" in refused("bad_scan", lifecycle.upload, order, content=SCAN + b" encore")
    lifecycle.confirm(order)


def test_a_card_that_pays_leaves_no_scan_to_check():
    order = lifecycle.scanned()
    operations.settle_by_card(card_payment_id=lifecycle.charged(order).pk, at=TERM)
    assert (order.scans.get().state, order.scans.get().reason) == (ScanState.REFUSED, "Commande réglée par carte.")


# --- Money ----------------------------------------------------------------------------------------------------------


def test_money_is_recorded_to_the_cent_once_and_makes_the_rights_firm_when_all_of_it_is_there():
    order = lifecycle.confirmed()
    for code, given in (
        ("bad_amount", {"amount": "0"}),
        ("bad_amount", {"amount": "-1"}),
        ("bad_amount", {"amount": "199.01"}),
        ("bad_reference", {"reference": "  "}),
    ):
        refused(code, lifecycle.pay, order, **given)
    by = lifecycle.operator()
    refused(
        "bad_date", operations.record_payment, order_id=order.pk, method="cheque", amount=Decimal(199),
        received_on=on(1).date(), reference="1", by=by, at=TERM,
    )  # fmt: skip
    assert not Payment.objects.exists()
    first = lifecycle.pay(order, amount="75", reference="CHQ  1")
    assert lifecycle.pay(order, amount="75", reference="CHQ 1") == first
    # The second instalment of a town hall that words its transfers alike.
    assert lifecycle.pay(order, amount="75", reference="CHQ 1", at=on(9)) != first
    assert "49,00 € à régler" in refused("bad_amount", lifecycle.pay, order, amount="49.01").replace("\u202f", " ")
    assert lifecycle.dates(order)[1] is not None
    lifecycle.pay(order, amount="49", reference="CHQ 2")
    order.refresh_from_db()
    assert (order.state, operations.balance(order), lifecycle.dates(order)) == ("paid", 0, (None, None, False))


def test_a_payment_goes_back_once_and_only_where_the_order_does_not_need_it():
    order = lifecycle.paid()
    by = lifecycle.operator()
    payment = order.payments.get()
    refused("not_in_this_state", operations.refund, payment_id=payment.pk, by=by, at=TERM)
    # Paid by card as well, at the same time: one of the two is too much.
    card = operations.settle_by_card(card_payment_id=lifecycle.charged(order).pk, at=TERM).payments.get(method="card")
    back = operations.refund(payment_id=card.pk, by=None, at=TERM)
    assert operations.refund(payment_id=card.pk, by=None, at=TERM) == back
    assert (back.amount, back.card, operations.balance(order)) == (-order.total_ttc, card.card, 0)
    refused("not_in_this_state", operations.refund, payment_id=back.pk, by=by, at=TERM)
    refused("not_in_this_state", operations.refund, payment_id=payment.pk, by=by, at=TERM)
    lifecycle.cancel(order)
    operations.refund(payment_id=payment.pk, by=by, at=TERM)
    assert (operations.received(order), lifecycle.breaches()) == (0, set())


def test_a_card_charged_for_another_sum_is_not_taken_for_the_order_s():
    order = lifecycle.by_card()
    card = lifecycle.charged(order)
    card.total = Decimal("198.99")
    card.save()
    refused("bad_amount", operations.settle_by_card, card_payment_id=card.pk, at=TERM)
    assert (Payment.objects.count(), Invoice.objects.count(), lifecycle.usable(order, TERM)) == (0, 0, False)


def test_a_card_that_pays_all_of_what_a_cheque_has_paid_in_part_is_not_taken():
    order = lifecycle.confirmed()
    card_payment = lifecycle.charged(order)
    lifecycle.pay(order, amount="100")
    refused("bad_amount", operations.settle_by_card, card_payment_id=card_payment.pk, at=TERM)
    order.refresh_from_db()
    assert (order.state, operations.received(order)) == (OrderState.CONFIRMED, Decimal("100.00"))


def told_by_the_provider(order, *, at=TERM):
    """Take note that an attempt, which is opened now, was paid at that moment."""
    attempt = card.start(order_id=order.pk, by=order.placed_by, at=TERM)
    attempt = starting.remember(payment_id=attempt.pk, opened=Opened(reference=f"cs-{attempt.pk}", address=""))

    def pay():
        outcome = Outcome(
            reference=attempt.transaction_id, token=attempt.token, stage=Stage.PAID, amount=cents(attempt.total),
            currency="EUR",
        )  # fmt: skip
        settling.learn(payment_id=attempt.pk, outcome=outcome, at=at)
        order.refresh_from_db()

    return pay


def test_a_card_that_pays_for_a_year_that_ended_at_midnight_opens_nothing_and_is_given_back():
    order = lifecycle.by_card()
    told_by_the_provider(order, at=datetime.datetime(2027, 8, 31, 22, 5, tzinfo=datetime.UTC))()
    assert (order.state, order.payments.count(), order.invoices.count()) == (OrderState.DRAFT, 0, 0)
    assert "remboursement demandé" in CardPayment.objects.get().message


def test_an_attempt_that_came_to_nothing_holds_neither_price_nor_terms(monkeypatch):
    order = lifecycle.by_card()
    card.start(order_id=order.pk, by=order.placed_by, at=TERM)
    with monkeypatch.context() as later:
        later.setattr(lifecycle.terms, "CURRENT", "2099-01")
        refused("not_to_pay", card.start, order_id=order.pk, by=order.placed_by, at=on(90))
    SchoolTier.objects.update(price_ttc=Decimal("299.00"))
    refused("price_changed", card.start, order_id=order.pk, by=order.placed_by, at=on(90))


# --- Rights for nothing ---------------------------------------------------------------------------------------------


def test_a_stranger_s_order_does_not_keep_the_head_of_the_school_from_buying():
    school = SchoolFactory()
    stranger = AffiliationFactory(user=PrincipalFactory(), school=school)
    heads = [
        AffiliationFactory(user=PrincipalFactory(), school=school, verified_at=TERM, verified_by=Verification.MAILBOX)
        for _ in range(2)
    ]
    for whose in (stranger, heads[0]):
        lifecycle.placed(affiliation=whose)
    operations.remind_and_lapse(on(46))
    refused("lapsed_before", lifecycle.put, lifecycle.draft(affiliation=heads[1], at=on(47)), at=on(47))
    Order.objects.filter(placed_by=heads[0].user).update(state=OrderState.CANCELLED, cancelled_at=on(47))
    assert lifecycle.put(lifecycle.draft(affiliation=heads[1], at=on(47)), at=on(47)).state == OrderState.PLACED
    another = AffiliationFactory(user=PrincipalFactory(), school=school)
    refused("lapsed_before", lifecycle.put, lifecycle.draft(affiliation=another, at=on(47)), at=on(47))


def test_so_many_orders_of_one_buyer_await_their_purchase_order_and_no_more():
    whose = AffiliationFactory(user=PrincipalFactory())
    for _ in range(MOST_AWAITED):
        order = lifecycle.placed(affiliation=whose)
    refused("lapsed_before", lifecycle.placed, affiliation=whose)
    lifecycle.confirm(order)
    assert lifecycle.placed(affiliation=whose).state == OrderState.PLACED


# --- Ends -----------------------------------------------------------------------------------------------------------


def test_an_order_ends_for_a_reason_and_a_grant_is_suspended_instead(nimes):
    order = lifecycle.paid()
    by = lifecycle.operator()
    refused("no_reason", operations.cancel, order_id=order.pk, reason="", by=by, at=TERM)
    refused("no_reason", operations.reinvoice, invoice_id=order.invoices.get().pk, reason=" ", by=by, at=TERM)
    grant = operations.grant(collectivity=nimes, licences=1, reason="Essai", by=None, at=TERM).source.order_line.order
    refused("not_in_this_state", operations.cancel, order_id=grant.pk, reason="Fin.", by=by, at=TERM)
    refused("unknown_order", operations.cancel, order_id=0, reason="Fin.", by=by, at=TERM)
    lifecycle.cancel(order)
    credit = order.invoices.get(kind="credit_note")
    assert (credit.corrects.total_ttc, credit.total_ttc) == (Decimal("199.00"), Decimal("199.00"))
    assert not lifecycle.usable(order, TERM)


def test_every_step_of_a_collectivity_s_order_stands_in_its_journal(nimes):
    order = lifecycle.collectivity_draft(nimes)
    lifecycle.put(order)
    lifecycle.confirm(order)
    lifecycle.pay(order)
    steps = [*OrderEvent.objects.order_by("pk").values_list("action", flat=True)]
    assert steps == ["placed", "confirmed", "payment_recorded", "paid"]
    written = AuditEntry.objects.filter(action__startswith="orders.").order_by("pk").values_list("action", flat=True)
    assert [*written] == [f"orders.{step}" for step in steps]

"""Refusals before an order is placed, which change nothing; and which prices are held."""

import datetime
from decimal import Decimal

import pytest

from accounts.models import Profile
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice, PlatformState
from licensing.catalogue import terms
from licensing.catalogue.models import PriceBand, Product, SchoolTier, Seller
from licensing.orders import billing_details, operations
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Order, OrderState, Payer
from licensing.payments import card
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import AffiliationFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused
from tests.orders.dates import YEAR_ENDS, at_day
from tests.refusals import refuses
from tests.tiers import sampled

pytestmark = pytest.mark.django_db
COMMUNE_SIRET = "21300189400012"
SCHOOL_SIRET = "21300189400095"


# --- Payers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given"),
    sampled(
        [
            ("payer", {"payer": ""}),
            ("payer", {"payer": "prince"}),
            ("payer", {"payer": "collectivity"}),
            ("payer", {"payer": "school"}),
            ("name", {"name": " "}),
            ("name", {"name": "x" * 100}),
            ("name", {"name": "x" * 201}),
            ("name", {"name": "Réclamez votre dû sur pirate.example"}),
            ("name", {"name": "=1+1"}),
            ("name", {"name": "Préfet <prefet>"}),
            ("city", {"city": "@SUM(A1)"}),
            ("name", {"name": "Mairie\u200b de Nîmes"}),
            ("address", {"address": ""}),
            ("postal_code", {"postal_code": "3000"}),
            ("city", {"city": ""}),
            ("country", {"country": "Atlantide"}),
            ("postal_code", {"country": "Belgique", "postal_code": "97110"}),
            ("postal_code", {"country": "Guadeloupe", "postal_code": "30000"}),
            ("vat_number", {"vat_number": "BE0123456789"}),
            ("vat_number", {"country": "Belgique", "postal_code": "1000", "vat_number": "BE0123456789"}),
            ("vat_number", {"country": "Suisse", "postal_code": "1000", "vat_number": "BE0403053608"}),
            ("email", {"email": "compta"}),
            ("siret", {"siret": "21300189400013"}),
            ("siret", {"siret": COMMUNE_SIRET + "0"}),
            ("siret", {"siret": SCHOOL_SIRET}),
            ("siren", {"payer": "company", "siret": "", "siren": "213 001 895"}),
            ("siren", {"payer": "company", "siren": "123 456 782"}),
            ("service_code", {"service_code": "S" * 101}),
            ("engagement_number", {"engagement_number": "E" * 51}),
        ],
        fast=2,
    ),
)
def test_an_order_is_placed_for_somebody_who_can_be_invoiced(field, given):
    order = OrderFactory(affiliation__school__siret=SCHOOL_SIRET)
    for accept in (actions.place, actions.choose_card):
        with pytest.raises(BadBilling) as refusal:
            accept(order, billing=BillingDetailsFactory(**given))
        assert refusal.value.field == field
    order.refresh_from_db()
    assert (order.state, order.bill_name, order.method) == (OrderState.DRAFT, "", "")


def test_a_name_may_have_as_many_letters_as_chorus_pro_accepts():
    """99; the spaces that we remove do not count."""
    order = OrderFactory(placed=True, billing__name=f" {'x' * 50}   {'y' * 48} ")
    assert len(order.bill_name) == 99


def test_a_name_that_is_too_long_is_refused_with_the_bound_and_its_own_length():
    order = OrderFactory()
    with pytest.raises(BadBilling, match="compte 120 caractères, et Chorus Pro n'en accepte que 99"):
        operations.issue_quote(
            order_id=order.pk, billing=BillingDetailsFactory(name="x" * 120), by=order.placed_by, at=TERM
        )


@pytest.mark.slow
def test_a_name_that_we_propose_may_look_like_an_address():
    order = OrderFactory(affiliation__school__name="E.E.PU Jean Jaurès")
    proposed = billing_details.prefill_billing_details(order, payer=Payer.COOPERATIVE).name
    assert "E.E.PU" in proposed
    billing = BillingDetailsFactory(cooperative=True, name=proposed)
    assert actions.place(order, billing=billing).bill_name == proposed


@pytest.mark.slow
def test_a_siret_is_normalised_and_proposed_again_next_time():
    order = OrderFactory(placed=True, billing__name="  Mairie   de Nîmes ", billing__siret="213 001 894 00012")
    assert (order.bill_name, order.siret) == ("Mairie de Nîmes", COMMUNE_SIRET)
    billing_operations.complete_billing_details(
        order_id=order.pk,
        siret="213.001.894.00012",
        service_code="S",
        engagement_number="E 1",
        by=order.placed_by,
        at=TERM,
    )
    next_one = OrderFactory(affiliation=order.placed_by.affiliations.get())
    again = billing_details.prefill_billing_details(next_one)
    # An engagement number is valid for one order.
    assert (again.siret, again.service_code, again.engagement_number) == (COMMUNE_SIRET, "S", "")


@pytest.mark.slow
def test_a_company_gives_its_siren_at_the_latest_before_its_invoice():
    order = OrderFactory(placed=True, billing__payer=Payer.COMPANY, billing__siret="")
    with refuses("incomplete_for_invoice", match="SIREN"):
        actions.confirm(order)
    billing_operations.complete_billing_details(
        order_id=order.pk,
        siret="",
        siren="213 001 894",
        service_code="",
        engagement_number="",
        by=order.placed_by,
        at=TERM,
    )
    assert actions.confirm(order).snapshot["buyer"]["siren"] == "213001894"


def test_neither_name_nor_address_of_a_company_is_proposed():
    """It is neither the buyer nor at the school."""
    proposed = billing_details.prefill_billing_details(OrderFactory(), payer=Payer.COMPANY)
    assert (proposed.name, proposed.address, proposed.postal_code, proposed.city) == ("", "", "", "")


def test_by_card_a_company_gives_its_siren_before_it_pays():
    """The invoice follows at once."""
    order = OrderFactory()
    with pytest.raises(BadBilling) as refusal:
        actions.choose_card(order, billing=BillingDetailsFactory(payer=Payer.COMPANY, siret=""))
    assert refusal.value.field == "siren"


@pytest.mark.slow
def test_the_terms_are_accepted_as_they_are_now():
    order, billing = OrderFactory(), BillingDetailsFactory()
    for version in ("", "2019-01"):
        with refuses("terms_not_accepted"):
            operations.place(order_id=order.pk, billing=billing, terms_version=version, by=order.placed_by, at=TERM)
    placed = actions.place(order)
    assert (placed.terms_version, placed.terms_accepted_at) == (terms.CURRENT, TERM)


@pytest.mark.slow
def test_missing_invoice_data_is_completed_before_issue_and_after_rejection():
    order = OrderFactory(placed=True, billing__siret="")
    by = OperatorFactory()

    def complete(siret=COMMUNE_SIRET):
        return billing_operations.complete_billing_details(
            order_id=order.pk, siret=siret, service_code="S", engagement_number="", by=by, at=TERM
        )

    with refuses("incomplete_for_invoice", match="SIRET"):
        actions.confirm(order)
    assert not Invoice.objects.exists()
    assert_refused("invalid_billing", complete, "123")
    complete()
    invoice = actions.confirm(order)
    assert_refused("not_in_this_state", complete)
    billing_operations.record_platform_status(
        invoice_id=invoice.pk, state=PlatformState.REJECTED, reason="Service", by=by, at=TERM
    )
    complete()
    again = billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Service.", by=by, at=TERM)
    assert (again.snapshot["buyer"]["service_code"], again.corrects) == ("S", None)
    assert_refused("not_in_this_state", complete)
    assert_refused(
        "not_in_this_state",
        billing_operations.reissue_invoice,
        invoice_id=invoice.pk,
        reason="Service.",
        by=by,
        at=TERM,
    )


# --- Prices ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_teacher_buys_one_class_and_an_agent_none():
    OrderFactory()
    teacher = AffiliationFactory(user=TeacherFactory())
    assert_refused("not_a_buyer", OrderFactory, classes=2, affiliation=teacher)
    assert OrderFactory(classes=1, affiliation=teacher).school is None
    assert_refused(
        "not_a_buyer",
        OrderFactory,
        classes=1,
        affiliation=AffiliationFactory(user=UserFactory(profile=Profile.AGENT)),
    )
    for classes in (0, -1, 201):
        assert_refused("invalid_quantity", OrderFactory, classes=classes)


@pytest.mark.slow
def test_a_new_basket_replaces_neither_a_quoted_one_nor_one_being_paid():
    first = OrderFactory(classes=5)
    of = first.placed_by.affiliations.get()
    assert OrderFactory(classes=1, affiliation=of) == first
    assert (first.lines.get().quantity, Order.objects.get().total_ttc) == (1, Decimal("49.00"))
    operations.issue_quote(order_id=first.pk, by=of.user, at=TERM)
    second = OrderFactory(by_card=True, classes=5, affiliation=of)
    CardPaymentFactory(order=second)
    third = OrderFactory(classes=5, affiliation=of)
    assert len({first.pk, second.pk, third.pk}) == 3


@pytest.mark.slow
def test_a_basket_that_becomes_another_school_s_forgets_who_paid_for_the_first():
    first = AffiliationFactory(user=PrincipalFactory())
    OrderFactory(by_card=True, affiliation=first)
    kept = OrderFactory(affiliation=first, classes=1)
    assert (kept.siret, kept.school) == (COMMUNE_SIRET, first.school)
    elsewhere = AffiliationFactory(user=first.user, school__commune="Alès")
    moved = OrderFactory(affiliation=elsewhere)
    assert (moved.pk, moved.school, moved.bill_name, moved.siret, moved.payer) == (
        kept.pk,
        elsewhere.school,
        "",
        "",
        "",
    )
    assert billing_details.prefill_billing_details(moved).city == "Alès"


@pytest.mark.slow
def test_licences_of_a_year_that_is_over_are_not_sold_by_card_but_a_debt_is_paid():
    over = datetime.datetime(2027, 9, 1, 10, tzinfo=TERM.tzinfo)
    order = OrderFactory(lapsed=True)
    assert_refused("nothing_to_pay", card.start_attempt, order_id=order.pk, by=order.placed_by, at=over)
    owed = OrderFactory(confirmed=True)
    assert card.start_attempt(order_id=owed.pk, by=owed.placed_by, at=over).total == owed.total_ttc


@pytest.mark.slow
def test_a_changed_price_is_refused_unless_a_valid_quote_holds_it(nimes):
    held, kept, bare = (PurchaseFactory() for _ in range(3))
    by = held.placed_by
    operations.issue_quote(order_id=kept.pk, by=by, at=TERM)
    quoted = operations.issue_quote(order_id=held.pk, by=by, at=TERM)
    assert (quoted.quote_number, quoted.quote_until) == (f"DV2026-{held.pk}", datetime.date(2026, 12, 23))
    PriceBand.objects.update(unit_ht=Decimal("99.00"))
    with refuses("price_changed"):
        actions.place(bare)
    assert actions.place(kept, at=at_day(29, 23)).total_ht == Decimal("40000.00")
    with refuses("price_changed", match=r"23.décembre 2026"):
        actions.place(held, at=at_day(30, 0))
    # Nothing was ordered: a new quote at today's price gets its own number.
    again = operations.issue_quote(order_id=held.pk, by=by, at=at_day(30))
    assert (again.quote_number, again.total_ht) == (f"DV2026-{held.pk}/2", Decimal("198000.00"))
    placed = actions.place(held, at=at_day(59, 23))
    assert (placed.state, placed.total_ht) == (OrderState.PLACED, Decimal("198000.00"))


def test_a_collectivity_pays_by_no_card(nimes):
    assert_refused(
        "not_in_this_state",
        actions.choose_card,
        PurchaseFactory(),
        billing=BillingDetailsFactory(collectivity=True),
    )


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
def test_a_change_at_the_same_price_is_refused_before_ordering(change):
    order = OrderFactory()
    change()
    for step in (actions.place, actions.choose_card):
        with refuses("price_changed"):
            step(order)


def test_a_shop_price_changed_before_card_payment_is_refused():
    order = OrderFactory()
    SchoolTier.objects.update(price_ttc=Decimal("299.00"))
    with refuses("price_changed"):
        actions.choose_card(order)


def test_nothing_is_ordered_nor_charged_before_the_seller_is_known():
    order = OrderFactory()
    Seller.objects.all().delete()
    for step in (actions.place, actions.choose_card):
        assert_refused("not_on_sale", step, order)
    order.refresh_from_db()
    assert (order.state, order.method) == (OrderState.DRAFT, "")


@pytest.mark.slow
def test_a_quote_holds_nothing_beyond_the_year_that_it_prices():
    summer = datetime.datetime(2027, 8, 20, 10, tzinfo=TERM.tzinfo)
    order = OrderFactory(at=summer)
    assert operations.issue_quote(order_id=order.pk, by=order.placed_by, at=summer).quote_until == YEAR_ENDS
    with refuses("price_changed"):
        actions.place(order, at=summer + datetime.timedelta(days=12))

"""Orders for a school year that has not begun, sold beside the current one."""

import datetime
from typing import Any

import pytest

from accounts.models import Profile
from collectivities.models import AuditEntry
from core.calendar import PARIS
from licensing.catalogue.models import SchoolYear
from licensing.orders import operations, purchase_orders, rights
from licensing.orders.models import OrderState
from licensing.orders.rights import get_entitlement
from licensing.pools.models import Pool
from tests.conftest import TERM
from tests.emails import render_only_email
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import open_shop, put_on_sale
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, list_email_kinds, list_violations
from tests.refusals import refuses

pytestmark = pytest.mark.django_db
JUNE = datetime.datetime(2027, 6, 10, 10, tzinfo=PARIS)
NEXT_YEAR_ENDS = datetime.date(2028, 8, 31)
FIRST_DAY = datetime.date(2027, 9, 1)
#: The 45th day after the first day, and after the order.
LAST_OF_USE, LAST_OF_ORDER = datetime.date(2027, 10, 16), datetime.date(2027, 7, 25)


def order_next_year(*, factory=OrderFactory, **fields):
    return factory(at=JUNE, year_ends_on=NEXT_YEAR_ENDS, **fields)


def set_next_year(**fields):
    """Put the next year on sale with these settings of the seller."""
    put_on_sale(ends_on=NEXT_YEAR_ENDS)
    SchoolYear.objects.filter(ends_on=NEXT_YEAR_ENDS).update(**fields)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "first_day", "last_provisional"),
    [
        ({}, FIRST_DAY, LAST_OF_USE),
        ({"usable_at_once": True}, JUNE.date(), LAST_OF_ORDER),
        ({"countdown_from_order": True}, FIRST_DAY, LAST_OF_ORDER),
    ],
)
def test_an_order_of_june_is_used_from_september_unless_the_seller_says_otherwise(
    settings, first_day, last_provisional
):
    set_next_year(**settings)
    order = order_next_year(placed=True)
    assert get_entitlement(order).first_day == first_day
    assert get_deadlines(order) == (last_provisional, None, False)


@pytest.mark.slow
def test_an_order_during_its_year_is_used_at_once():
    order = OrderFactory(placed=True)
    assert get_entitlement(order).first_day == TERM.date()


@pytest.mark.slow
def test_reminders_and_the_lapse_follow_the_days_of_use():
    order = order_next_year(placed=True)
    done = {}
    for day in range(140):
        at = JUNE + datetime.timedelta(days=day)
        if (counts := purchase_orders.remind_and_lapse(at)) != (0, 0):
            done[at.date()] = counts
    assert done == {
        datetime.date(2027, 10, 1): (1, 0),
        datetime.date(2027, 10, 11): (1, 0),
        datetime.date(2027, 10, 15): (1, 0),
        datetime.date(2027, 10, 17): (0, 1),
    }
    assert list_email_kinds(order) == ["placed", "reminder", "reminder", "reminder", "lapsed"]


@pytest.mark.slow
def test_an_order_confirmed_and_paid_before_its_first_day_keeps_it():
    order = order_next_year(confirmed=True)
    assert get_deadlines(order) == (None, LAST_OF_USE, False)
    [line] = order.invoices.get().snapshot["lines"]
    assert (line["begins_on"], line["ends_on"]) == ("2027-09-01", "2028-08-31")
    actions.pay(order, at=JUNE)
    assert not get_entitlement(order).usable_on(JUNE.date())
    assert get_entitlement(order).usable_on(FIRST_DAY)
    assert not list_violations()


@pytest.mark.slow
def test_a_refused_scan_resumes_the_countdown_of_the_days_of_use():
    order = order_next_year(scan_refused=True)
    assert get_deadlines(order) == (LAST_OF_USE, None, False)


@pytest.mark.slow
def test_a_collectivity_s_pool_and_the_history_say_from_when_it_is_used(nimes):
    order = order_next_year(factory=PurchaseFactory, placed=True)
    pool = Pool.objects.get()
    assert (pool.entitlement.first_day, pool.name) == (FIRST_DAY, f"Achat 2027-2028 (commande n° {order.pk})")
    summary = order.events.get(action="placed").summary.replace("\xa0", " ")
    assert "licences utilisables à partir du 1er septembre 2027, à titre temporaire jusqu'au 16 octobre" in summary


@pytest.mark.slow
@pytest.mark.parametrize("profile", [Profile.PRINCIPAL, Profile.TEACHER])
def test_the_confirmation_says_from_when_licences_are_used(profile, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: JUNE)
    buyer = AffiliationFactory(user__profile=profile)
    order_next_year(placed=True, affiliation=buyer, classes=1 if profile == Profile.TEACHER else 5)
    text = render_only_email("order.placed").text
    text = " ".join(text.replace("\xa0", " ").split())
    assert "en classe à partir du 1er septembre 2027." in text
    assert "jusqu'au 16 octobre 2027 inclus" in text
    assert "est active" not in text
    monkeypatch.setattr("licensing.orders.emails.get_today", lambda: FIRST_DAY)
    assert "1er septembre" not in render_only_email("order.placed").text


@pytest.mark.slow
def test_the_current_year_is_sold_beside_the_next_until_its_last_day_of_sale():
    current = open_shop(TERM, ends_on=datetime.date(2027, 8, 31))
    current.sold_until = JUNE.date()
    current.save()
    put_on_sale(ends_on=NEXT_YEAR_ENDS, sold_from=datetime.date(2027, 6, 1))
    affiliation = AffiliationFactory(user=PrincipalFactory())
    by: Any = {"affiliation": affiliation, "by": affiliation.user, "at": JUNE}
    for chosen, sold in ((None, 2028), (2028, 2028), (2019, 2028), (2027, 2027)):
        draft = operations.create_school_draft(classes=5, ends_in=chosen, **by)
        assert draft.lines.get().school_year.ends_on.year == sold, chosen
    draft = operations.create_school_draft(classes=5, ends_in=2027, **by)
    assert draft.lines.get().school_year == current
    late = JUNE + datetime.timedelta(days=1)
    with refuses("price_changed"):
        actions.place(draft, at=late)
    actions.place(draft, at=JUNE)
    assert get_entitlement(draft).first_day == JUNE.date()


@pytest.mark.slow
def test_a_lapse_of_this_year_does_not_keep_from_ordering_the_next():
    lapsed = OrderFactory(lapsed=True)
    affiliation = lapsed.placed_by.affiliations.get()
    assert order_next_year(placed=True, affiliation=affiliation).state == OrderState.PLACED


# --- The operator lets it be used at once ---------------------------------------------------------------------------


def start_early(order, *, at=JUNE):
    return operations.start_early(order_id=order.pk, by=OperatorFactory(), at=at)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "prolonged", "last_provisional"),
    [
        ({}, False, LAST_OF_ORDER),
        # Prolonged, or counted from the order: the end does not depend on the first day.
        ({}, True, datetime.date(2027, 12, 1)),
        ({"countdown_from_order": True}, False, LAST_OF_ORDER),
    ],
)
def test_an_order_started_early_has_its_days_from_then_on(settings, prolonged, last_provisional):
    set_next_year(**settings)
    order = order_next_year(placed=True)
    if prolonged:
        purchase_orders.prolong(order_id=order.pk, until=last_provisional, by=OperatorFactory(), at=JUNE)
    assert rights.get_end_once_started(get_entitlement(order), JUNE.date()) == last_provisional
    start_early(order)
    assert get_entitlement(order).first_day == JUNE.date()
    assert get_deadlines(order) == (last_provisional, None, False)
    assert order.events.filter(action="started").count() == 1


@pytest.mark.slow
def test_an_early_start_notifies_the_buyer_and_is_in_the_journal(nimes, monkeypatch):
    order = order_next_year(factory=PurchaseFactory, placed=True)
    start_early(order)
    assert list_email_kinds(order)[-1] == "started"
    [entry] = AuditEntry.objects.filter(action="pools.started")
    assert entry.object_id == Pool.objects.get().pk
    monkeypatch.setattr("django.utils.timezone.now", lambda: JUNE)
    text = render_only_email("order.started").text.replace("\xa0", " ")
    assert "dès maintenant, jusqu'au 25 juillet 2027 inclus" in " ".join(text.split())
    assert "Le bon de commande signé est attendu jusqu'au 25 juillet 2027." in text


@pytest.mark.parametrize("trait", ["begun", "cancelled", "draft"])
def test_what_has_no_first_day_to_come_is_not_started(trait):
    order = (
        OrderFactory(placed=True) if trait == "begun" else order_next_year(**{trait: True} if trait != "draft" else {})
    )
    assert_refused("not_in_this_state", start_early, order, at=TERM if trait == "begun" else JUNE)

"""The page of a client: a collectivity, a school or a person that buys."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from accounts.models import Profile
from collectivities.operations.members import invite
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.entitlements.wording import format_long_date
from licensing.orders import operations
from licensing.orders.models import Order
from licensing.pools.models import Pool
from mailing.models import Message
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.key_states import copy_everywhere
from tests.orders import actions
from tests.orders.dates import DAY
from tests.pools.actions import allocate_units, mark_redeemed
from tests.sites.back_office.pages import page_text

pytestmark = pytest.mark.slow

PRICE = Decimal("199.00")


def collectivity_url(collectivity):
    return f"/admin/clients/collectivite/{collectivity.pk}/"


def open_page(operator, url):
    with schema_context("public"):
        answer = operator.get(url)
    assert answer.status_code == 200
    return answer


def fail_email(recipient, reason="Cette boîte n'existe pas."):
    now = timezone.now()
    return Message.objects.create(
        kind="key", recipient=recipient, state="bounced", reason=reason, reported_at=now, created_at=now, due_at=now
    )


def list_links(answer):
    """Return the addresses of the page's own links, without those of its frame."""
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return {link.replace("&amp;", "&") for link in re.findall(r'href="([^"#]+)"', main) if "mailto:" not in link}


# --- A collectivity ---------------------------------------------------------------------------------------------------


def test_a_collectivity_s_page_says_what_it_ordered_and_owes_and_links_each_thing(operator, nimes, bought):
    actions.pay(bought, amount="500", at=timezone.now())
    answer = open_page(operator, collectivity_url(nimes))
    totals = answer.context["totals"]
    assert (totals.billed, totals.received) == (bought.total_ttc, 500)
    assert (totals.owed, totals.unpaid_orders) == (bought.total_ttc - 500, 1)
    shown = {one.order.pk: one for one in answer.context["orders"]}
    assert shown[bought.pk].due == bought.total_ttc - 500
    assert (shown[bought.pk].invoice, shown[bought.pk].licences) == (bought.invoices.get(), 100)
    assert {one.order.state for one in shown.values()} == {"confirmed", "granted"}
    links = list_links(answer)
    for link in (
        f"/admin/orders/order/{bought.pk}/change/",
        f"/admin/billing/invoice/{bought.invoices.get().pk}/change/",
        f"/admin/tenants/collectivity/{nimes.pk}/visiter/",
        f"/admin/accounts/user/{bought.placed_by_id}/change/",
    ):
        assert link in links, link
    # Its pages would ask the operator to sign in.
    assert not any(link.startswith(nimes.office_url()) for link in links)


@pytest.mark.small
def test_without_lost_emails_the_page_has_none(operator, nimes):
    page = page_text(open_page(operator, collectivity_url(nimes)))
    assert "Aucun e-mail en échec." in page
    assert "sont partis" not in page


def test_every_link_of_a_client_s_page_leads_to_a_page(operator, nimes, bought):
    fail_email("perdu@nimes.example")
    answer = open_page(operator, collectivity_url(nimes))
    own = [link for link in list_links(answer) if not link.startswith("http")]
    assert len(own) >= 8
    with schema_context("public"):
        for link in own:
            assert operator.get(link).status_code == 200, link


def test_a_collectivity_s_lots_and_their_use_are_those_of_its_office(operator, nimes, bought):
    pool, school = Pool.objects.get(capacity=100), SchoolFactory()
    allocate_units(pool, SchoolFactory(), 4, at=timezone.now())
    redeemed = allocate_units(pool, school, 3, at=timezone.now())
    subscription = mark_redeemed(redeemed, PrincipalFactory())
    subscription.seats.filter(number=1).update(holder=TeacherFactory(), held_since=timezone.now(), mode="automatic")
    copy_everywhere()
    answer = open_page(operator, collectivity_url(nimes))
    assert [figure.licences for figure in answer.context["use"]] == [100, 10, 7, 3, 1]
    assert [figure.label for figure in answer.context["use"]][:2] == ["achetées", "offertes"]
    page = page_text(answer)
    assert "Achetées" not in page
    assert (
        len(re.findall(r'data-label="Reçues">\s*10\s*<span class="d-block text-secondary">offertes</span>', page)) == 1
    )
    lots = {lot.name: (lot.bought, lot.free, lot.issued, lot.redeemed_free, lot.held) for lot in answer.context["lots"]}
    assert lots[pool.name] == (100, 93, 4, 2, 1)


def test_a_lot_is_valid_until_the_day_that_ends_first_while_its_order_is_unpaid(operator, nimes, bought):
    entitlement = Pool.objects.get(capacity=100).entitlement
    page = page_text(open_page(operator, collectivity_url(nimes)))
    last = format_long_date(entitlement.last_day).replace("\u00a0", " ")
    assert f"jusqu’au {last} inclus, sous réserve du règlement de la commande" in page
    placed = PurchaseFactory(current=True, placed=True, units=200, by=bought.placed_by)
    first = format_long_date(Entitlement.objects.get(number=placed.pk).provisional_until).replace("\u00a0", " ")
    page = page_text(open_page(operator, collectivity_url(nimes)))
    assert f"jusqu’au {first} inclus (droits temporaires), puis jusqu’au {last} inclus dès que" in page
    with schema_context("public"):
        actions.cancel(bought, at=timezone.now())
        actions.cancel(placed, at=timezone.now())
    assert "(droits temporaires)" not in page_text(open_page(operator, collectivity_url(nimes)))


def test_a_key_is_valid_until_the_day_that_ends_first_while_its_order_is_unpaid(operator, nimes, bought):
    placed = PurchaseFactory(current=True, placed=True, units=200, by=bought.placed_by)
    schools = SchoolFactory.create_batch(2)
    keys = [
        allocate_units(Pool.objects.get(entitlement__number=order.pk), school, 4, at=timezone.now()).key.entitlement
        for order, school in zip((bought, placed), schools, strict=True)
    ]
    pages = [page_text(open_page(operator, f"/admin/clients/ecole/{school.pk}/")) for school in schools]
    assert f"{keys[0].last_day:%d/%m/%Y}, sous réserve du règlement" in pages[0]
    assert f"{keys[1].provisional_until:%d/%m/%Y} (droits temporaires), puis {keys[1].last_day:%d/%m/%Y}" in pages[1]


def test_licences_are_bought_once_their_purchase_order_is_accepted(operator, nimes, bought):
    with schema_context("public"):
        by = bought.placed_by
    uploaded = PurchaseFactory(current=True, placed=True, units=200, by=by)
    PurchaseFactory(current=True, placed=True, units=300, by=by)
    actions.upload(uploaded, at=timezone.now())
    figures = open_page(operator, collectivity_url(nimes)).context["use"]
    assert [tuple(one) for one in figures][:3] == [
        ("achetées", 100),
        ("commandées, sans bon de commande accepté", 500),
        ("offertes", 10),
    ]


def test_a_collectivity_s_page_shows_nothing_of_another_office(operator, nimes, gard, bought):
    with tenant_context(gard):
        theirs = MemberFactory().user
        operations.grant(collectivity=gard, licences=33, reason="Essai", name="Lot du Gard", by=None, at=timezone.now())
        fail_email("perdu@gard.example")
    fail_email("perdu@nimes.example")
    page = open_page(operator, collectivity_url(nimes)).content.decode()
    assert "perdu@nimes.example" in page
    for foreign in (theirs.email, "Lot du Gard", "perdu@gard.example"):
        assert foreign not in page
    page = open_page(operator, collectivity_url(gard)).content.decode()
    for foreign in (bought.placed_by.email, "Lot d’essai", "perdu@nimes.example", f"n° {bought.pk}<"):
        assert foreign not in page


def test_lost_emails_are_those_of_the_office_and_those_of_the_portal_to_its_people(operator, nimes, bought):
    fail_email("ecole@nimes.example")
    with schema_context("public"):
        fail_email(bought.bill_email.upper(), reason="Boîte pleine.")
        fail_email("ailleurs@exemple.example")
    emails = open_page(operator, collectivity_url(nimes)).context["lost"]
    assert [(one.recipient, one.office) for one in emails] == [
        ("ecole@nimes.example", "Ville de Nîmes"),
        (bought.bill_email.upper(), ""),
    ]
    assert emails[0].url == f"/admin/tenants/collectivity/{nimes.pk}/visiter/"
    assert emails[1].reason == "Boîte pleine."


# --- A school, a person -----------------------------------------------------------------------------------------------


def test_a_school_s_page_has_the_keys_it_bought_and_those_it_was_given(operator, nimes, gard, bought):
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True)
    school = order.school
    allocation = allocate_units(Pool.objects.get(capacity=100), school, 4, at=timezone.now())
    allocate_units(Pool.objects.get(capacity=100), SchoolFactory(), 4, at=timezone.now())
    Message.objects.update(state="failed", reason="Adresse inconnue.")
    answer = open_page(operator, f"/admin/clients/ecole/{school.pk}/")
    givers = {item.key.entitlement.collectivity: item.key for item in answer.context["keys"]}
    assert set(givers) == {None, nimes}
    assert givers[nimes].pk == allocation.key_id
    assert [figure.licences for figure in answer.context["use"]] == [9, 5, 0]
    assert [one.order for one in answer.context["orders"]] == [order]
    assert [one.office for one in answer.context["lost"]] == ["Ville de Nîmes"]
    functions = {contact.function: contact.email for contact in answer.context["contacts"]}
    assert functions["Adresse officielle"] == school.email
    assert functions["Chef d'établissement"] == order.placed_by.email
    links = list_links(answer)
    assert f"/admin/clients/collectivite/{nimes.pk}/" in links
    for link in links:
        if not link.startswith("http"):
            assert operator.get(link).status_code == 200, link


def test_licences_of_a_cancelled_order_and_revoked_ones_are_of_no_use(operator, nimes, bought):
    with schema_context("public"):
        order = OrderFactory(current=True, cancelled=True)
    allocation = allocate_units(Pool.objects.get(capacity=100), order.school, 4, at=timezone.now())
    ActivationKey.objects.filter(pk=allocation.key_id).update(revoked_at=timezone.now())
    answer = open_page(operator, f"/admin/clients/ecole/{order.school_id}/")
    assert len(answer.context["keys"]) == 2
    assert [figure.licences for figure in answer.context["use"]] == [0, 0, 0]


def test_a_person_s_page_has_what_they_ordered_and_the_key_they_hold(operator, db):
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True, affiliation=AffiliationFactory(user=TeacherFactory()), classes=1)
        OrderFactory(current=True, paid=True)
    answer = open_page(operator, f"/admin/clients/personne/{order.placed_by_id}/")
    assert [one.order for one in answer.context["orders"]] == [order]
    ((key, *_),) = answer.context["keys"]
    assert (key.redeemed_by, key.held) == (order.placed_by, 1)
    assert answer.context["totals"].received == order.total_ttc


def test_who_bought_for_a_collectivity_is_no_client_themselves(operator, nimes, bought):
    answer = open_page(operator, f"/admin/clients/personne/{bought.placed_by_id}/")
    assert answer.context["orders"] == []


@pytest.mark.small
@pytest.mark.parametrize(
    "path",
    [
        "collectivite/99999999/",
        "ecole/0000000A/",
        "ecole/x/",
        "personne/99999999999999999999/",
        "ecole/é/",
        "ecole/a%27b/",
    ],
)
def test_who_is_nobody_has_no_page(path, operator, db):
    assert operator.get(f"/admin/clients/{path}").status_code == 404


@pytest.mark.small
def test_an_api_token_is_no_client(operator, db):
    program = UserFactory(profile=Profile.PROGRAM, email="", is_active=False, password=make_password(None))
    assert operator.get(f"/admin/clients/personne/{program.pk}/").status_code == 404


# --- Money ------------------------------------------------------------------------------------------------------------


def test_an_order_is_overdue_the_day_after_its_invoice_is_due_and_owes_nothing_once_paid(operator, db):
    with schema_context("public"):
        late = OrderFactory(current=True, at=timezone.now() - 60 * DAY, confirmed=True)
        school = late.school
        for outcome in ("confirmed", "paid", "placed", "cancelled"):
            order = OrderFactory(current=True, **{outcome: True})
            Order.objects.filter(pk=order.pk).update(school=school)
    answer = open_page(operator, f"/admin/clients/ecole/{school.pk}/")
    found = {one.order.pk: one for one in answer.context["orders"]}
    assert [one.order.pk for one in found.values() if one.is_overdue] == [late.pk]
    assert {one.order.state: one.due for one in found.values()} == {
        "confirmed": PRICE, "paid": 0, "placed": 0, "cancelled": 0,
    }  # fmt: skip
    assert found[late.pk].due == PRICE
    totals = answer.context["totals"]
    assert (totals.owed, totals.unpaid_orders, totals.billed) == (2 * PRICE, 2, 3 * PRICE)


def test_too_much_for_one_order_pays_for_no_other(operator, db):
    with schema_context("public"):
        owed, overpaid = OrderFactory(current=True, confirmed=True), OrderFactory(current=True, confirmed=True)
        actions.pay(overpaid, amount="250", at=timezone.now())
        Order.objects.filter(pk=overpaid.pk).update(school=owed.school)
    totals = open_page(operator, f"/admin/clients/ecole/{owed.school_id}/").context["totals"]
    assert (totals.owed, totals.received) == (PRICE, 250)


# --- Queries, search --------------------------------------------------------------------------------------------------


def fill(nimes):
    """Add one of each thing that a client's page shows."""
    order = PurchaseFactory(current=True, confirmed=True, units=100)
    allocate_units(Pool.objects.get(entitlement__number=order.pk), SchoolFactory(), 2, at=timezone.now())
    invite(email=f"invitee{order.pk}@nimes.example", roles=["viewer"], by=None, at=timezone.now())
    fail_email(f"perdu{order.pk}@nimes.example")
    with schema_context("public"):
        fail_email(order.bill_email)


def count_queries(operator, url):
    with schema_context("public"), CaptureQueriesContext(connection) as captured:
        assert operator.get(url).status_code == 200
    return len(captured)


def test_a_collectivity_s_page_takes_as_many_queries_however_much_it_bought(operator, nimes):
    fill(nimes)
    before = count_queries(operator, collectivity_url(nimes))
    for _ in range(2):
        fill(nimes)
    assert count_queries(operator, collectivity_url(nimes)) == before
    assert before < 40


def test_a_school_s_page_takes_as_many_queries_however_much_it_bought(operator, nimes, bought):
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True)
    url = f"/admin/clients/ecole/{order.school_id}/"
    allocate_units(Pool.objects.get(capacity=100), order.school, 4, at=timezone.now())
    before = count_queries(operator, url)
    with schema_context("public"):
        other = OrderFactory(current=True, confirmed=True)
        Order.objects.filter(pk=other.pk).update(school=order.school)
        AffiliationFactory(school=order.school, user=TeacherFactory())
    allocate_units(Pool.objects.get(capacity=10), order.school, 4, at=timezone.now())
    assert count_queries(operator, url) == before


def test_what_the_search_finds_leads_to_the_client_s_page_where_they_bought(operator, nimes, bought):
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True)
    school, stranger = order.school, SchoolFactory()
    pages = {
        query: open_page(operator, f"/admin/rechercher/?query={query}").content.decode()
        for query in ("nimes", school.pk, stranger.pk, order.placed_by.email, bought.placed_by.email, str(order.pk))
    }
    assert f'href="{collectivity_url(nimes)}"' in pages["nimes"]
    assert f'href="/admin/clients/ecole/{school.pk}/"' in pages[school.pk]
    assert f'href="/admin/schools/school/{stranger.pk}/change/"' in pages[stranger.pk]
    assert f'href="/admin/clients/personne/{order.placed_by_id}/"' in pages[order.placed_by.email]
    assert f'href="/admin/accounts/user/{bought.placed_by_id}/change/"' in pages[bought.placed_by.email]
    assert f'href="/admin/clients/ecole/{school.pk}/"' in pages[str(order.pk)]


def test_an_invoice_that_is_found_leads_to_its_client_without_a_query_for_each(operator, nimes, bought):
    with schema_context("public"):
        order = OrderFactory(current=True, confirmed=True, billing__name="Mairie de Lunel")
    url = "/admin/rechercher/?query=lunel"
    page = open_page(operator, url).content.decode()
    assert f'<a href="/admin/clients/ecole/{order.school_id}/">Mairie de Lunel</a>' in page
    before = count_queries(operator, url)
    with schema_context("public"):
        OrderFactory(current=True, confirmed=True, billing__name="Mairie de Lunel")
    assert count_queries(operator, url) == before

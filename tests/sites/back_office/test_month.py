"""« Le mois en chiffres »: what is counted in which month, and the page."""

from decimal import Decimal

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from core.calendar import start_of_day
from core.formatting import euros
from licensing.entitlements.models import ActivationKey
from licensing.payments.models import Payment
from mailing.models import Message, MessageState
from sites.back_office.month_figures import CalendarMonth, Figures, compute_figures, get_month, list_groups
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.licensing import KeyFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.dates import DAY

OCTOBER, NOVEMBER = CalendarMonth(2026, 10), CalendarMonth(2026, 11)
IN_OCTOBER = TERM - 30 * DAY
PRICE = Decimal("199.00")


def compute(month):
    with schema_context("public"):
        return compute_figures(month)


def test_a_month_is_that_of_paris_and_the_months_around_it_follow():
    assert get_month(start_of_day(NOVEMBER.first_day)) == NOVEMBER
    assert [NOVEMBER.shift(by) for by in (-11, -1, 1, 2)] == [(2025, 12), (2026, 10), (2026, 12), (2027, 1)]
    assert (NOVEMBER.last_day.day, CalendarMonth(2027, 2).last_day.day) == (30, 28)


@pytest.mark.slow
def test_licences_are_ordered_in_the_month_of_their_order_unless_it_came_to_nothing(db):
    with schema_context("public"):
        # First: time goes on for all orders as one lapses.
        for outcome in ("lapsed", "cancelled", "quoted"):
            OrderFactory(**{outcome: True})
        OrderFactory(at=IN_OCTOBER, placed=True, classes=1)
        for outcome in ("placed", "confirmed", "paid"):
            OrderFactory(**{outcome: True})
    figures = [compute(month) for month in (OCTOBER, NOVEMBER)]
    assert [(one.orders, one.licences) for one in figures] == [(1, 1), (3, 15)]
    assert [one.ordered for one in figures] == [Decimal("49.00"), 3 * PRICE]


@pytest.mark.slow
def test_licences_are_sold_by_the_invoices_of_the_month_that_stand(db):
    with schema_context("public"):
        OrderFactory(placed=True)
        OrderFactory(at=IN_OCTOBER, confirmed=True)
        OrderFactory(paid=True).lines.update(taken_back=2)
        actions.cancel(OrderFactory(paid=True), at=TERM)
    assert [compute(month).invoiced_licences for month in (OCTOBER, NOVEMBER)] == [5, 3]


@pytest.mark.slow
def test_licences_that_a_credit_note_takes_back_are_not_ordered(db):
    with schema_context("public"):
        order = OrderFactory(paid=True)
        order.lines.update(taken_back=2)
    assert compute(NOVEMBER).licences == 3


@pytest.mark.slow
def test_money_counts_on_its_day_and_what_is_owed_at_the_end_of_the_month(db):
    with schema_context("public"):
        early = OrderFactory(at=IN_OCTOBER, confirmed=True)
        paid = OrderFactory(at=IN_OCTOBER, paid=True)
        actions.pay(early, amount="50", at=TERM)
        OrderFactory(confirmed=True)
        actions.cancel(paid, at=TERM)
    october, november = compute(OCTOBER), compute(NOVEMBER)
    assert (october.invoices, october.invoiced, october.credited) == (2, 2 * PRICE, 0)
    assert (october.received, october.owed) == (PRICE, PRICE)
    assert (november.invoices, november.invoiced, november.credited) == (1, PRICE, PRICE)
    assert november.received == 50
    assert november.owed == 2 * PRICE - 50
    assert november.revenue == 0
    assert october.revenue == 2 * early.total_ht


@pytest.mark.slow
def test_what_one_order_has_too_much_pays_for_no_other_and_what_is_moved_is_not_received(db):
    with schema_context("public"):
        owed, overpaid = OrderFactory(confirmed=True), OrderFactory(paid=True)
        Payment.objects.create(order=overpaid, method="transfer", amount=100, received_on=TERM.date(), recorded_at=TERM)
        source = overpaid.payments.first()
        Payment.objects.create(
            order=overpaid, kind="moved_out", method="transfer", amount=-30, refunds=source,
            received_on=TERM.date() + 10 * DAY, recorded_at=TERM,
        )  # fmt: skip
    november, december = compute(NOVEMBER), compute(CalendarMonth(2026, 12))
    assert (november.owed, november.received) == (owed.total_ttc, PRICE + 100)
    assert (december.owed, december.received) == (owed.total_ttc, 0)


def send(topic_id, at, state=MessageState.SENT):
    Message.objects.create(
        kind="key", recipient="a@b.example", topic="allocation", topic_id=topic_id, state=state, created_at=TERM,
        due_at=TERM, sent_at=at,
    )  # fmt: skip


def test_keys_are_counted_in_every_collectivity_once_however_often_they_are_sent(nimes, gard):
    for collectivity in (nimes, gard):
        with tenant_context(collectivity):
            send(1, TERM)
            send(1, TERM + DAY, MessageState.DELIVERED)
            send(2, IN_OCTOBER)
            send(3, None, MessageState.FAILED)
    assert [compute(month).keys_sent for month in (OCTOBER, NOVEMBER)] == [2, 2]


@pytest.mark.slow
def test_keys_are_redeemed_in_their_month_and_those_of_the_shop_are_none(nimes):
    principal = PrincipalFactory()
    for at, units in ((TERM, 3), (TERM, 4), (IN_OCTOBER, 5)):
        key = KeyFactory(units=units)
        ActivationKey.objects.filter(pk=key.pk).update(redeemed_at=at, redeemed_by=principal)
    with schema_context("public"):
        OrderFactory(paid=True)
    figures = [compute(month) for month in (OCTOBER, NOVEMBER)]
    assert [(one.keys_redeemed, one.licences_redeemed) for one in figures] == [(1, 5), (2, 7)]


def test_an_office_is_opened_on_its_day_in_paris(gard):
    midnight = start_of_day(NOVEMBER.first_day)
    with schema_context("public"):
        Collectivity.objects.update(created_at=midnight)
        Collectivity.objects.filter(pk=gard.pk).update(created_at=midnight - DAY / 24)
    assert [compute(month).offices for month in (OCTOBER, NOVEMBER)] == [1, 1]


# --- The page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["2026-13/", "2019-12/", "2026-0/", "9999-1/", "99999999-1/"])
def test_a_month_that_is_none_or_to_come_has_no_page(path, operator):
    assert operator.get(f"/admin/mois/{path}").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_the_page_compares_with_the_month_before_and_each_figure_links_to_its_rows(operator, every):
    with schema_context("public"):
        OrderFactory(at=IN_OCTOBER, confirmed=True)
        OrderFactory(paid=True)
        OrderFactory(placed=True)
    answer = operator.get("/admin/mois/2026-11/")
    over = get_month(timezone.now()) > NOVEMBER
    assert "Novembre 2026 en chiffres" in answer.content.decode()
    rows = {row.label: row for _, group in answer.context["groups"] for row in group}
    shown = {label: (row.now, row.before, row.change) for label, row in rows.items()}
    assert shown["Commandes passées"] == ("2", "1", "+1")
    assert shown["Licences commandées"] == ("10", "5", "+5")
    assert shown["Licences vendues"] == ("5", "5", "=")
    assert shown["Commandé TTC"][0] == euros(2 * PRICE)
    assert [figure.replace("\xa0", " ") for figure in shown["Reçu"]] == ["199,00 €", "0,00 €", "+199,00 €"]
    assert shown["Dû à la fin du mois" if over else "Dû aujourd'hui"][2] == "="
    links = [row.url for row in rows.values() if row.url]
    assert len(links) == len(rows)
    for link in [*links, answer.context["before_url"], answer.context["last_year_url"]][::every]:
        assert operator.get(link).status_code == 200, link
    (listed,) = operator.get(rows["Factures émises"].url).context["cl"].result_list
    assert (listed.issued_on.year, listed.issued_on.month) == NOVEMBER
    assert "Mairie de Nîmes" in operator.get(rows["Reçu"].url).content.decode()


def test_keys_sent_are_listed_by_collectivity_each_with_its_page(operator, nimes, gard):
    with tenant_context(nimes):
        send(1, TERM)
        send(2, TERM)
    with schema_context("public"):
        answer = operator.get("/admin/mois/2026-11/")
    assert answer.context["sent_keys"] == [(nimes, 2)]
    page = answer.content.decode()
    assert f'<a href="/admin/clients/collectivite/{nimes.pk}/">{nimes}</a>' in page
    assert 'href="/admin/mois/2026-11/#cles-envoyees"' in page


def test_the_running_month_is_shown_first_and_says_that_it_is_not_over(operator):
    page = operator.get("/admin/mois/").content.decode()
    assert "n’est pas fini" in page
    following = get_month(timezone.now()).shift(1)
    assert f"/admin/mois/{following.year}-{following.month}/" not in page


def test_the_rows_say_what_they_count_and_until_when(settings):
    settings.ROOT_URLCONF = "config.urls_public"
    empty = Figures._make([0] * len(Figures._fields))
    labels = {}
    for is_running in (False, True):
        groups = list_groups(NOVEMBER, empty, empty, is_running=is_running)
        labels[is_running] = {row.label: row.note for _, rows in groups for row in rows}
    assert "Dû à la fin du mois" in labels[False]
    assert "Dû aujourd'hui" not in labels[False]
    assert "Dû à la fin du mois" not in labels[True]
    assert "le mois d'avant : à sa fin" in labels[True]["Dû aujourd'hui"]
    assert "Nouveaux bureaux" in labels[True]
    assert labels[True]["Commandes passées"].startswith("sans les licences offertes")

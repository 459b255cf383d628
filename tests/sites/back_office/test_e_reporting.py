"""« E-reporting »: what waits, what a period's books say, its declaration and its files."""

import csv
import datetime
import io
from decimal import Decimal

import pytest
from django.utils import timezone

from core.calendar import date_in_paris
from core.formatting import long_date
from licensing.books.billing.transmission import delivery
from licensing.books.billing.transmission.platforms import PlatformRefuses
from licensing.books.e_reporting.models import PeriodReport
from licensing.books.e_reporting.queries import list_statements
from licensing.catalogue.models import Seller
from licensing.orders.settlement import PaymentMethod
from licensing.payments import operations as payment_operations
from tests.billing.transmission.norm_schemas import list_report_violations, needs_norm_schemas
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.dates import DAY
from tests.sites.back_office.pages import page_text

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/e_reporting/periodreport/"


@pytest.fixture
def sale():
    """A sale to a cooperative, invoiced and partly paid 70 days ago: its periods are over, and late."""
    at = timezone.now() - 70 * DAY
    order = OrderFactory(current=True, confirmed=True, at=at, billing__cooperative=True)
    actions.pay(order, amount="100", at=at)
    Seller.objects.update(e_reporting_from=(at - 31 * DAY).date().replace(day=1))
    return order


def get_statement(kind="sales"):
    day = date_in_paris(timezone.now())
    return next(one for one in list_statements(day=day) if one.kind == kind and one.days)


def page_of(statement):
    return f"{ADDRESS}periode/{statement.kind}/{statement.period.begins_on}/"


def record_late_payment(order):
    """Record today what came in on the day of the first payment."""
    payment_operations.record_payment(
        order_id=order.pk,
        method=PaymentMethod.CHEQUE,
        amount=Decimal(99),
        received_on=order.payments.get().received_on,
        reference="CHQ 2",
        by=OperatorFactory(),
        at=timezone.now(),
    )


@pytest.mark.slow
def test_what_waits_comes_first_and_stands_on_the_home_page(operator, sale):
    assert "2 périodes d’e-reporting à déclarer ou à rectifier, dont 2 en retard" in page_text(operator.get("/admin/"))

    text = page_text(operator.get(ADDRESS))

    waiting, _, others = text.partition("Les autres périodes")
    assert waiting.count("en retard : était à déclarer jusqu’au") == 2
    # What is empty is not listed.
    assert "rien à déclarer" not in others
    assert "en cours : se déclare ensuite" in others


@pytest.mark.slow
def test_without_a_first_day_the_page_says_where_to_give_it(operator, sale):
    Seller.objects.update(e_reporting_from=None)

    answer = operator.get(ADDRESS)

    assert "depuis quel jour vous déclarez" in page_text(answer)
    assert "/admin/catalogue/seller/1/change/" in page_text(answer)
    assert "e-reporting à déclarer" not in page_text(operator.get("/admin/"))


@pytest.mark.slow
def test_without_a_platform_a_declaration_is_made_and_downloaded(operator, sale):
    address = page_of(get_statement())
    assert "Établir la déclaration" in page_text(operator.get(address))

    answer = operator.post(address, follow=True)

    assert "Déclaration établie : téléchargez-la" in page_text(answer)
    report = PeriodReport.objects.get()
    file = operator.get(f"{ADDRESS}{report.pk}/fichier.csv")
    header, line = csv.reader(io.StringIO(file.content.decode("utf-8-sig")), delimiter=";")
    values = dict(zip(header, line, strict=True))
    assert (values["nature"], values["type"], values["catégorie"]) == ("Ventes", "initiale", "TPS1")
    assert (values["taux de TVA"], values["montant HT"], values["TVA"]) == ("20,00", "165,83", "33,17")
    # Nothing more is to be done: no button.
    assert "Établir" not in page_text(operator.get(address))
    assert "fichier.xml" not in page_text(operator.get(address))
    assert operator.get(f"{ADDRESS}{report.pk}/fichier.xml").status_code == 404


@needs_norm_schemas
def test_the_administration_s_file_is_there_where_the_platform_s_number_is(operator, sale, settings):
    settings.REPORTING_PLATFORM = ("0042", "Plateforme")
    for kind in ("sales", "payments"):
        operator.post(page_of(get_statement(kind)))
    for report in PeriodReport.objects.all():
        file = operator.get(f"{ADDRESS}{report.pk}/fichier.xml")
        assert not list_report_violations(file.content)


@pytest.mark.slow
def test_a_period_in_which_more_went_back_has_no_such_file(operator, sale, settings):
    settings.REPORTING_PLATFORM = ("0042", "Plateforme")
    actions.reverse(sale, at=sale.created_at + 31 * DAY)
    statement = next(one for one in list_statements(day=date_in_paris(timezone.now())) if one.total < 0)
    operator.post(page_of(statement))

    answer = operator.get(f"{ADDRESS}{PeriodReport.objects.get().pk}/fichier.xml", follow=True)

    assert "Plus d’argent est reparti qu’il n’en est venu" in page_text(answer)


@pytest.mark.slow
def test_what_changed_is_corrected_with_the_complete_period(operator, sale):
    address = page_of(get_statement("payments"))
    operator.post(address)
    assert not get_statement("payments").waits
    record_late_payment(sale)
    assert "à rectifier" in page_text(operator.get(ADDRESS)).partition("Les autres périodes")[0]
    assert "elle annule et remplace" in " ".join(page_text(operator.get(address)).split())

    operator.post(address)

    assert list(PeriodReport.objects.values_list("rank", "total_ttc")) == [(0, 100), (1, 199)]
    text = page_text(operator.get(address))
    assert "Rectification n°&nbsp;1" in text
    assert "à rectifier" not in text


@pytest.mark.slow
def test_by_a_platform_a_declaration_is_sent_and_a_refusal_waits(operator, sale, settings):
    script = Script(failures=[PlatformRefuses("Déclarant inconnu.")])
    settings.INVOICE_PLATFORMS = {"platform": (PATH, script)}
    address = page_of(get_statement())

    assert "Déclaration confiée à la plateforme" in page_text(operator.post(address, follow=True))

    assert "en cours d’envoi" in page_text(operator.get(address))
    delivery.deliver_due()
    text = page_text(operator.get(address))
    assert "Refusée par la plateforme : Déclarant inconnu." in text
    assert "Transmettre de nouveau" in text
    operator.post(address)
    delivery.deliver_due()
    assert "sa réponse est attendue" in page_text(operator.get(address))
    assert len(script.numbers) == 1


@pytest.mark.slow
def test_what_is_not_to_be_declared_is_refused(operator, sale):
    current = next(one for one in list_statements(day=date_in_paris(timezone.now())) if not one.is_over)

    answer = operator.post(page_of(current))

    assert answer.status_code == 422
    assert f"La période finit le {current.period.ends_on:%d/%m/%Y} : elle se déclare ensuite." in page_text(answer)
    assert long_date(current.period.ends_on).replace("\xa0", " ") in page_text(answer)
    for path in ("periode/sales/2001-01-01/", "periode/x/2026-09-01/"):
        assert operator.get(f"{ADDRESS}{path}").status_code == 404


@pytest.mark.slow
def test_the_first_day_of_reporting_begins_a_month(operator, sale):
    seller = Seller.objects.get()
    form = operator.get(f"/admin/catalogue/seller/{seller.pk}/change/").context["adminform"].form
    values = {name: form.initial.get(name) or "" for name in form.fields}

    answer = operator.post(
        f"/admin/catalogue/seller/{seller.pk}/change/", values | {"e_reporting_from": datetime.date(2026, 9, 2)}
    )

    assert "commence le premier jour d’un mois" in page_text(answer)

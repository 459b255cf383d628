"""« Comptabilité »: the totals of a period, its file, and what is refused."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AccountEvent
from core.calendar import date_in_paris
from licensing.books.accounting.models import AccountingSettings
from licensing.catalogue.models import Seller
from tests.accounting.fec_checker import list_faults, read_fec
from tests.accounting.provider_balance import record_movements
from tests.database_roles import execute_as_administrator
from tests.factories.orders import OrderFactory
from tests.sites.back_office.pages import page_text

pytestmark = pytest.mark.slow

PAGE = "/admin/accounting/accountingsettings/"
SOME_TIME_AGO = timezone.now() - datetime.timedelta(days=45)
THAT_DAY = date_in_paris(SOME_TIME_AGO)
PERIOD = {"du": str(THAT_DAY), "au": str(THAT_DAY)}


@pytest.fixture
def sold(db):
    return OrderFactory(current=True, paid_by_card=True, at=SOME_TIME_AGO)


def test_a_period_s_totals_are_shown_by_account(operator, sold):
    text = page_text(operator.get(PAGE, PERIOD)).replace("\u202f", " ")
    assert "411000 Clients" in text
    assert "Journal VE, ventes : 1 écriture<" in text
    assert "398,00 €" in text
    assert "1 règlement par carte n’est pas encore dans les mouvements du prestataire" in text


def test_the_last_month_is_shown_first(operator, db):
    page = operator.get(PAGE)
    month = datetime.date.fromisoformat(page.context["form"]["du"].value().isoformat())
    assert (month + datetime.timedelta(days=31)).replace(day=1) == timezone.localdate().replace(day=1)
    assert "Aucune écriture dans cette période." in page_text(page)
    labels = [one.label for one in page.context["proposed"]]
    assert len(labels) == 6
    assert labels[-1].startswith("exercice clos le 31")


def test_the_operator_downloads_the_file(operator, sold):
    answer = operator.post(f"{PAGE}telecharger/", PERIOD)
    assert answer["Content-Disposition"] == f'attachment; filename="ecritures-{THAT_DAY}-{THAT_DAY}.txt"'
    assert "no-store" in answer["Cache-Control"]
    lines = read_fec(b"".join(answer.streaming_content))
    assert list_faults(lines, start=THAT_DAY, end=THAT_DAY) == []
    assert {line["CompteNum"] for line in lines} == {"411000", "511500", "706000", "44571200"}
    assert AccountEvent.objects.filter(action="books_downloaded").count() == 1


@pytest.mark.small
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"du": "hier", "au": "2026-09-30"}, "Saisissez une date valide"),
        ({"du": "2026-09-30"}, "Ce champ est obligatoire"),
        ({"du": "2026-09-30", "au": "2026-09-01"}, "La période finit avant de commencer."),
        ({"du": "0001-01-01", "au": "9999-12-31"}, "Choisissez un jour à partir du 1er janvier 2000."),
    ],
)
def test_a_period_that_is_none_is_refused(operator, typed, sentence):
    answer = operator.get(PAGE, typed)
    assert answer.status_code == 422
    assert sentence in page_text(answer)
    assert operator.post(f"{PAGE}telecharger/", typed).status_code == 302


def test_a_period_that_is_not_over_has_totals_and_no_file(operator, sold):
    period = {"du": str(THAT_DAY), "au": str(timezone.localdate())}
    page = page_text(operator.get(PAGE, period))
    assert "Cette période n’est pas terminée" in page
    assert "Télécharger" not in page
    answer = operator.post(f"{PAGE}telecharger/", period, follow=True)
    assert "elle se télécharge une fois terminée" in page_text(answer)
    assert answer.request["QUERY_STRING"] == f"du={THAT_DAY}&au={timezone.localdate()}"
    assert not AccountEvent.objects.filter(action="books_downloaded").exists()


def test_books_that_do_not_balance_and_a_missing_seller_are_shown(operator, sold):
    Seller.objects.all().delete()
    assert "Le vendeur n’est pas renseigné" in page_text(operator.get(PAGE, PERIOD))
    assert "Le vendeur n’est pas renseigné" in page_text(operator.post(f"{PAGE}telecharger/", PERIOD, follow=True))
    execute_as_administrator(
        "UPDATE public.billing_invoice SET snapshot = jsonb_set(snapshot, '{rates,0,total_ht}', '\"1.00\"')"
    )
    answer = operator.get(PAGE, PERIOD)
    assert answer.status_code == 422
    assert "n’est pas équilibrée : rien n’est exporté" in page_text(answer)


def test_the_accounts_are_chosen_once_and_then_edited(operator, db):
    assert f"{PAGE}add/" in page_text(operator.get(PAGE))
    fields = {
        column.name: getattr(AccountingSettings(), column.name)
        for column in AccountingSettings._meta.fields  # noqa: SLF001 - documented
        if column.name not in ("id", "defers_income")
    }
    refused = operator.post(f"{PAGE}add/", fields | {"customers": "41"})
    assert "Un numéro de compte commence par trois chiffres" in page_text(refused)
    assert operator.post(f"{PAGE}add/", fields | {"customers": "411100"}).status_code == 302
    stored = AccountingSettings.objects.get(pk=1)
    assert (stored.customers, stored.defers_income) == ("411100", False)
    assert operator.get(f"{PAGE}add/").status_code == 403
    assert f"{PAGE}1/change/" in page_text(operator.get(PAGE))
    assert operator.post(f"{PAGE}1/delete/", {"post": "yes"}).status_code == 403


def test_the_provider_s_movements_are_read_and_not_changed(operator, sold):
    record_movements(sold.payments.get().card)
    address = "/admin/accounting/balancetransaction/"
    page = page_text(operator.get(address))
    assert str(sold) in page
    assert "3,24 €" in page
    assert operator.get(f"{address}add/").status_code == 403


def test_the_page_takes_the_same_queries_whatever_the_period_holds(operator, sold):
    def count():
        with CaptureQueriesContext(connection) as captured:
            operator.get(PAGE, PERIOD)
        return len(captured)

    before = count()
    for _ in range(3):
        OrderFactory(current=True, paid_by_card=True, at=SOME_TIME_AGO)
    assert count() == before

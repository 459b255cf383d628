"""The file of a period: its form, its name, who may have it when; and what is unusual."""

import datetime
import hashlib

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AccountEvent
from licensing.books.accounting.exports import format_header, get_file_name, list_remarks, sum_period
from licensing.books.accounting.journals import Period, get_fiscal_year, get_quarter, list_closing_dates
from licensing.books.accounting.models import AccountingSettings, get_accounting_settings
from licensing.catalogue.models import Seller
from licensing.orders import billing_details
from tests.accounting.books import export, export_lines
from tests.accounting.fec_checker import list_faults, read_fec
from tests.accounting.provider_balance import record_movement, record_movements
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.factories.shop import get_seller
from tests.orders import actions
from tests.orders.dates import DAY
from tests.refusals import refuses

DAY_OF_TERM = TERM.date()
ONE_DAY = Period(DAY_OF_TERM, DAY_OF_TERM)


@pytest.mark.slow
def test_a_text_ends_no_field_and_keeps_the_letters_that_the_file_has(nimes):
    name = "Śœurs d’Œuvre |\u202fNîmes – « Préau »"
    order = OrderFactory(confirmed=True, billing__name=name)
    actions.pay(order, reference="VIR\t7\r\n|")
    lines = export_lines(*ONE_DAY)
    assert list_faults(lines, start=DAY_OF_TERM, end=DAY_OF_TERM) == []
    assert lines[0]["CompAuxLib"] == "Sœurs d'Œuvre Nîmes - « Préau »"
    assert lines[-1]["EcritureLib"] == "Virement VIR 7 Sœurs d'Œuvre Nîmes - « Préau »"


@pytest.mark.slow
def test_a_payer_s_name_is_no_formula_in_the_file_and_the_file_stays_valid(nimes, monkeypatch):
    # Stored before names were checked.
    monkeypatch.setitem(billing_details.set_billing_details.__globals__, "check_plain_name", lambda _text: None)
    order = OrderFactory(confirmed=True, billing__name='=HYPERLINK("x")')
    actions.pay(order, reference="VIR 7")
    lines = export_lines(*ONE_DAY)
    assert list_faults(lines, start=DAY_OF_TERM, end=DAY_OF_TERM) == []
    assert {line["CompAuxLib"] for line in lines} == {"", '\'=HYPERLINK("x")'}


def test_the_file_of_a_fiscal_year_has_the_name_that_the_article_gives(db):
    get_seller()
    accounting = AccountingSettings(closing_month=8)
    year = get_fiscal_year(DAY_OF_TERM, closing_month=8)
    assert year == (datetime.date(2026, 9, 1), datetime.date(2027, 8, 31))
    assert get_file_name(year, accounting) == "123456782FEC20270831.txt"
    month = Period(datetime.date(2026, 9, 1), datetime.date(2026, 9, 30))
    assert get_file_name(month, accounting) == "ecritures-2026-09-01-2026-09-30.txt"
    Seller.objects.all().delete()
    with refuses("no_seller"):
        get_file_name(month, accounting)


@pytest.mark.parametrize(
    ("month", "closes"), [(2, ["2027-02-28", "2028-02-29"]), (12, ["2026-12-31", "2027-12-31"]), (11, ["2027-11-30"])]
)
def test_a_fiscal_year_closes_on_the_last_day_of_its_month(month, closes):
    found = list_closing_dates(datetime.date(2026, 12, 1), datetime.date(2028, 3, 1), closing_month=month)
    assert [str(day) for day in found] == closes
    assert get_quarter(datetime.date(2026, 12, 5)) == (datetime.date(2026, 10, 1), datetime.date(2026, 12, 31))


def test_a_period_is_downloaded_once_nothing_more_can_come_into_it(db):
    """An hour after midnight in Paris: what was begun before is recorded by then."""
    get_seller()
    midnight = datetime.datetime.combine(DAY_OF_TERM + DAY, datetime.time(), TERM.tzinfo)
    with refuses("period_not_over", match="24\u00a0novembre 2026"):
        export(*ONE_DAY, at=midnight + datetime.timedelta(minutes=59))
    assert export(*ONE_DAY, at=midnight + datetime.timedelta(hours=1)) == format_header()


@pytest.mark.slow
def test_the_journal_keeps_who_downloaded_what(nimes):
    OrderFactory(confirmed=True)
    by = OperatorFactory()
    content = export(*ONE_DAY, by=by)
    event = AccountEvent.objects.get(action="books_downloaded")
    assert event.account_id == by.pk
    assert event.summary == (
        "Écritures comptables téléchargées : du 24\u00a0novembre 2026 au 24\u00a0novembre 2026, 1\u00a0écriture, "
        f"fichier ecritures-2026-11-24-2026-11-24.txt, empreinte SHA-256 {hashlib.sha256(content).hexdigest()}."
    )


@pytest.mark.slow
def test_accounts_and_journals_are_those_of_the_settings(nimes):
    AccountingSettings.objects.create(pk=1, customers="4110001", sales_exempt="706000", journal_sales="VTE")
    OrderFactory(confirmed=True)
    OrderFactory(confirmed=True, billing__postal_code="97600", billing__cooperative=True)
    lines = export_lines(*ONE_DAY)
    assert list_faults(lines, start=DAY_OF_TERM, end=DAY_OF_TERM) == []
    assert {(line["JournalCode"], line["CompteNum"], line["CompteLib"]) for line in lines} == {
        ("VTE", "4110001", "Clients"),
        ("VTE", "706000", "Prestations de services"),
        ("VTE", "44571200", "TVA collectée à 20 %"),
    }


def test_wrong_accounts_and_journals_with_one_code_are_refused(db):
    with pytest.raises(ValidationError, match=r"trois chiffres.*journal « Ventes »"):
        AccountingSettings(pk=1, customers="41", journal_general="VE").full_clean()


def remarks(period):
    accounting = get_accounting_settings()
    return " ".join(list_remarks(period, sum_period(period), accounting)).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.slow
def test_what_an_accountant_would_ask_about_is_listed(nimes):
    order = OrderFactory(paid_by_card=True)
    assert "1 règlement par carte n'est pas encore dans les mouvements du prestataire, pour 199,00 €" in remarks(
        ONE_DAY
    )
    card = order.payments.get().card
    record_movements(card, at=TERM)
    assert remarks(ONE_DAY) == ""
    record_movement("charge", "30", charge="ch_other", at=TERM)
    record_movement("adjustment", "-199", card=card, at=TERM)
    late = OrderFactory(confirmed=True, at=TERM - DAY)
    actions.pay(late, received_on=DAY_OF_TERM - DAY)
    found = remarks(ONE_DAY)
    assert "1 mouvement du prestataire n'est d'aucune commande d'ici, ou d'une nature inconnue : 30,00 €" in found
    assert "1 contestation ou ajustement chez le prestataire" in found
    assert "1 règlement reçu avant la période y est inscrit, pour 199,00 €" in found


def test_the_header_has_the_eighteen_names(db):
    assert read_fec(format_header()) == []

"""The operator reads a bank statement in a browser: upload, one button for what is sure, one line by hand."""

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from core.calendar import date_in_paris
from licensing.books.bank.models import StatementLine
from tests.bank.statement_files import FileLine, StatementFile, write_camt
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, run_axe_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders.dates import DAY

PAGE = "/admin/bank/statementline/a-rapprocher/"


def write_file(orders):
    """Return a statement with a line of each kind: sure, probable, to choose, like nothing, to take back."""
    today = date_in_paris(timezone.now())
    numbers = [order.invoices.get().number for order in orders]
    lines = (
        FileLine("199.00", "VIR SEPA SGC NIMES AGGLOMERATION", (f"MANDAT 4512 BORD 31 {numbers[0]}",), "SGC NIMES"),
        FileLine("250.00", "VIR SEPA", (numbers[1].replace("-", " "),), "MAIRIE DE NIMES"),
        FileLine("349.00", "VIR SEPA COMMUNE ST GILLES", (), "TRESORERIE VAUVERT"),
        FileLine("199.00", "VIR INSTANTANE", ("SANS LIBELLE" * 8,)),
        FileLine("248.00", "REMISE CHEQUES 2 CHQ"),
        FileLine("3.12", "INTERETS CREDITEURS"),
        FileLine("-199.00", "VIREMENT REJETE"),
    )
    dated = tuple(FileLine(**{**vars(line), "day": today}) for line in lines)
    return write_camt(StatementFile(dated, opening_on=today - DAY, closing_on=today))


@pytest.mark.journey
def test_a_statement_is_uploaded_and_confirmed(committing, site):
    with schema_context("public"):
        operator = OperatorFactory()
        orders = [OrderFactory(current=True, confirmed=True) for _ in range(3)]
        OrderFactory(current=True, confirmed=True, classes=10, billing__name="Mairie de Saint-Gilles")
        OrderFactory(current=True, confirmed=True, classes=1, billing__cooperative=True)
        content = write_file(orders)
    visit = open_signed_in(site, "peps.localhost", operator)
    page = visit.open(PAGE)
    file = {"name": "novembre.xml", "mimeType": "text/xml", "buffer": content}
    page.get_by_label("Fichier de la banque").set_input_files([file])
    page.get_by_role("button", name="Déposer le relevé").click()
    page.get_by_text("7 lignes ajoutées, dont 7 à voir.").wait_for()
    page.get_by_text("Sûres : 1 ligne").wait_for()
    keep_picture(page, "ventes-releve-bancaire")
    found = {"lines": run_axe_at_both_widths(page)}
    page.get_by_role("button", name="Enregistrer les lignes choisies").click()
    page.get_by_text("1 ligne enregistrée").wait_for()
    with schema_context("public"):
        deposit = StatementLine.objects.get(amount=248)
    page = visit.open(f"/admin/bank/statementline/{deposit.pk}/choisir/")
    page.get_by_label("Chercher des commandes").fill("OCCE")
    page.get_by_role("button", name="Chercher", exact=True).click()
    page.get_by_text("OCCE 30").first.wait_for()
    found["by hand"] = run_axe_at_both_widths(page)
    page.get_by_label("Motif*").fill("Autre vente")
    page.get_by_role("button", name="Mettre de côté").click()
    page.get_by_text("mise de côté").wait_for()
    page = visit.open(f"/admin/bank/statementline/{deposit.pk}/choisir/")
    page.get_by_role("button", name="Remettre à voir").wait_for()
    found["set aside"] = run_axe_at_both_widths(page)
    assert_no_problems({name: [*problems, *visit.complaints] for name, problems in found.items()})

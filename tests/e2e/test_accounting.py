"""« Comptabilité » in the browser: a period, its totals at both widths, its file."""

import datetime
from pathlib import Path

from django.utils import timezone
from django_tenants.utils import schema_context

from tests.accounting.fec_checker import list_faults, read_fec
from tests.accounting.provider_balance import record_movements
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory

PAGE = "/admin/accounting/accountingsettings/"


def test_the_operator_looks_at_a_period_and_downloads_it(committing, site):
    day = timezone.now() - datetime.timedelta(days=40)
    with schema_context("public"):
        operator = OperatorFactory()
        OrderFactory(current=True, paid=True, at=day)
        OrderFactory(current=True, confirmed=True, at=day, billing__postal_code="97600")
        paid_by_card = OrderFactory(current=True, paid_by_card=True, at=day).payments.get().card
        record_movements(paid_by_card, at=day)
    visit = open_signed_in(site, "peps.localhost", operator)
    page = visit.open(PAGE)
    start, end = day.date() - datetime.timedelta(days=1), day.date() + datetime.timedelta(days=1)
    page.get_by_label("Du*").fill(str(start))
    page.get_by_label("Au (inclus)").fill(str(end))
    page.get_by_role("button", name="Voir cette période").click()
    page.get_by_role("rowheader", name="706100 Prestations de services sans TVA").wait_for()
    keep_picture(page, "ventes-comptabilite", full_page=True)
    assert_no_problems({PAGE: find_problems_at_both_widths(visit)})
    with page.expect_download() as download:
        page.get_by_role("button", name="Télécharger").click()
    assert download.value.suggested_filename == f"ecritures-{start}-{end}.txt"
    lines = read_fec(Path(download.value.path()).read_bytes())
    assert list_faults(lines, start=start, end=end) == []
    page.get_by_role("link", name="Comptes, journaux et clôture de l’exercice").click()
    page.locator("[name=customers]").wait_for()
    assert_no_problems({"settings": find_problems_at_both_widths(visit)})

"""The operator declares a period of sales to consumers, and finds its declaration."""

import datetime

from django.utils import timezone
from django_tenants.utils import schema_context

from core.calendar import date_in_paris
from licensing.catalogue.models import Seller
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory


def test_a_late_period_is_opened_from_the_list_and_declared(committing, site):
    sold_at = timezone.now() - datetime.timedelta(days=40)
    with schema_context("public"):
        operator = OperatorFactory()
        OrderFactory(current=True, confirmed=True, at=sold_at, billing__cooperative=True)
        OrderFactory(current=True, confirmed=True, at=sold_at, billing__cooperative=True, billing__postal_code="97400")
        Seller.objects.update(e_reporting_from=date_in_paris(sold_at).replace(day=1), vat_regime="quarterly")
    visit = open_signed_in(site, "peps.localhost", operator)
    page = visit.open("/admin/e_reporting/periodreport/")
    page.get_by_role("link", name="Ventes aux particuliers").first.click()
    page.get_by_text("D’après les livres : 398,00 € TTC").wait_for()
    keep_picture(page, "ventes-e-reporting")
    found = {"to declare": find_problems_at_both_widths(visit)}
    page.get_by_role("button", name="Établir la déclaration").click()
    page.get_by_text("Déclaration initiale").wait_for()
    found["declared"] = find_problems_at_both_widths(visit)
    assert_no_problems(found)

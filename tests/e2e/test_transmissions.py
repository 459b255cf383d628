"""The operator transmits what is to be deposited, and sees first what a platform did not take."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from licensing.books.billing import invoicing
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission
from licensing.books.billing.transmission.platforms import PlatformRefuses
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, run_axe_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory

PAGE = "/admin/billing/invoice/a-deposer/"


@pytest.mark.journey
def test_the_operator_transmits_and_reads_what_was_refused(committing, site, settings):
    refusal = PlatformRefuses("Chorus Pro a refusé la demande : le fichier n'est pas un PDF/A-3.")
    settings.INVOICE_PLATFORMS = {"chorus_pro": (PATH, Script(failures=[refusal]))}
    with schema_context("public"):
        operator = OperatorFactory()
        for _ in range(3):
            OrderFactory(current=True, confirmed=True)
        first, second, _ = invoicing.list_undeposited().values_list("pk", flat=True)
        operations.request_transmissions(invoice_ids=[first, second], by=None, at=timezone.now())
        delivery.deliver_due()
    visit = open_signed_in(site, "peps.localhost", operator)
    page = visit.open(PAGE)
    page.get_by_text("le fichier n’est pas un PDF/A-3").wait_for()
    keep_picture(page, "ventes-factures-a-deposer")
    found = {"what waits": run_axe_at_both_widths(page)}
    page.get_by_role("link", name=re.compile("Transmettre 1 document")).click()
    page.get_by_text("Ce qui est transmis ne se reprend pas").wait_for()
    found["the confirmation"] = run_axe_at_both_widths(page)
    page.get_by_role("button", name="Transmettre à Chorus Pro").click()
    page.get_by_text("1 document part vers Chorus Pro").wait_for()
    found["what is on its way"] = run_axe_at_both_widths(page)
    assert_no_problems(found)
    with schema_context("public"):
        assert Transmission.objects.count() == 3

"""Pages that show several sales, statements or transmissions: as many queries however many there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.calendar import date_in_paris
from licensing.books.billing.transmission import delivery
from licensing.books.billing.transmission.operations import request_transmissions
from licensing.books.billing.transmission.platforms import PlatformRefuses
from licensing.books.e_reporting.queries import list_statements
from licensing.books.e_reporting.reports import make_report
from licensing.catalogue.models import Seller
from tests.accounting.provider_balance import record_movements
from tests.bank.actions import upload
from tests.bank.statement_files import FileLine, StatementFile
from tests.billing.transmission.scripted_platform import follow_script
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.dates import DAY

PAGES = (
    "/admin/",
    "/admin/a-traiter/verifier/",
    "/admin/a-traiter/encaisser/",
    "/admin/a-traiter/deposer/",
    "/admin/a-traiter/rappeler/",
    "/admin/accounting/balancetransaction/",
    "/admin/bank/statementline/",
    "/admin/bank/statementline/a-rapprocher/",
    "/admin/billing/invoice/a-deposer/",
    "/admin/e_reporting/periodreport/",
    "/admin/mois/",
)


@pytest.fixture
def script(settings):
    return follow_script(settings, "chorus_pro", "platform")


def sell(script, rank):
    """Add to each page: orders to check, credited in part, paid, refused or to deposit, a line, a declaration."""
    at = timezone.now() - (70 + 31 * rank) * DAY
    OrderFactory(current=True, scanned=True)
    OrderFactory(current=True, in_review=True)
    actions.credit(OrderFactory(current=True, confirmed=True), amount="10")
    record_movements(OrderFactory(current=True, paid_by_card=True).payments.get().card)
    consumer = OrderFactory(current=True, confirmed=True, at=at, billing__payer="other", billing__siret="")
    actions.pay(consumer, amount="50", at=at)
    refused = OrderFactory(current=True, confirmed=True).invoices.get()
    request_transmissions(invoice_ids=[refused.pk], by=None, at=timezone.now())
    script.failures = [PlatformRefuses("Non.")]
    delivery.deliver_due()
    line = FileLine("199.00", f"VIR {rank}", (OrderFactory(current=True, confirmed=True).invoices.get().number,))
    upload(StatementFile((line,), number=str(rank), opening=str(rank)))


def receive_order(script, rank):
    OrderFactory(current=True, scanned=True)


def count_queries(operator, page):
    with CaptureQueriesContext(connection) as captured:
        assert operator.get(page).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    ("add", "pages"), [(receive_order, PAGES[:2]), pytest.param(sell, PAGES, marks=pytest.mark.slow)]
)
def test_every_page_takes_as_many_queries_for_two_sales_as_for_one(operator, script, add, pages):
    add(script, 0)
    day = date_in_paris(timezone.now())
    Seller.objects.update(e_reporting_from=day - 300 * DAY)
    for statement in list_statements(day=day):
        if statement.waits:
            make_report(kind=statement.kind, begins_on=statement.period.begins_on, by=None, at=timezone.now())
    # From January on, the first page creates the next school year.
    operator.get(pages[0])
    before = {page: count_queries(operator, page) for page in pages}
    add(script, 1)
    assert {page: count_queries(operator, page) for page in pages} == before


#: Beside the selection of the schema. One more where work is late, and one where an office has a concern.
MAX_ROOT_QUERIES = 15


@pytest.mark.slow
def test_the_root_page_takes_fifteen_queries(operator, script):
    sell(script, 0)
    operator.get("/admin/")
    assert count_queries(operator, "/admin/") == MAX_ROOT_QUERIES

"""November 2026 as it is played: its clock, Stripe, Chorus Pro and an approved platform over real HTTP."""

import datetime
import functools
import io

import pytest
from django.utils import timezone
from lxml import etree
from pypdf import PdfWriter

from licensing.books.billing import invoice_pdf
from licensing.books.billing.transmission.accounts import ApprovedPlatformAccount
from tests.billing.transmission import fake_chorus_pro, fake_platform
from tests.payments.card.conftest import stripe, tell
from tests.sites.month.month_of_sales import MonthClock, MonthOfSales, moment

__all__ = ["stripe", "tell"]

_TRANSMISSION = "licensing.books.billing.transmission"
#: One invoice of as many has its real sheet, which takes 0.2 s to draw; the others embed their XML in a blank page.
_DRAWN = 50
#: What the schematrons look at, of texts: they are run once for each combination.
_DECISIVE = ("Amount", "Percent", "TypeCode", "CategoryCode", "SpecifiedDocumentContextParameter")


@pytest.fixture
def clock(monkeypatch):
    """The time of the site, which the month sets."""
    clock = MonthClock(moment(1, 8))
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def month(committing, gard, clock, stripe, monkeypatch):
    # Its commits are real: in one transaction, the planner would take the tables for empty until the end.
    def get_time():
        return clock.at.timestamp()

    stripe.balance.now = get_time
    # Else the number of clicks would depend on the machine.
    monkeypatch.setattr("sites.back_office.bank.BOOKING_SECONDS", 600.0)
    return MonthOfSales(clock, [committing, gard])


@pytest.fixture
def plain_sheets(monkeypatch):
    """Draw one invoice of many; the others have their XML alone."""
    draw, numbers = invoice_pdf.render_pdf, iter(range(10**6))

    def render(snapshot, xml):
        if next(numbers) % _DRAWN == 0:
            return draw(snapshot, xml)
        writer, file = PdfWriter(), io.BytesIO()
        writer.add_blank_page(595, 842)
        writer.add_attachment("factur-x.xml", xml.encode())
        writer.write(file)
        return file.getvalue()

    monkeypatch.setattr("licensing.books.billing.invoice_pdf.render_pdf", render)


@pytest.fixture
def platforms(settings, monkeypatch, clock, plain_sheets):
    """Chorus Pro and an approved platform, which validate each kind of invoice once."""
    for module in (fake_chorus_pro, fake_platform):
        monkeypatch.setattr(module, "list_violations", _validate_each_kind_once(module.list_violations))
    with fake_chorus_pro.FakeChorusProServer() as chorus_pro, fake_platform.FakePlatformServer() as platform:
        chorus_pro.begins_at = datetime.datetime(2026, 11, 20, 13, 0)  # noqa: DTZ001 - Chorus Pro writes no zone
        platform.clock = moment(20)
        account = ApprovedPlatformAccount(
            client_id=fake_platform.CLIENT_ID,
            client_secret=fake_platform.CLIENT_SECRET,
            token_url=f"{platform.url}/token",
            base_url=f"{platform.url}/flow-service",
            organization=fake_platform.ORGANIZATION,
            number="0042",
            name="Plateforme",
        )
        settings.INVOICE_PLATFORMS = {
            "chorus_pro": (f"{_TRANSMISSION}.chorus_pro.ChorusPro", chorus_pro.account),
            "platform": (f"{_TRANSMISSION}.approved_platform.ApprovedPlatform", account),
        }
        settings.REPORTING_PLATFORM = ("0042", "Plateforme")
        yield chorus_pro, platform


def _validate_each_kind_once(validate):
    """Return a validation that runs the schematrons, 0.1 s each, once for invoices that differ by their parties."""
    known: dict[tuple, list[str]] = {}

    @functools.wraps(validate)
    def validate_kind(xml):
        elements = etree.fromstring(xml.encode()).iter(etree.Element)
        kind = tuple(
            (element.tag, element.text if etree.QName(element).localname.endswith(_DECISIVE) else "")
            for element in elements
        )
        if kind not in known:
            known[kind] = validate(xml)
        # Its own list: the stand-ins add to it.
        return list(known[kind])

    return validate_kind

import pytest

from licensing.books.billing import invoicing
from tests.billing.transmission.scripted_platform import follow_script
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory


@pytest.fixture
def script(settings):
    """The script of a platform that stands for Chorus Pro."""
    return follow_script(settings, "chorus_pro")


@pytest.fixture
def invoice(db):
    """An invoice to a public body."""
    return invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM)

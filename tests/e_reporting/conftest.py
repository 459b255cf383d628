import datetime

import pytest

from licensing.catalogue.models import Seller
from tests.conftest import TERM
from tests.factories.shop import open_shop


@pytest.fixture
def seller(db):
    """A seller who reports since September 2026, sales by ten days and payments by month."""
    open_shop(TERM, ends_on=datetime.date(2027, 8, 31))
    Seller.objects.update(e_reporting_from=datetime.date(2026, 9, 1))
    return Seller.objects.get()

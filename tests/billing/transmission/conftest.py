from __future__ import annotations

import pytest

from licensing.billing import invoicing
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory


@pytest.fixture
def script(settings):
    """The script of a platform that stands for Chorus Pro."""
    script = Script()
    settings.INVOICE_PLATFORMS = {"chorus_pro": (PATH, script)}
    return script


@pytest.fixture
def invoice(db):
    """An invoice to a public body."""
    return invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM)

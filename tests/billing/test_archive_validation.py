"""veraPDF, the reference validator of PDF/A, on every kind of document that we issue.

It is no Python package: where `verapdf` is not on the PATH, these tests are skipped and say so. What veraPDF looks at
first is tested without it in `test_invoice_pdf`.
"""

import shutil
import subprocess
from collections.abc import Callable

import pytest

from licensing.books.billing import invoicing
from licensing.books.billing.documents import get_or_create_purchase_order, get_or_create_quote
from tests.conftest import TERM
from tests.factories.orders import OrderFactory, StoredOrderFactory
from tests.waits import LAST_S

VERAPDF = shutil.which("verapdf")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(VERAPDF is None, reason="veraPDF is not installed: no `verapdf` on the PATH"),
]


def _quote() -> bytes:
    return bytes(get_or_create_quote(OrderFactory(quoted=True), at=TERM).content)


def _purchase_order() -> bytes:
    return bytes(get_or_create_purchase_order(OrderFactory(placed=True), at=TERM).content)


def _invoice() -> bytes:
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    return bytes(invoicing.get_or_create_document(invoice, at=TERM).content)


def _card_invoice() -> bytes:
    invoice = invoicing.issue_invoice(StoredOrderFactory(card_purchase=True), at=TERM, paid_by_card=True)
    return bytes(invoicing.get_or_create_document(invoice, at=TERM).content)


def _credit_note() -> bytes:
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Commande annulée")
    return bytes(invoicing.get_or_create_document(note, at=TERM).content)


@pytest.mark.parametrize("render", [_quote, _purchase_order, _invoice, _card_invoice, _credit_note])
def test_verapdf_accepts_the_document_as_pdf_a_3b(render: Callable[[], bytes], tmp_path):
    assert VERAPDF is not None
    file = tmp_path / "document.pdf"
    file.write_bytes(render())
    # veraPDF exits with 0 for a valid file, 1 for one that breaks a rule.
    result = subprocess.run(  # noqa: S603 - the path is our own
        [VERAPDF, "--flavour", "3b", "--format", "text", "--verbose", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=LAST_S,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("PASS"), result.stdout

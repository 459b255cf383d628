"""Invoices for Chorus Pro or a platform: the deposit batch, and the status of each there."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from django.db import IntegrityError, transaction

from licensing.orders import invoicing, operations
from licensing.orders.exceptions import NoReason
from licensing.orders.invoicing.exceptions import BadStatus
from licensing.orders.models import OrderEvent, PlatformState, PlatformStatus
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.orders import invoiced

pytestmark = pytest.mark.django_db


def test_a_batch_holds_what_was_not_deposited_yet():
    operator = UserFactory()
    deposited = invoicing.issue(invoiced.five_classes(), at=TERM)
    invoicing.issue(invoiced.by_card(), at=TERM, paid_by_card=True)  # a private person: nothing to deposit
    bad_name = invoicing.issue(invoiced.five_classes(bill_name="=1+1"), at=TERM)
    operations.record_status(invoice_id=deposited.pk, state=PlatformState.DEPOSITED, by=operator, at=TERM)
    note = invoicing.credit(bad_name, at=TERM, reason="Nom corrigé")

    file = io.BytesIO()
    invoicing.write_batch(file, invoicing.to_deposit(), at=TERM)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [f"{bad_name.number}.pdf", f"{note.number}.pdf", "liste.csv"]
        assert archive.read(f"{note.number}.pdf") == bytes(note.document.content)
        rows = list(csv.reader(io.StringIO(archive.read("liste.csv").decode("utf-8-sig")), delimiter=";"))
    assert rows[1][5:] == [
        "'=1+1",
        "21300189400012",
        "SCOLAIRE",
        "EJ-2026-0042",
        "165,83",
        "33,17",
        "199,00",
        "",
    ]
    assert rows[2][1:3] + rows[2][-1:] == ["Avoir", note.number, bad_name.number]

    both = [bad_name.pk, note.pk, deposited.pk]
    assert operations.record_deposit(invoice_ids=both, by=operator, at=TERM) == 2
    assert operations.record_deposit(invoice_ids=both, by=operator, at=TERM) == 0
    assert not invoicing.to_deposit().exists()


@pytest.mark.parametrize("state", [PlatformState.REJECTED, PlatformState.REFUSED])
def test_the_credit_note_of_a_rejected_invoice_is_not_deposited(state):
    """No accounts office booked that invoice: only its replacement is deposited."""
    operator, order = UserFactory(), invoiced.five_classes()
    rejected = invoicing.issue(order, at=TERM)
    operations.record_status(invoice_id=rejected.pk, state=PlatformState.DEPOSITED, by=operator, at=TERM)
    operations.record_status(invoice_id=rejected.pk, state=state, reason="Engagement inconnu", by=operator, at=TERM)
    invoicing.credit(rejected, at=TERM, reason="Engagement inconnu")
    again = invoicing.issue(order, at=TERM)
    assert list(invoicing.to_deposit()) == [again]
    # An invoice that was booked is cancelled there by its credit note.
    operations.record_status(invoice_id=again.pk, state=PlatformState.APPROVED, by=operator, at=TERM)
    taken_back = invoicing.credit(again, at=TERM, reason="Commande annulée")
    assert list(invoicing.to_deposit()) == [taken_back]


def test_a_status_says_why_comes_in_order_and_stays():
    operator = UserFactory()
    invoice = invoicing.issue(invoiced.five_classes(), at=TERM)

    def record(state: PlatformState, reason: str = "") -> PlatformStatus:
        return operations.record_status(invoice_id=invoice.pk, state=state, reason=reason, by=operator, at=TERM)

    assert record(PlatformState.DEPOSITED) == record(PlatformState.DEPOSITED)
    record(PlatformState.RECEIVED)
    with pytest.raises(BadStatus):
        record(PlatformState.DEPOSITED)
    with pytest.raises(NoReason):
        record(PlatformState.REFUSED)
    record(PlatformState.REFUSED, "Engagement inconnu")
    with pytest.raises(BadStatus):
        record(PlatformState.IN_PAYMENT)
    assert list(invoice.statuses.order_by("pk").values_list("state", flat=True)) == ["deposited", "received", "refused"]
    assert "Engagement inconnu" in OrderEvent.objects.latest("pk").summary
    with pytest.raises(IntegrityError), transaction.atomic():
        PlatformStatus.objects.update(state=PlatformState.APPROVED)

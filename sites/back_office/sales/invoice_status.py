"""What an invoice's page says of its payer, its payment and its deposit."""

from __future__ import annotations

import datetime

from core import formatting
from licensing.billing import invoicing
from licensing.billing.models import Invoice, InvoiceKind, InvoiceRoute
from licensing.billing.queries import get_amount_received, get_balance
from licensing.billing.transmission import platforms
from licensing.billing.transmission.operations import get_latest_transmission

_ROUTE_NAMES = {InvoiceRoute.CHORUS_PRO: "sur Chorus Pro", InvoiceRoute.PLATFORM: "sur votre plateforme agréée"}


def describe_payer(invoice: Invoice) -> str:
    """Return who is invoiced, as the document says: name, then SIRET or SIREN."""
    buyer = invoice.snapshot["buyer"]
    registration = next((f"{name.upper()} {buyer[name]}" for name in ("siret", "siren") if buyer.get(name)), "")
    return f"Payeur : {buyer['name']}{f' ({registration})' if registration else ''}."


def describe_payment(invoice: Invoice, day: datetime.date) -> str:
    """Return whether an invoice is paid, and else what is owed and since when; empty where nothing is to be paid."""
    if invoice.kind != InvoiceKind.INVOICE or not Invoice.objects.current().filter(pk=invoice.pk).exists():
        return ""
    order, received = invoice.order, get_amount_received(invoice.order)
    owed = get_balance(order)
    if owed <= 0:
        return f"Réglée : {formatting.euros(received)} reçus."
    until = f"pour le {formatting.long_date(invoice.due_on)}" if invoice.due_on else ""
    late = ", en retard" if invoice.due_on and invoice.due_on < day else ""
    part = f" ({formatting.euros(received)} reçus)" if received else ""
    return f"À régler : {formatting.euros(owed)}{part} {until}{late}."


def is_to_deposit(invoice: Invoice) -> bool:
    """Return whether the invoice waits among « À déposer », and was not sent from there."""
    if invoice.route is None or get_latest_transmission(invoice) is not None:
        return False
    return invoicing.list_undeposited(invoice.route).filter(pk=invoice.pk).exists()


def describe_deposit(invoice: Invoice) -> str:
    """Return how to file an invoice that is not yet, or that it is not to be; empty once it is filed."""
    if invoice.route is None:
        return "À déposer nulle part : aucune plateforme ne mène à un particulier, qui l'a reçue par e-mail."
    if not is_to_deposit(invoice):
        return ""
    where = _ROUTE_NAMES[invoice.route]
    if platforms.is_configured(invoice.route):
        return f"À déposer {where} : « Factures à déposer » la transmet d'un clic, et son état revient de lui-même ici."
    return (
        f"À déposer {where} : prenez l'archive de « Factures à déposer », déposez-la, puis notez-y le dépôt. "
        "Son état s'inscrit alors ici."
    )

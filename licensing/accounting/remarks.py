"""What is unusual in a period, in French: what an accountant will ask about."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q, Sum

from core.calendar import end_of_day, start_of_day
from core.formatting import add_nonbreaking_spaces, euros, pluralize
from licensing.accounting.balance_entries import CHARGES, DISPUTES, is_waiting
from licensing.accounting.exports import PeriodTotals
from licensing.accounting.journals import Period
from licensing.accounting.models import AccountingSettings, BalanceTransaction
from licensing.accounting.sales_entries import OTHER_VAT_ACCOUNT
from licensing.catalogue.models import Seller
from licensing.payments.models import Payment, PaymentKind


def list_remarks(period: Period, totals: PeriodTotals, accounting: AccountingSettings) -> list[str]:
    """Return a sentence for each thing that is unusual in a period. Four queries."""
    remarks = [*_list_of_books(period, totals, accounting), *_list_of_provider(period, accounting)]
    return [add_nonbreaking_spaces(remark) for remark in remarks]


def _list_of_books(period: Period, totals: PeriodTotals, accounting: AccountingSettings) -> Iterator[str]:
    if not Seller.objects.exists():
        yield "Le vendeur n'est pas renseigné : le fichier porte son SIREN, renseignez-le avant de télécharger."
    if OTHER_VAT_ACCOUNT in totals.credits or OTHER_VAT_ACCOUNT in totals.debits:
        yield f"De la TVA est à un taux qui n'a pas de compte à lui : elle est au compte {accounting.vat_other}."
    earlier = Payment.objects.filter(
        kind=PaymentKind.RECEIVED, received_on__lt=period.start, **_recorded_in(period)
    ).aggregate(number=Count("pk"), total=Sum("amount"))
    if earlier["number"]:
        counted = pluralize(
            earlier["number"], "règlement reçu avant la période y est inscrit", "règlements reçus avant y sont inscrits"
        )
        yield (
            f"{counted}, pour {euros(earlier['total'])} : la date de pièce est celle de la réception. Si la période "
            "ouvre un exercice, rattachez-les au précédent."
        )


def _list_of_provider(period: Period, accounting: AccountingSettings) -> Iterator[str]:
    moved = BalanceTransaction.objects.filter(**_recorded_in(period)).aggregate(
        waiting=Count("pk", filter=is_waiting()),
        amount=Sum("amount", filter=is_waiting(), default=Decimal(0)),
        disputes=Count("pk", filter=Q(kind__in=DISPUTES)),
    )
    if moved["waiting"]:
        counted = pluralize(moved["waiting"], "mouvement du prestataire n'est", "mouvements du prestataire ne sont")
        of_ours = "d'aucune commande d'ici, ou d'une nature inconnue"
        yield f"{counted} {of_ours} : {euros(moved['amount'])} au compte d'attente {accounting.waiting}."
    if moved["disputes"]:
        counted = pluralize(moved["disputes"], "contestation ou ajustement", "contestations ou ajustements")
        yield f"{counted} chez le prestataire : le compte {accounting.cards} ne se solde que si les livres les suivent."
    charges = BalanceTransaction.objects.filter(card=OuterRef("card"), kind__in=CHARGES)
    unlisted = Payment.objects.filter(
        ~Exists(charges.filter(recorded_at__lt=end_of_day(period.end))),
        kind=PaymentKind.RECEIVED,
        card__isnull=False,
        **_recorded_in(period),
    ).aggregate(number=Count("pk"), total=Sum("amount"))
    if unlisted["number"]:
        counted = pluralize(unlisted["number"], "règlement par carte n'est", "règlements par carte ne sont")
        yield (
            f"{counted} pas encore dans les mouvements du prestataire, pour {euros(unlisted['total'])} : ni ses frais "
            f"ni son virement n'y sont ; la somme attend au compte {accounting.cards}."
        )


def _recorded_in(period: Period) -> dict[str, object]:
    return {"recorded_at__gte": start_of_day(period.start), "recorded_at__lt": end_of_day(period.end)}

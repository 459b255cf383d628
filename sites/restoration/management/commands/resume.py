"""`manage.py resume`: tell what waits in a database that was restored, and let it act again once that is decided."""

import argparse
import datetime
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core.connections import connected_as_owner
from core.formatting import long_moment, number, pluralize
from installation.hold import find_hold
from licensing.books.billing.snapshots import format_number
from sites.restoration import operations

_INVOICE = re.compile(r"P(\d{4})-(\d{6,})")


class Command(BaseCommand):
    help = "Après une restauration : dit ce qui attendait, et laisse repartir le site une fois que vous avez décidé."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what the operator decides; without it the command only tells."""
        decision = parser.add_mutually_exclusive_group()
        decision.add_argument(
            "--drop-before",
            metavar="MOMENT",
            help="abandonne ce qui devait partir avant, et l'a peut-être fait : 2026-11-28T03:00",
        )
        decision.add_argument("--send-all", action="store_true", help="envoie tout ce qui attendait")
        parser.add_argument("--sequence-margin", type=int, metavar="N", help="de combien les numéros internes avancent")
        parser.add_argument(
            "--last-invoice",
            action="append",
            default=[],
            metavar="NUMÉRO",
            help="le dernier numéro de facture ou d'avoir qui a pu être émis, un par année : P2026-000123",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Tell, or resume. Raises `CommandError` for an incomplete or impossible decision, and `OwnerUnknown`."""
        cause = find_hold()
        if cause is None:
            self.stdout.write("Rien n'est retenu.")
            return
        at = timezone.now()
        if not options["send_all"] and options["drop_before"] is None:
            self._tell(cause, at)
            return
        drop_before = None if options["send_all"] else _parse_moment(options["drop_before"])
        if options["sequence_margin"] is None or not options["last_invoice"]:
            raise CommandError("Dites aussi --sequence-margin et --last-invoice : « manage.py resume » les propose.")
        if options["sequence_margin"] < 0:
            raise CommandError("--sequence-margin ne recule pas.")
        invoices = dict(_parse_invoice(text) for text in options["last_invoice"])
        missing = {
            one.year for one in operations.list_invoice_years(since=operations.find_last_trace(), at=at)
        } - invoices.keys()
        if missing:
            years = ", ".join(map(str, sorted(missing)))
            raise CommandError(f"Dites aussi le dernier numéro de l'année : {years} (« manage.py resume » le propose).")
        with connected_as_owner("Laisser repartir le site"):
            result = operations.resume(
                drop_before=drop_before,
                sequence_margin=options["sequence_margin"],
                last_invoices=invoices,
                at=at,
            )
        self._report(result)

    def _tell(self, cause: str, at: datetime.datetime) -> None:
        trace = operations.find_last_trace()
        self.stdout.write(f"Rien ne part : {cause}.")
        if trace is not None:
            self.stdout.write(f"Dernière trace d'activité dans la base : {long_moment(timezone.localtime(trace))}.")
        waiting = operations.list_queued_work(at)
        self.stdout.write("Ce qui attendait :" if waiting else "Rien n'attendait.")
        for one in waiting:
            age = "" if one.oldest is None else f", dès le {one.oldest:%d/%m/%Y}"
            self.stdout.write(f"  {one.label} : {number(one.number)}{age} ; en retard déjà : {number(one.overdue)}")
        margin = operations.get_invoice_margin(since=trace, at=at)
        invoices, known = [], []
        for series in operations.list_invoice_years(since=trace, at=at):
            proposed = format_number(series.year, series.last + margin)
            invoices.append(f"--last-invoice {proposed}")
            known.append(f"--last-invoice {format_number(series.year, series.last)}")
            self.stdout.write(
                f"Factures de {series.year} : la base en connaît {number(series.last)}. Cherchez la dernière qui a été "
                f"émise (Chorus Pro, boîte des envois) ; à défaut, {proposed} saute {number(margin)} numéros."
            )
        self.stdout.write(
            "Pour reprendre, en abandonnant ce qui devait partir avant l'instant où l'ancien site s'est arrêté :\n"
            f"  manage.py resume --drop-before {timezone.localtime(at):%Y-%m-%dT%H:%M} "
            f"--sequence-margin {operations.get_sequence_margin()} {' '.join(invoices)}\n"
            "ou --send-all en place de --drop-before, si rien n'est parti depuis la sauvegarde.\n"
            "Si rien n'a été perdu (pg_upgrade, serveur de secours promu, retenue à la main) :\n"
            f"  manage.py resume --send-all --sequence-margin 0 {' '.join(known)}"
        )

    def _report(self, result: operations.ResumptionResult) -> None:
        self.stdout.write(
            f"Le site repart. Abandonnés : {pluralize(result.messages, 'e-mail')}, "
            f"{pluralize(result.deliveries, 'envoi de webhook', 'envois de webhooks')}, "
            f"{pluralize(result.reminders, 'relance')}. Numéros internes avancés : {number(result.sequences)} suites."
        )
        for one in result.skipped:
            first, last = format_number(one.year, one.first), format_number(one.year, one.last)
            self.stdout.write(f"Numéros de facture sautés, à garder avec les comptes : {first} à {last}. {one.reason}")


def _parse_moment(text: str) -> datetime.datetime:
    """Return the moment, in Paris where it names no offset. Raises `CommandError`."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"« {text} » n'est pas un instant : 2026-11-28T03:00.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _parse_invoice(text: str) -> tuple[int, int]:
    """Return year and rank of a number. Raises `CommandError`."""
    found = _INVOICE.fullmatch(text)
    if found is None:
        raise CommandError(f"« {text} » n'est pas un numéro de facture : P2026-000123.")
    return int(found[1]), int(found[2])

"""A spreadsheet from the command line: the same reading, checks and application as on the pages."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django_tenants.utils import tenant_context

from imports import operations, queries, tasks
from imports.enums import ImportState, Purpose, Verdict, Volume
from imports.meanings import Meaning
from imports.readers import limits
from imports.report import report
from licensing.exceptions import Refused
from licensing.pools.models import Pool
from tenants.models import Collectivity

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from imports.models import Import

REFUSED = 2


class Command(BaseCommand):
    """Exit status: 0 when the file was read (and, with --apply, applied), 2 when it was refused and nothing done."""

    help = "Lit un tableau d'écoles, montre le verdict de chaque ligne et, avec --apply, attribue les licences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--collectivity", required=True, metavar="SLUG")
        parser.add_argument(
            "--purpose", choices=Purpose.values, default=Purpose.ATTRIBUTION.value, help="ce que le tableau change"
        )
        parser.add_argument("--pool", type=int, metavar="ID", help="le lot d'une attribution")
        parser.add_argument("--quantity", type=int, metavar="N", help="un même nombre de licences pour toutes")
        parser.add_argument("--quantity-column", metavar="TITRE", help="la colonne qui donne le nombre de licences")
        parser.add_argument("--sheet", metavar="NOM")
        parser.add_argument(
            "--apply",
            action="store_true",
            help="attribue toutes les lignes applicables, y compris celles que les pages signalent et décochent",
        )
        parser.add_argument(
            "--ticked-only", action="store_true", help="avec --apply : s'en tenir aux lignes que les pages cochent"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, check, and apply where asked."""
        collectivity = Collectivity.objects.filter(slug=options["collectivity"]).first()
        if collectivity is None:
            raise CommandError(f"Aucune collectivité n'a l'adresse « {options['collectivity']} ».", returncode=REFUSED)
        if options["quantity"] is not None and options["quantity"] < 1:
            raise CommandError("Indiquez un nombre entier, au moins 1.", returncode=REFUSED)
        try:
            if options["file"].stat().st_size > limits.MAX_BYTES:
                raise CommandError("Ce fichier dépasse 20 Mo.", returncode=REFUSED)
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"Le fichier n'a pas pu être ouvert : {error}", returncode=REFUSED) from error
        with tenant_context(collectivity):
            if options["purpose"] == Purpose.ATTRIBUTION and not Pool.objects.filter(pk=options["pool"] or 0).exists():
                if options["pool"] is None:
                    raise CommandError("Indiquez le lot de l'attribution : --pool ID.", returncode=REFUSED)
                raise CommandError(f"Cette collectivité n'a pas de lot n° {options['pool']}.", returncode=REFUSED)
            table = self._read(content, options)
            refused = table.state == ImportState.REJECTED
            if options["apply"] and not refused:
                table = self._apply(table, ticked_only=options["ticked_only"])
                refused = table.state != ImportState.APPLIED
            self._say(table, as_json=options["as_json"])
        if refused:
            sys.exit(REFUSED)

    def _read(self, content: bytes, options: dict[str, Any]) -> Import:
        """Upload and read in this process: the queued job finds its work done."""
        table = operations.upload(
            purpose=Purpose(options["purpose"]),
            pool_id=options["pool"],
            filename=options["file"].name,
            content=content,
            units_for_all=options["quantity"],
            choices={"sheets": [options["sheet"]]} if options["sheet"] else {},
            by=None,
            at=timezone.now(),
        )
        tasks.read(import_id=table.pk)
        table.refresh_from_db()
        title = options["quantity_column"]
        if title is not None and table.state in (ImportState.READ, ImportState.CHECKED):
            self._take_column(table, title)
            tasks.read(import_id=table.pk)
            table.refresh_from_db()
        return table

    def _take_column(self, table: Import, title: str) -> None:
        titles = table.layout["titles"]
        if titles.count(title.strip()) != 1:
            raise CommandError(
                f"Le tableau a {titles.count(title.strip())} colonnes « {title} ». Ses titres : {', '.join(titles)}.",
                returncode=REFUSED,
            )
        columns = dict(table.layout["columns"]) | {Meaning.UNITS.value: titles.index(title.strip())}
        operations.choose(
            import_id=table.pk,
            sheets=[table.layout["sheets"][region["sheet"]] for region in table.layout["read"]],
            header_row=table.layout["header_row"],
            columns=columns,
            volume=Volume.COLUMN,
            units_for_all=None,
            by=None,
            at=timezone.now(),
        )

    def _apply(self, table: Import, *, ticked_only: bool) -> Import:
        now = timezone.now()
        try:
            if not ticked_only:
                operations.tick_all(import_id=table.pk, ticked=True)
            operations.confirm(
                import_id=table.pk, digest=queries.digest(table), send_on=None, only_valid=True, by=None, at=now
            )
            tasks.apply(import_id=table.pk, confirmed_at=now.isoformat())
        except Refused as refusal:
            table.refresh_from_db()
            table.refusal = refusal.sentence
            return table
        table.refresh_from_db()
        return table

    def _say(self, table: Import, *, as_json: bool) -> None:
        said = report(table)
        if as_json:
            self.stdout.write(json.dumps(said, ensure_ascii=False))
            return
        if table.state == ImportState.REJECTED:
            self.stdout.write(f"Refusé : {table.refusal}")
            return
        where = f"feuille « {said['sheet']} », " if said["sheet"] else ""
        self.stdout.write(f"{where}titres en ligne {said['header_row']} ; {said['rows']} lignes.")
        for verdict in Verdict:
            if said["verdicts"][verdict]:
                self.stdout.write(f"  {verdict.label} : {said['verdicts'][verdict]}")
        for problem in said["problems"]:
            place = f"ligne {problem['row']}" if problem["row"] else "tableau"
            self.stdout.write(f"  {place} : {problem['message']}")
        if said["state"] == ImportState.APPLIED:
            self.stdout.write(
                f"Appliqué : {said['applied']} attributions, {said['licences']} licences, {said['messages']} e-mails."
            )
        elif said["refusal"]:
            self.stdout.write(f"Rien n'a été attribué. {said['refusal']}")

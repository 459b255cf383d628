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
from imports.brake import brake_of
from imports.enums import ImportState, Purpose, Verdict, Volume
from imports.exceptions import NothingToApply
from imports.meanings import Meaning
from imports.readers import limits
from imports.report import refused, report
from licensing.exceptions import Refused
from licensing.pools.models import Pool
from schools.folding import fold
from tenants.models import Collectivity
from web import typography

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.management.base import CommandParser

    from imports.models import Import

REFUSED = 2


class Refusal(Exception):
    """The command goes no further: nothing was read, or nothing applied. `code` is stable, the sentence French."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Command(BaseCommand):
    """Exit status: 0 when the file was read (and, with --apply, applied), 2 when it was refused and nothing done.

    A file whose schools all have already what it says is no refusal: applied again, it gives nothing, with status 0.
    """

    help = "Lit un tableau d'écoles, montre le verdict de chaque ligne et, avec --apply, applique ce qu'il dit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="xlsx, xlsm, xls, ods, csv ou tsv")
        parser.add_argument("--collectivity", required=True, metavar="SLUG")
        parser.add_argument(
            "--purpose", choices=Purpose.values, default=Purpose.ATTRIBUTION.value, help="ce que le tableau change"
        )
        parser.add_argument("--pool", type=int, metavar="ID", help="le lot d'une attribution")
        parser.add_argument("--quantity", type=int, metavar="N", help="un même nombre de licences pour toutes")
        parser.add_argument("--quantity-column", metavar="NAME", help="la colonne qui donne le nombre de licences")
        parser.add_argument("--sheet", metavar="NAME", help="la feuille à lire")
        parser.add_argument(
            "--apply",
            action="store_true",
            help="applique toutes les lignes applicables, y compris celles que les pages signalent et décochent",
        )
        parser.add_argument(
            "--ticked-only", action="store_true", help="avec --apply : s'en tenir aux lignes que les pages cochent"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="répond par un seul objet JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, check, and apply where asked."""
        as_json = options["as_json"]
        try:
            collectivity, content = _asked(options)
            with tenant_context(collectivity):
                _check_pool(options)
                table = self._read(content, options)
                is_refused = table.state == ImportState.REJECTED
                said = report(table)
                if options["apply"] and not is_refused:
                    refusal = self._apply(table, ticked_only=options["ticked_only"])
                    said = report(table) | refusal
                    is_refused = table.state != ImportState.APPLIED and not _is_done_already(said)
        except Refusal as refusal:
            if not as_json:
                raise CommandError(refusal.sentence, returncode=REFUSED) from refusal
            said, is_refused = refused(refusal.code, refusal.sentence), True
        if as_json:
            self.stdout.write(json.dumps(said, ensure_ascii=False))
        else:
            self._tell(said)
        if is_refused:
            sys.exit(REFUSED)

    def _read(self, content: bytes, options: dict[str, Any]) -> Import:
        """Upload and read in this process: the queued job finds its work done."""
        table = operations.upload(
            purpose=Purpose(options["purpose"]),
            pool_id=options["pool"] if options["purpose"] == Purpose.ATTRIBUTION else None,
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
            _take_column(table, title.strip())
            tasks.read(import_id=table.pk)
            table.refresh_from_db()
        return table

    def _apply(self, table: Import, *, ticked_only: bool) -> dict[str, str]:
        """Apply the valid rows; return why nothing was, as the report says it, {} where it was."""
        now = timezone.now()
        refusal = {}
        try:
            if not ticked_only:
                operations.tick_all(import_id=table.pk, ticked=True)
            # Who writes `--apply` has said that it is meant.
            brake = brake_of(table)
            operations.confirm(
                import_id=table.pk,
                digest=queries.digest(table),
                send_on=None,
                only_valid=True,
                typed=brake.number if brake else None,
                by=None,
                at=now,
            )
            tasks.apply(import_id=table.pk, confirmed_at=now.isoformat())
        except Refused as why:
            refusal = {"refusal": why.sentence, "code": why.code}
        table.refresh_from_db()
        return refusal

    def _tell(self, said: dict[str, Any]) -> None:
        if said["state"] == ImportState.REJECTED:
            self.stdout.write(f"Refusé : {said['refusal']}")
            return
        where = " et ".join(f"« {name} »" for name in said["sheets"] if name)
        sheets = f"feuille{'s' if len(said['sheets']) > 1 else ''} {where}, " if where else ""
        titles = f"titres en ligne {said['header_row']}" if said["header_row"] else "sans ligne de titres"
        self.stdout.write(f"{sheets}{titles} ; {typography.plural(said['rows'], 'ligne')}.")
        for verdict in Verdict:
            if said["verdicts"][verdict]:
                self.stdout.write(f"  {verdict.label} : {typography.number(said['verdicts'][verdict])}")
        several = len(said["sheets"]) > 1
        for problem in said["problems"]:
            place = f"ligne {problem['row']}" if problem["row"] else "tableau"
            sheet = f"feuille « {problem['sheet']} », " if several and problem["row"] else ""
            self.stdout.write(f"  {sheet}{place} : {problem['message']}")
        if said["state"] == ImportState.APPLIED:
            done = ", ".join(
                typography.plural(said[what], word)
                for what, word in (("applied", "ligne"), ("licences", "licence"), ("messages", "e-mail"))
                if said[what] or what == "applied"
            )
            self.stdout.write(f"Appliqué : {done}.")
        elif said["refusal"]:
            self.stdout.write(f"Rien n'a été appliqué. {said['refusal']}")


def _asked(options: dict[str, Any]) -> tuple[Collectivity, bytes]:
    """Return the collectivity and the file's bytes. Raises `Refusal` for what makes no sense."""
    slug, quantity, file = options["collectivity"], options["quantity"], options["file"]
    if quantity is not None and options["quantity_column"] is not None:
        raise Refusal(
            "two_quantities", "Donnez un même nombre (--quantity) ou une colonne (--quantity-column), pas les deux."
        )
    if quantity is not None and quantity < 1:
        raise Refusal("bad_quantity", "--quantity est un nombre entier, au moins 1.")
    collectivity = Collectivity.objects.filter(slug=slug).first()
    if collectivity is None:
        raise Refusal("unknown_collectivity", f"Aucune collectivité n'a l'adresse « {slug} ».")
    try:
        if file.stat().st_size > limits.MAX_BYTES:
            raise Refusal("too_big", "Ce fichier dépasse 20 Mo : gardez les colonnes utiles, ou partagez-le en deux.")
        return collectivity, file.read_bytes()
    except OSError as error:
        raise Refusal("no_such_file", f"Le fichier « {file} » n'a pas pu être ouvert : {error.strerror}.") from error


def _is_done_already(said: dict[str, Any]) -> bool:
    """Tell whether nothing was applied because every school of the file has what it says."""
    verdicts = said["verdicts"]
    settled = verdicts[Verdict.UNCHANGED] + verdicts[Verdict.IGNORED]
    return bool(said["code"] == NothingToApply.code and verdicts[Verdict.UNCHANGED] and settled == said["rows"])


def _check_pool(options: dict[str, Any]) -> None:
    if options["purpose"] == Purpose.REMIT:
        if options["pool"] is not None or options["quantity"] is not None or options["quantity_column"] is not None:
            raise Refusal(
                "not_an_attribution",
                "--pool, --quantity et --quantity-column ne valent que pour une attribution : le périmètre n'en a pas.",
            )
    elif options["pool"] is None:
        raise Refusal("no_pool", "Indiquez le lot de l'attribution : --pool ID.")
    elif not Pool.objects.filter(pk=options["pool"]).exists():
        raise Refusal("unknown_pool", f"Cette collectivité n'a pas de lot n° {options['pool']}.")


def _take_column(table: Import, title: str) -> None:
    """Have the file read again with the numbers of this column. Raises `Refusal` unless one column has that title."""
    titles = table.layout["titles"]
    found = _columns_of(title, titles)
    if len(found) != 1:
        named = ", ".join(f"« {name} »" for name in titles if name.strip())
        raise Refusal(
            "no_such_column" if not found else "several_columns",
            f"Le tableau n'a pas de colonne « {title} ». Ses titres : {named or 'aucun'}."
            if not found
            else f"Le tableau a {len(found)} colonnes « {title} » : donnez-leur des titres différents.",
        )
    operations.choose(
        import_id=table.pk,
        sheets=[table.layout["sheets"][region["sheet"]] for region in table.layout["read"]],
        header_row=table.layout["header_row"],
        columns=dict(table.layout["columns"]) | {Meaning.UNITS.value: found[0]},
        volume=Volume.COLUMN,
        units_for_all=None,
        by=None,
        at=timezone.now(),
    )


def _columns_of(title: str, titles: list[str]) -> list[int]:
    """Return the columns of this title: as it stands, else whatever its case and accents, else the last line of one."""
    wanted = fold(title)
    ways: tuple[Callable[[str], bool], ...] = (
        lambda name: name.strip() == title,
        lambda name: fold(name) == wanted,
        lambda name: fold(name.rpartition(" / ")[2]) == wanted,
    )
    for means in ways:
        found = [index for index, name in enumerate(titles) if name.strip() and means(name)]
        if found:
            return found
    return []

"""Import a spreadsheet from the command line, with the same operations as the pages."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django_tenants.utils import tenant_context

from core import formatting
from core.exceptions import DomainError
from imports import queries, tasks
from imports.checks.problem_codes import OTHER_POOL
from imports.columns import NUMBER_COLUMNS, Meaning
from imports.enums import ImportState, Purpose, Verdict, Volume
from imports.exceptions import NothingToApply
from imports.formats import limits
from imports.json_report import build_rejected_report, build_report
from imports.layout import LayoutChoices, LayoutQuestion
from imports.models import SpreadsheetImport
from imports.operations import apply_rows, intake, row_edits, upload
from imports.operations.apply_rows import build_guard
from imports.parsing.column_mapping import column_letters
from imports.parsing.declined_rows import DECLINED
from licensing.pools.models import Pool
from schools.folding import fold
from tenants.models import Collectivity

#: Meanings that a column can be given by its title. The column of choices is recognised by its own.
CHOSEN_MEANINGS = tuple(meaning.value for meaning in Meaning if meaning is not Meaning.CHOICE)


class CommandRejected(Exception):
    """The command is rejected and nothing was done. `code` is stable, the sentence French."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def parse_columns(options: Mapping[str, Any]) -> dict[Meaning, str]:
    """Return the title of each chosen column by meaning, "" for a meaning without a column.

    Raises `CommandRejected` for a column that is not written as MEANING=TITLE, or given twice.
    """
    titles: dict[Meaning, str] = {}
    if options["quantity_column"] is not None:
        titles[Meaning.UNITS] = options["quantity_column"].strip()
    for column in options["columns"]:
        name, equals, title = column.partition("=")
        name = name.strip()
        if not equals:
            raise CommandRejected(
                "invalid_column",
                f"« --column {column} » s'écrit MEANING=TITLE, par exemple --column uai=RNE.",
            )
        if name not in CHOSEN_MEANINGS:
            raise CommandRejected(
                "unknown_meaning",
                f"« --column {column} » : « {name} » n'est pas une information lue. Il y a : "
                f"{', '.join(CHOSEN_MEANINGS)}.",
            )
        if Meaning(name) in titles:
            raise CommandRejected("repeated_column", f"La colonne de « {name} » est donnée deux fois.")
        titles[Meaning(name)] = title.strip()
    return titles


def choose_columns(spreadsheet_import: SpreadsheetImport, titles: Mapping[Meaning, str]) -> None:
    """Queue the file to be read again with these columns, their numbers taken as they are.

    Raises `CommandRejected` where a title is not that of exactly one column, or two meanings have the same one.
    """
    layout, choices = spreadsheet_import.layout, spreadsheet_import.choices
    chosen = {meaning: _find_column(title, layout.titles) if title else None for meaning, title in titles.items()}
    indexes = [index for index in chosen.values() if index is not None]
    repeated = next((index for index in indexes if indexes.count(index) > 1), None)
    if repeated is not None:
        raise CommandRejected(
            "shared_column", f"La colonne « {layout.titles[repeated]} » est donnée pour deux informations."
        )
    kept = {meaning: index for meaning, index in layout.columns.items() if index not in indexes}
    answers = dict(choices.answers)
    number = next((i for m in NUMBER_COLUMNS if (i := chosen.get(m)) is not None), None)
    if number is not None:
        # The column alone is meant, and not a sum that begins with it; and its numbers, whatever they look like.
        answers |= dict.fromkeys(("ambiguous_column", "doubtful_numbers"), column_letters(number))
    for_all = spreadsheet_import.units_for_all
    volume = Volume.COLUMN if chosen.get(Meaning.UNITS) is not None else spreadsheet_import.volume
    intake.choose_layout(
        import_id=spreadsheet_import.pk,
        sheets=layout.parsed_sheets,
        header_row=layout.header_row,
        columns={**kept, **chosen},
        answers=answers,
        volume=volume if for_all is None else Volume.ALL,
        units_for_all=for_all,
        by=None,
        at=timezone.now(),
    )


def _find_column(title: str, titles: Sequence[str]) -> int:
    """Return the only column with this title. Raises `CommandRejected` where there is none, or several."""
    found = _find_columns(title, titles)
    if not found:
        named = ", ".join(f"« {name} »" for name in titles if name.strip())
        raise CommandRejected(
            "unknown_column", f"Le tableau n'a pas de colonne « {title} ». Ses titres : {named or 'aucun'}."
        )
    if len(found) > 1:
        raise CommandRejected(
            "several_columns",
            f"Le tableau a {len(found)} colonnes « {title} » : donnez-leur des titres différents.",
        )
    return found[0]


def _find_columns(title: str, titles: Sequence[str]) -> list[int]:
    """Return the columns with this title: exact, else ignoring case and accents, else by its last line."""
    wanted = fold(title)
    matchers: tuple[Callable[[str], bool], ...] = (
        lambda name: name.strip() == title,
        lambda name: fold(name) == wanted,
        lambda name: fold(name.rpartition(" / ")[2]) == wanted,
    )
    for matches in matchers:
        found = [index for index, name in enumerate(titles) if name.strip() and matches(name)]
        if found:
            return found
    return []


EXIT_REJECTED = 2


class Command(BaseCommand):
    """Exit status: 0 if the file was parsed (and, with --apply, applied), 2 if it was rejected.

    Status 0 also if there is nothing to apply because all schools already have what the file states.
    """

    help = "Lit un tableau d'écoles, montre le verdict de chaque ligne et, avec --apply, applique ce qu'il dit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="xlsx, xlsm, xlsb, xls, ods, fods, csv ou tsv")
        parser.add_argument("--collectivity", required=True, metavar="SLUG")
        parser.add_argument(
            "--purpose", choices=Purpose.values, default=Purpose.ALLOCATION.value, help="ce que le tableau change"
        )
        parser.add_argument("--pool", type=int, metavar="ID", help="le lot d'une attribution")
        parser.add_argument("--quantity", type=int, metavar="N", help="un même nombre de licences pour toutes")
        parser.add_argument("--quantity-column", metavar="NAME", help="la colonne qui donne le nombre de licences")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            dest="columns",
            metavar="MEANING=TITLE",
            help="la colonne d'une information, par son titre, ou aucune (MEANING=) ; autant de fois qu'il en faut. "
            f"MEANING : {', '.join(CHOSEN_MEANINGS)}",
        )
        parser.add_argument("--sheet", metavar="NAME", help="la feuille à lire")
        parser.add_argument(
            "--answer",
            action="append",
            default=[],
            dest="answers",
            metavar="QUESTION=RÉPONSE",
            help="la réponse à une question sur le tableau, par leurs codes ; où plusieurs options se prennent : "
            "PRISES/LAISSÉES, séparées de virgules ; autant de fois qu'il y a de questions",
        )
        parser.add_argument(
            "--apply",
            action="store_true",
            help="applique toutes les lignes applicables, y compris celles que les pages signalent et décochent, sauf "
            "celles que le fichier écarte (barrées, masquées, refusées)",
        )
        parser.add_argument(
            "--ticked-only", action="store_true", help="avec --apply : s'en tenir aux lignes que les pages cochent"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="répond par un seul objet JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Parse, check, and apply with --apply."""
        as_json = options["as_json"]
        try:
            collectivity, file = _validate_options(options)
            with file, tenant_context(collectivity):
                _check_pool(options)
                spreadsheet_import = self._read(file, options)
                is_refused = spreadsheet_import.state == ImportState.REJECTED
                payload = build_report(spreadsheet_import)
                if options["apply"] and not is_refused:
                    refusal = self._apply(spreadsheet_import, ticked_only=options["ticked_only"])
                    payload = build_report(spreadsheet_import) | refusal
                    is_refused = spreadsheet_import.state != ImportState.APPLIED and not _is_already_applied(payload)
        except CommandRejected as refusal:
            if not as_json:
                raise CommandError(refusal.sentence, returncode=EXIT_REJECTED) from refusal
            payload, is_refused = build_rejected_report(refusal.code, refusal.sentence), True
        if as_json:
            self.stdout.write(json.dumps(payload, ensure_ascii=False))
        else:
            self._print(payload)
        if is_refused:
            sys.exit(EXIT_REJECTED)

    def _read(self, file: BinaryIO, options: dict[str, Any]) -> SpreadsheetImport:
        """Upload and parse in this process: the queued job then has nothing to do."""
        spreadsheet_import = upload.store_upload(
            purpose=Purpose(options["purpose"]),
            pool_id=options["pool"] if options["purpose"] == Purpose.ALLOCATION else None,
            filename=options["file"].name,
            content=file,
            units_for_all=options["quantity"],
            choices=LayoutChoices(
                sheets=[options["sheet"]] if options["sheet"] else None, answers=_parse_answers(options["answers"])
            ),
            by=None,
            at=timezone.now(),
        )
        tasks.read(import_id=spreadsheet_import.pk)
        spreadsheet_import.refresh_from_db()
        titles = parse_columns(options)
        if titles and spreadsheet_import.state in (ImportState.READ, ImportState.CHECKED):
            choose_columns(spreadsheet_import, titles)
            tasks.read(import_id=spreadsheet_import.pk)
            spreadsheet_import.refresh_from_db()
        return spreadsheet_import

    def _apply(self, spreadsheet_import: SpreadsheetImport, *, ticked_only: bool) -> dict[str, str]:
        """Apply the valid rows; return the reason for the report if nothing was applied, else {}."""
        now = timezone.now()
        refusal = {}
        try:
            if not ticked_only:
                # Nobody was asked: a second key is never given in silence.
                row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=True, except_codes=[DECLINED, OTHER_POOL])
            # `--apply` counts as confirmation.
            confirmation_guard = build_guard(spreadsheet_import)
            apply_rows.confirm(
                import_id=spreadsheet_import.pk,
                digest=queries.compute_digest(spreadsheet_import),
                send_on=None,
                only_valid=True,
                confirmed_count=confirmation_guard.number if confirmation_guard else None,
                by=None,
                at=now,
            )
            tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=now.isoformat())
        except DomainError as why:
            refusal = {"refusal": why.sentence, "code": why.code}
        spreadsheet_import.refresh_from_db()
        return refusal

    def _print(self, payload: dict[str, Any]) -> None:
        if payload["state"] == ImportState.REJECTED:
            self.stdout.write(f"Refusé : {payload['refusal']}")
            return
        where = " et ".join(f"« {name} »" for name in payload["sheets"] if name)
        sheets = f"feuille{'s' if len(payload['sheets']) > 1 else ''} {where}, " if where else ""
        titles = f"titres en ligne {payload['header_row']}" if payload["header_row"] else "sans ligne de titres"
        self.stdout.write(f"{sheets}{titles} ; {formatting.pluralize(payload['rows'], 'ligne')}.")
        for verdict in Verdict:
            if payload["verdicts"][verdict]:
                self.stdout.write(f"  {verdict.label} : {formatting.number(payload['verdicts'][verdict])}")
        several = len(payload["sheets"]) > 1
        for problem in payload["problems"]:
            place = f"ligne {problem['row']}" if problem["row"] else "tableau"
            sheet = f"feuille « {problem['sheet']} », " if several and problem["row"] else ""
            self.stdout.write(f"  {sheet}{place} : {problem['message']}")
        for question in payload["questions"]:
            for line in describe_options(LayoutQuestion.from_json(question)):
                self.stdout.write(f"    {line}")
        if payload["state"] == ImportState.APPLIED:
            done = ", ".join(
                formatting.pluralize(payload[what], word)
                for what, word in (("applied", "ligne"), ("licences", "licence"), ("messages", "e-mail"))
                if payload[what] or what == "applied"
            )
            self.stdout.write(f"Appliqué : {done}.")
        elif payload["refusal"]:
            self.stdout.write(f"Rien n'a été appliqué. {payload['refusal']}")


def describe_options(question: LayoutQuestion) -> list[str]:
    """Return the lines that tell how to answer a question, and what is likely."""
    if question.multiple:
        taken = f"--answer {question.code}={question.join_options(question.taken)}"
        likely = ", comme il est probable" if question.likely else ""
        lines = [f"  {option.value} : {option.label}" for option in question.options]
        return [f"{taken} : avant « / » ce qui est pris, après ce qui est laissé{likely}", *lines]
    return [
        f"--answer {question.code}={option.value} : {option.label}"
        + (" (probable)" if option.value == question.likely else "")
        for option in question.options
    ]


def _validate_options(options: dict[str, Any]) -> tuple[Collectivity, BinaryIO]:
    """Return the collectivity and the opened file. Raises `CommandRejected` for invalid options."""
    columns = parse_columns(options)
    slug, quantity, file = options["collectivity"], options["quantity"], options["file"]
    if quantity is not None and Meaning.UNITS in columns:
        raise CommandRejected(
            "conflicting_quantities",
            "Donnez un même nombre (--quantity) ou une colonne (--quantity-column), pas les deux.",
        )
    if quantity is not None and quantity < 1:
        raise CommandRejected("invalid_quantity", "--quantity est un nombre entier, au moins 1.")
    collectivity = Collectivity.objects.filter(slug=slug).first()
    if collectivity is None:
        raise CommandRejected("unknown_collectivity", f"Aucune collectivité n'a l'adresse « {slug} ».")
    try:
        if file.stat().st_size > limits.MAX_BYTES:
            raise CommandRejected(
                "file_too_large", "Ce fichier dépasse 20 Mo : gardez les colonnes utiles, ou partagez-le en deux."
            )
        return collectivity, file.open("rb")
    except OSError as error:
        raise CommandRejected(
            "file_not_found", f"Le fichier « {file} » n'a pas pu être ouvert : {error.strerror}."
        ) from error


def _parse_answers(answers: Sequence[str]) -> dict[str, str]:
    """Return the answers by code of the question. Raises `CommandRejected` where one has no « = »."""
    for answer in answers:
        if "=" not in answer:
            raise CommandRejected("invalid_answer", f"« --answer {answer} » s'écrit QUESTION=RÉPONSE, par leurs codes.")
    return dict(answer.split("=", 1) for answer in answers)


def _is_already_applied(payload: dict[str, Any]) -> bool:
    """Return whether nothing was applied because every school already has what the file states."""
    verdicts = payload["verdicts"]
    settled = verdicts[Verdict.UNCHANGED] + verdicts[Verdict.IGNORED]
    return bool(payload["code"] == NothingToApply.code and verdicts[Verdict.UNCHANGED] and settled == payload["rows"])


def _check_pool(options: dict[str, Any]) -> None:
    if options["purpose"] == Purpose.PORTFOLIO:
        if options["pool"] is not None or options["quantity"] is not None or Meaning.UNITS in parse_columns(options):
            raise CommandRejected(
                "not_an_allocation",
                "--pool, --quantity et --quantity-column ne valent que pour une attribution : le périmètre n'en a pas.",
            )
    elif options["pool"] is None:
        raise CommandRejected("pool_missing", "Indiquez le lot de l'attribution : --pool ID.")
    elif not Pool.objects.filter(pk=options["pool"]).exists():
        raise CommandRejected("unknown_pool", f"Cette collectivité n'a pas de lot n° {options['pool']}.")

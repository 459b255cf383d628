"""`manage.py sync_directory FILE`: synchronise the schools with a file of the national directory, or with a URL."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from schools.directory.models import SyncOutcome
from schools.directory.operations import SchoolChange, SyncReport, TooManyClosures, synchronise
from schools.directory.updates import UpdateResult, update_from_url
from schools.exceptions import DirectoryRefused

# Maximum number of lines printed per section; --json has all.
_MAX_LINES = 20


class Command(BaseCommand):
    help = "Met les établissements à jour d'après un fichier de l'annuaire de l'éducation (CSV, compressé ou non)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file and the options."""
        parser.add_argument(
            "source", metavar="FICHIER_OU_ADRESSE", help="le fichier de l'annuaire, .csv ou .csv.gz, ou son adresse"
        )
        parser.add_argument(
            "--full", action="store_true", help="le fichier est complet : fermer les établissements qui n'y sont pas"
        )
        parser.add_argument(
            "--accept-closures", action="store_true", help="fermer même plus de 2 %% des établissements"
        )
        parser.add_argument("--json", action="store_true", help="rendre compte en JSON, sans rien abréger")

    def handle(self, *, source: str, full: bool, accept_closures: bool, **options: Any) -> None:
        """Synchronise and print a report; a refusal changes nothing and exits with status 2."""
        as_json, at = options["json"], timezone.now()
        try:
            if "://" in source:
                result = update_from_url(url=source, full=full, accept_closures=accept_closures, by=None, at=at)
            else:
                report = synchronise(path=Path(source), full=full, accept_closures=accept_closures, by=None, at=at)
                result = UpdateResult(SyncOutcome.APPLIED, report=report)
        except TooManyClosures as refusal:
            hint = "Rien n'a été changé. Si ces fermetures sont voulues, relancez avec --accept-closures."
            self._refuse(refusal.code, f"{refusal} {hint}", as_json=as_json)
        except DirectoryRefused as refusal:
            self._refuse(refusal.code, str(refusal), as_json=as_json)
        if result.outcome == SyncOutcome.UNCHANGED:
            self._write_unchanged(result, as_json=as_json)
        elif result.report is None:
            self._refuse(result.outcome.value, result.reason, as_json=as_json)
        elif as_json:
            self._write_json({"ok": True, "counts": result.report.counts(), **dataclasses.asdict(result.report)})
        else:
            self._write_text(result.report)

    def _refuse(self, code: str, detail: str, *, as_json: bool) -> NoReturn:
        if as_json:
            self._write_json({"ok": False, "code": code, "detail": detail})
        raise CommandError(detail, returncode=2)

    def _write_unchanged(self, result: UpdateResult, *, as_json: bool) -> None:
        if as_json:
            self._write_json({"ok": True, "unchanged": True, "detail": result.reason})
        else:
            self.stdout.write(f"Le fichier n'a pas changé depuis la dernière fois. {result.reason}".strip())

    def _write_json(self, content: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(content, ensure_ascii=False))

    def _write_text(self, report: SyncReport) -> None:
        counts = report.counts()
        self.stdout.write(
            f"{report.file_name} : {counts['rows']} lignes lues, {counts['added']} établissements ajoutés, "
            f"{counts['changed']} modifiés, {counts['closed']} fermés, {counts['reopened']} rouverts, "
            f"{counts['unchanged']} inchangés, {counts['refused']} lignes refusées."
        )
        if report.merged:
            self.stdout.write(f"{report.merged} lignes d'un même UAI ont été réunies.")
        self._write_section("Fermés", [f"{school.uai} {school.name}" for school in report.closed])
        self._write_section("Rouverts", [f"{school.uai} {school.name}" for school in report.reopened])
        self._write_section("Modifiés", [_format_change(school) for school in report.changed])
        self._write_section("Lignes refusées", [f"ligne {row.line} : {row.reason}" for row in report.refused])

    def _write_section(self, title: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        self.stdout.write(f"{title} :")
        for line in lines[:_MAX_LINES]:
            self.stdout.write(f"  {line}")
        if len(lines) > _MAX_LINES:
            self.stdout.write(f"  … et {len(lines) - _MAX_LINES} de plus (--json les donne tous).")


def _format_change(school: SchoolChange) -> str:
    return f"{school.uai} {school.name} ({', '.join(school.fields)})"

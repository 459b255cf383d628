"""`manage.py sync_directory FILE`: synchronise the schools with a file of the national directory."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from schools.directory.operations import SchoolChange, SyncReport, synchronise
from schools.exceptions import DirectoryRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import CommandParser

# Maximum number of lines printed per section; --json has all.
_MAX_LINES = 20


class Command(BaseCommand):
    help = "Met les établissements à jour d'après un fichier de l'annuaire de l'éducation (CSV, compressé ou non)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file and the options."""
        parser.add_argument("file", type=Path, metavar="FICHIER", help="le fichier de l'annuaire, .csv ou .csv.gz")
        parser.add_argument(
            "--full", action="store_true", help="le fichier est complet : fermer les établissements qui n'y sont pas"
        )
        parser.add_argument(
            "--accept-closures", action="store_true", help="fermer même plus de 2 %% des établissements"
        )
        parser.add_argument("--json", action="store_true", help="rendre compte en JSON, sans rien abréger")

    def handle(self, *, file: Path, full: bool, accept_closures: bool, **options: Any) -> None:
        """Synchronise and print a report; a refusal changes nothing and exits with status 2."""
        try:
            report = synchronise(path=file, full=full, accept_closures=accept_closures, by=None, at=timezone.now())
        except DirectoryRefused as refusal:
            if options["json"]:
                self._write_json({"ok": False, "code": refusal.code, "detail": str(refusal)})
            raise CommandError(str(refusal), returncode=2) from refusal
        if options["json"]:
            self._write_json({"ok": True, "counts": report.counts(), **dataclasses.asdict(report)})
        else:
            self._write_text(report)

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

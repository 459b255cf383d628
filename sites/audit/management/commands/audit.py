"""`manage.py audit`: check all invariants in all collectivities; exit status 1 where one is broken."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from sites.audit.checks import check_all

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    help = "Vérifie toutes les règles qui doivent tenir à tout moment, sur toutes les collectivités."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="répond en JSON, pour un programme")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = check_all()
        sound = not any(finding.broken for finding in findings)
        if options["json"]:
            report = {"sound": sound, "invariants": [asdict(finding) for finding in findings]}
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            for finding in findings:
                self.stdout.write(f"{'ROMPUE' if finding.broken else 'OK    '}  {finding.rule}")
                for example in finding.examples:
                    self.stdout.write(f"          {example}")
                if finding.broken > len(finding.examples):
                    self.stdout.write(f"          et {finding.broken - len(finding.examples)} de plus")
        if not sound:
            sys.exit(1)

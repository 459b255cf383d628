"""`manage.py audit`: check all invariants in all collectivities; exit status 1 where one is broken.

With `--against`, the chains of seals as well against what was signed on a day and kept elsewhere.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sites.audit.checks import check_against, check_all
from tenants.checkpoints import CheckpointRefused, SignedCheckpoint, read_signed


class Command(BaseCommand):
    help = "Vérifie toutes les règles qui doivent tenir à tout moment, sur toutes les collectivités."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--against",
            action="append",
            default=[],
            type=Path,
            metavar="FICHIER",
            help="compare les sceaux à un relevé des sceaux, gardé hors de la base ; à répéter pour plusieurs",
        )
        parser.add_argument("--json", action="store_true", help="répond en JSON, pour un programme")

    def handle(self, *args: Any, **options: Any) -> None:
        checkpoints = [(path.name, self._read(path)) for path in options["against"]]
        findings = check_all()
        findings += [check_against(name, checkpoint) for name, checkpoint in checkpoints]
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

    def _read(self, path: Path) -> SignedCheckpoint:
        """Read a signed checkpoint. Raises `CommandError`."""
        try:
            return read_signed(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError, CheckpointRefused) as error:
            raise CommandError(f"{path} : {error}") from error

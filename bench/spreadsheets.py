"""Realistic lists: how many layouts are detected, how many rows match their school, how many a wrong one."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from bench.damaged import synthetic_directory
from bench.damaged.directory import ListedSchool as Listed
from bench.damaged.directory import SchoolDirectory
from bench.damaged.expectations import ExpectedMatch, FilePurpose
from bench.damaged.files import damaged_files
from bench.damaged.scoring import Score, score_file, sum_scores
from bench.registry import measure
from bench.scratch_database import SHARED
from collectivities.models import PortfolioSchool
from collectivities.operations.offices import open_office
from licensing.orders.operations import grant
from schools.directory.operations import synchronise
from schools.models import School, SchoolState
from tenants.models import Collectivity, CollectivityKind

if TYPE_CHECKING:
    from bench.damaged.expectations import DamagedFile

#: Rows of an ordinary file; the longest has fifty times more.
SIZE = 180
#: Schools of the synthetic directory, used without the real extract.
INVENTED = 4_000
#: Shares of rows with a UAI, of rows with name and commune, and of wrong automatic matches.
CODED, NAMED, WRONG = 0.99, 0.90, 0.001


@dataclass(frozen=True)
class ReadingMeasure:
    """The score of the whole set, and each file's."""

    scores: list[Score]
    directory: str

    def figures(self) -> dict[str, Any]:
        """Return everything, for a program."""
        total = sum_scores(self.scores)
        return {
            "name": "read_spreadsheets", "directory": self.directory, "total": total.figures(),
            "coded_share": round(total.share(ExpectedMatch.CODED), 5),
            "named_share": round(total.share(ExpectedMatch.NAMED), 5),
            "wrong_share": round(total.wrong_share, 6), "files": [each.figures() for each in self.scores],
            "mismatches": [fault._asdict() for fault in total.mismatches],
        }  # fmt: skip

    def line(self) -> str:
        """Return one line per file, and the total."""
        total = sum_scores(self.scores)
        shares = (
            f"coded={total.share(ExpectedMatch.CODED):.3%}  named={total.share(ExpectedMatch.NAMED):.3%}  "
            f"wrong={total.wrong_share:.4%} of the automatic"
        )
        head = f"name=read_spreadsheets  directory={self.directory}  {shares}"
        return "\n".join([head, *(each.line() for each in (*self.scores, total))])

    def failures(self) -> list[str]:
        """Return the missed targets."""
        return list_failures(sum_scores(self.scores))


def list_failures(total: Score) -> list[str]:
    """Return the missed targets of the total score."""
    return [
        message
        for failed, message in (
            (total.layouts < total.files, f"{total.files - total.layouts} tables were not found unaided"),
            (
                total.share(ExpectedMatch.CODED) <= CODED,
                f"{total.share(ExpectedMatch.CODED):.2%} of the rows with a UAI",
            ),
            (
                total.share(ExpectedMatch.NAMED) <= NAMED,
                f"{total.share(ExpectedMatch.NAMED):.2%} of those with name and commune",
            ),
            (total.wrong_share > WRONG, f"{total.wrong} wrong matches in {total.automatic}"),
        )
        if failed
    ]


def load_schools() -> SchoolDirectory:
    """Return the schools in the database."""
    fields = ("uai", "name", "address", "postal_code", "commune", "commune_code", "departement_code")
    return SchoolDirectory(
        Listed(*values) for values in School.objects.exclude(state=SchoolState.CLOSED).values_list(*fields)
    )


def run_import_command(file: DamagedFile, *, collectivity: Collectivity, pool_id: int, folder: Path) -> dict[str, Any]:
    """Return the command's JSON for a file; the transaction is rolled back."""
    path = folder / file.filename
    path.write_bytes(file.content)
    options = [f"--collectivity={collectivity.slug}", f"--purpose={file.purpose}", "--json"]
    if file.purpose is FilePurpose.ALLOCATION:
        options.append(f"--pool={pool_id}")
    if file.quantity_for_all is not None:
        options.append(f"--quantity={file.quantity_for_all}")
    if file.quantity_column is not None:
        options.append(f"--quantity-column={file.quantity_column}")
    out = io.StringIO()
    now = timezone.now()
    with transaction.atomic(), tenant_context(collectivity):
        PortfolioSchool.objects.bulk_create(
            PortfolioSchool(school_id=uai, added_at=now) for uai in sorted(file.portfolio)
        )
        # On a refusal it exits; the output says why.
        with contextlib.suppress(SystemExit):
            call_command("import_spreadsheet", str(path), *options, stdout=out)
        transaction.set_rollback(True)
    return json.loads(out.getvalue())


@measure("read_spreadsheets")
def read_spreadsheets() -> ReadingMeasure:
    """The scored set: more than 99 % of coded rows, 90 % of named ones; at most 1 wrong match in 1,000."""
    now = timezone.now()
    real = SHARED / "directory" / "composite_national.csv.gz" if SHARED else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if real is None or not real.is_file():
            real = None
            path = synthetic_directory.write_directory(
                folder / "annuaire.csv", synthetic_directory.generate_schools(INVENTED)
            )
        synchronise(path=real or path, by=None, at=now)
        collectivity = open_office(
            name="Mesure", kind=CollectivityKind.REGION, siren="213001894", slug="mesure", key_prefix="MESURE",
            manager_email="mesure@exemple.example", by=None, at=now,
        )  # fmt: skip
        with tenant_context(collectivity):
            pool = grant(collectivity=collectivity, licences=1_000_000, reason="Mesure", by=None, at=now)
        scores = [
            score_file(file, run_import_command(file, collectivity=collectivity, pool_id=pool.pk, folder=folder))
            for file in damaged_files(load_schools(), size=SIZE)
        ]
    return ReadingMeasure(scores, "real" if real else "invented")

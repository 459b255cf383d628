"""Realistic lists: layouts detected, rows that match their school or a wrong one, numbers misread without a word."""

import contextlib
import functools
import io
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from bench.damaged import synthetic_directory
from bench.damaged.directory import ListedSchool as Listed
from bench.damaged.directory import SchoolDirectory
from bench.damaged.expectations import DamagedFile, ExpectedMatch, FilePurpose
from bench.damaged.files import damaged_files
from bench.damaged.flagged_rows import ConfidenceScore
from bench.damaged.scoring import Score, score_file, sum_scores
from bench.drawn_up.combined_lists import combined_lists
from bench.drawn_up.expectations import DrawnUpList
from bench.drawn_up.lists import drawn_up_lists, shared_lists
from bench.drawn_up.scoring import ListOutcome, Result, judge_list, list_misreadings
from bench.registry import measure
from bench.scratch_database import SHARED
from collectivities.models import PortfolioSchool
from collectivities.operations.offices import open_office
from imports.layout import Layout
from imports.models import ImportRow, SpreadsheetImport
from licensing.orders.operations import grant
from schools.directory.operations import synchronise
from schools.models import School, SchoolState
from tenants.models import Collectivity, CollectivityKind

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
    outcomes: list[ListOutcome]
    directory: str

    @property
    def confidence(self) -> ConfidenceScore:
        """Return the matches by decile of confidence, over all lists."""
        total = ConfidenceScore()
        for confidence in [each.confidence for each in self.scores] + [each.confidence for each in self.outcomes]:
            total.update(confidence)
        return total

    @property
    def silent(self) -> int:
        """Return the number of rows and schools misread without a word, over all lists."""
        return sum_scores(self.scores).silent + sum(len(outcome.silent) for outcome in self.outcomes)

    def figures(self) -> dict[str, Any]:
        """Return everything, for a program."""
        total = sum_scores(self.scores)
        return {
            "name": "read_spreadsheets", "directory": self.directory, "total": total.figures(),
            "coded_share": round(total.share(ExpectedMatch.CODED), 5),
            "named_share": round(total.share(ExpectedMatch.NAMED), 5),
            "wrong_share": round(total.wrong_share, 6), "files": [each.figures() for each in self.scores],
            "mismatches": [fault._asdict() for fault in total.mismatches],
            "lists": len(self.scores) + len(self.outcomes), "silent_misreadings": self.silent,
            "confidence": self.confidence.figures(), "drawn_up": [outcome.figures() for outcome in self.outcomes],
        }  # fmt: skip

    def line(self) -> str:
        """Return one line per file, and the total."""
        total = sum_scores(self.scores)
        shares = (
            f"coded={total.share(ExpectedMatch.CODED):.3%}  named={total.share(ExpectedMatch.NAMED):.3%}  "
            f"wrong={total.wrong_share:.4%} of the automatic"
        )
        head = f"name=read_spreadsheets  directory={self.directory}  {shares}"
        results = Counter(outcome.result for outcome in self.outcomes)
        asked = sum(not outcome.fulfilled and outcome.result is Result.QUESTION for outcome in self.outcomes)
        drawn_up = (
            f"drawn up: {len(self.outcomes)} lists  {'  '.join(f'{result}={results[result]}' for result in Result)}  "
            f"asked though readable={asked}"
        )
        silent = f"silent misreadings={self.silent} in {len(self.scores) + len(self.outcomes)} lists"
        lines = [each.line() for each in (*self.scores, total)] + [each.line() for each in self.outcomes]
        return "\n".join([head, *lines, drawn_up, silent, self.confidence.line()])

    def failures(self) -> list[str]:
        """Return the missed targets."""
        total = sum_scores(self.scores)
        silent = [f"{total.silent} rows of damaged lists misread without a word"] if total.silent else []
        return [*list_failures(total), *silent, *list_misreadings(self.outcomes), *self.confidence.failures()]


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


def run_import_command(
    file: DamagedFile | DrawnUpList,
    answers: Mapping[str, str] | None = None,
    *,
    collectivity: Collectivity,
    pool_id: int,
    folder: Path,
) -> dict[str, Any]:
    """Return the command's JSON for a file, with the unticked rows; the transaction is rolled back.

    `answers`: by code of the question.
    """
    path = folder / file.filename
    path.write_bytes(file.content)
    options = [f"--collectivity={collectivity.slug}", f"--purpose={file.purpose}", "--json"]
    options += [f"--answer={code}={answer}" for code, answer in (answers or {}).items()]
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
        output: dict[str, Any] = json.loads(out.getvalue())
        stored = SpreadsheetImport.objects.filter(pk=output["import"]).first()
        layout = stored.layout if stored is not None else Layout()
        unticked = ImportRow.objects.filter(import_id=output["import"], ticked=False).values_list("sheet", "number")
        output["unticked"] = [(layout.sheets[sheet], number) for sheet, number in unticked]
        transaction.set_rollback(True)
    return output


@measure("read_spreadsheets")
def read_spreadsheets() -> ReadingMeasure:
    """The scored set: 99 % of coded rows, 90 % of named ones; 1 wrong match in 1,000; nothing misread in silence."""
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
        known = load_schools()
        run = functools.partial(run_import_command, collectivity=collectivity, pool_id=pool.pk, folder=folder)
        scores = [score_file(file, run(file)) for file in damaged_files(known, size=SIZE)]
        folders = sorted((SHARED / "spreadsheets").glob("nasty*")) if real and SHARED else []
        shared = [each for nasty in folders for each in shared_lists(nasty)]
        lists = [*drawn_up_lists(known), *combined_lists(known), *shared]
        outcomes = [judge_list(each, functools.partial(run, each)) for each in lists]
    return ReadingMeasure(scores, outcomes, "real" if real else "invented")

"""The national directory: loading it, and searching it, at 70,018 schools."""

import datetime
import functools
import operator
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tablib
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from import_export import resources

from bench import synthetic_directory
from bench.measure import Contender, Measure, medians_in_turn, peak_of_code, peak_of_command, percentile, time_in_turn
from bench.query_plans import QueryPlans
from bench.registry import measure
from bench.scratch_database import SHARED
from core.connections import connected_as
from schools.directory import merge
from schools.directory.merge import FIELDS
from schools.directory.operations import synchronise
from schools.directory.reading import DirectoryFile
from schools.models import School
from schools.queries import search

QUERIES = [
    "école", "jean", "st", "saint", "30000", "jaurse", "École Zola", "notre dame", "elementaire prevert nimes",
    "0940176f", "940176F", "le", "75", "l'haÿ les roses", "maternelle publique", "collège jean moulin", "xyzzyq",
    "ecoel jules ferry", "hugo", "st exupery", "paris", "primaire publique les", "macé", "prevrt",
]  # fmt: skip

#: Indexes scanned in order until twenty rows match: frequent words are found early.
ORDERED_INDEXES = frozenset({"school_order"})

_COLUMNS = ["uai", *FIELDS, "state", "changed_at"]


def _file(folder: str) -> Path:
    real = SHARED / "directory" / "composite_national.csv.gz" if SHARED else None
    return real if real is not None and real.is_file() else synthetic_directory.write(Path(folder) / "annuaire.csv.gz")


def _empty() -> None:
    # Tables that refer to schools are emptied with them, and triggers keep placed orders from everybody else.
    with connected_as(settings.DATABASE_ADMINISTRATOR), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "TRUNCATE public.schools_school, public.schools_directoryword, public.schools_directorysync CASCADE"
        )


@transaction.atomic
def _parsed(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows exactly as the synchronisation writes them."""
    merge.copy_rows(DirectoryFile(path))
    merge.merge_duplicates()
    values = ", ".join(
        name if name in ("has_nursery", "has_elementary", "latitude", "longitude") else f"coalesce({name}, '')"
        for name in FIELDS
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT uai, {values}, coalesce(state, 'open') FROM directory_rows ORDER BY line")  # noqa: S608
        now = timezone.now()
        return [(*row, now) for row in cursor.fetchall()]


@transaction.atomic
def _copy(rows: list[tuple[Any, ...]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY schools_school ({', '.join(_COLUMNS)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


class _SchoolResource(resources.ModelResource):
    """Schools as django-import-export takes them, in bulk."""

    class Meta:
        model = School
        fields = _COLUMNS
        import_id_fields = ("uai",)
        use_bulk = True
        batch_size = 1000
        skip_diff = True
        report_skipped = False
        clean_model_instances = False


@measure("sync_directory")
def sync_directory() -> Measure:
    """Load the directory for the first time, from file to commit; at most 3 times the floor and 300 MB."""
    with tempfile.TemporaryDirectory() as folder:
        path = _file(folder)
        rows = _parsed(path)
        dataset = tablib.Dataset(*rows, headers=_COLUMNS)
        times = medians_in_turn(
            {
                "ours": Contender(lambda: synchronise(path=path, by=None, at=timezone.now()), before=_empty),
                "floor": Contender(lambda: _copy(rows), before=_empty),
                "peer": Contender(
                    lambda: _SchoolResource().import_data(dataset, raise_errors=True, use_transactions=True),
                    before=_empty,
                ),
            },
            rounds=3,
        )
        _empty()
        peak = peak_of_command("sync_directory", str(path))
    return Measure(
        name="sync_directory",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=times["peer"],
        peak_mb=peak,
        floor="COPY of the same parsed rows into the same table, with its indexes",
        peer="django-import-export, in bulk, of the same parsed rows",
    )


@measure("directory_search")
def directory_search() -> Measure:
    """95th percentile of the first twenty results over a list of queries; 20 ms at most, no sequential scan."""
    with tempfile.TemporaryDirectory() as folder:
        synchronise(path=_file(folder), by=None, at=datetime.datetime.now(tz=datetime.UTC))
    codes = list(School.objects.order_by("uai").values_list("uai", flat=True)[:: 70_018 // 20][:20])
    times: dict[str, list[float]] = {"ours": [], "floor": [], "peer": []}
    for query in QUERIES:
        contenders: dict[str, Callable[[], object]] = {
            "ours": lambda query=query: list(search(query)[:20]),
            "floor": lambda: list(School.objects.filter(pk__in=codes)),
            "peer": lambda query=query: list(_as_usual(query)),
        }
        turns = time_in_turn({name: Contender(run) for name, run in contenders.items()}, rounds=7)
        for name, each in turns.items():
            # The median per query, which is robust against bursts of other work.
            times[name].append(statistics.median(each))
    plans = QueryPlans(walked=ORDERED_INDEXES)
    with plans.watch():
        for query in QUERIES:
            list(search(query)[:20])
    peak = peak_of_code(
        "from schools.queries import search\n" + "\n".join(f"list(search({query!r})[:20])" for query in QUERIES)
    )
    return Measure(
        name="directory_search",
        ours_s=percentile(times["ours"], 0.95),
        floor_s=percentile(times["floor"], 0.95),
        peer_s=percentile(times["peer"], 0.95),
        peak_mb=peak,
        floor="twenty schools by primary key; 95th percentile, as the others",
        peer="icontains of each word in name, commune, postal code and UAI, ordered by name, as an admin's search does",
        plans=tuple(plans.texts()),
        full_scans=tuple(plans.full_scans()),
    )


def _as_usual(query: str) -> Iterator[School]:
    fields = ("name", "commune", "postal_code", "uai")
    conditions = [
        functools.reduce(operator.or_, (Q(**{f"{field}__icontains": word}) for field in fields))
        for word in query.split()
    ]
    return iter(School.objects.filter(*conditions).order_by("name")[:20])

"""What the pages and the command ask of imports, without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Case, Count, F, Func, IntegerField, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Cast

from imports.enums import APPLICABLE, ImportState, Settlement, Verdict
from imports.models import Import, ImportRow
from licensing.pools.models import Pool
from schools.folding import fold

if TYPE_CHECKING:
    import datetime

_DIGEST = """
SELECT encode(sha256(convert_to(coalesce(string_agg(
           concat_ws('|', sheet, number, uai, units, units_before, recipient, verdict, settlement, classes,
                     contact_name, phone, before), E'\\n' ORDER BY sheet, number), ''), 'UTF8')),
       'hex')
FROM imports_importrow WHERE import_id = %s AND ticked
"""
_BEYOND = """
SELECT sheet, number FROM (
    SELECT sheet, number, sum(CASE settlement WHEN 'revoke' THEN 0 ELSE units END - units_before)
        OVER (ORDER BY settlement = '', sheet, number) AS taken
    FROM imports_importrow WHERE import_id = %s AND ticked
) AS running WHERE taken > %s ORDER BY sheet, number LIMIT 1
"""


@dataclass(frozen=True)
class Tally:
    """What would be done if the ticked rows were applied, beside what the lot has."""

    schools: int
    units: int
    free: int
    #: The first ticked row that the lot is too small for, by its sheet and number; None where all fit.
    beyond: tuple[int, int] | None

    @property
    def missing(self) -> int:
        """Licences that the lot lacks."""
        return max(self.units - self.free, 0)

    @property
    def left(self) -> int:
        """Licences that would remain."""
        return max(self.free - self.units, 0)


def imports_list() -> QuerySet[Import]:
    """Return all imports, the latest first, each with its counts of rows."""
    return Import.objects.select_related("pool").order_by("-created_at", "-pk")


def open_pools(day: datetime.date) -> QuerySet[Pool]:
    """Return the lots that licences can still be given from."""
    return (
        Pool.objects.filter(source__last_day__gte=day, source__suspended_at__isnull=True, allocated__lt=F("capacity"))
        .select_related("source")
        .order_by("source__last_day", "pk")
    )


def counts_of(import_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return the number of rows of each verdict, by import."""
    found: dict[int, dict[str, int]] = {pk: {} for pk in import_ids}
    for row in (
        ImportRow.objects.filter(import_id__in=import_ids)
        .values("import_id", "verdict")
        .annotate(n=Count("pk"))
        .order_by()
    ):
        found[row["import_id"]][row["verdict"]] = row["n"]
    return found


def tally(table: Import) -> Tally:
    """Return what the ticked rows come to."""
    wanted = Case(When(settlement=Settlement.REVOKE, then=Value(0)), default=F("units"), output_field=IntegerField())
    taken = ImportRow.objects.filter(import_id=table.pk, ticked=True).aggregate(
        schools=Count("pk"), units=Sum(wanted - F("units_before"), default=0, output_field=IntegerField())
    )
    if table.pool_id is None:
        return Tally(schools=taken["schools"], units=0, free=0, beyond=None)
    free = Pool.objects.values_list(F("capacity") - F("allocated"), flat=True).get(pk=table.pool_id)
    beyond = None
    if taken["units"] > free:
        with connection.cursor() as cursor:
            cursor.execute(_BEYOND, [table.pk, free])
            beyond = cursor.fetchone()
    return Tally(schools=taken["schools"], units=taken["units"], free=free, beyond=beyond)


def digest(table: Import) -> str:
    """Return the digest of what would be done if the ticked rows were applied now: what a manager confirms."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGEST, [table.pk])
        value: str = cursor.fetchone()[0]
    return value


def rows(table: Import, *, verdict: str = "", text: str = "", problems_only: bool = False) -> QuerySet[ImportRow]:
    """Return the rows in the order of the file; `text` is sought in school, UAI and address, accent- and case-blind."""
    found = ImportRow.objects.filter(import_id=table.pk).order_by("sheet", "number")
    if verdict in Verdict.values:
        found = found.filter(verdict=verdict)
    if problems_only:
        found = found.exclude(problems=[])
    words = fold(text).split()
    if words:
        haystack = Func(
            Func(
                F("label"),
                Value(" "),
                F("uai"),
                Value(" "),
                F("recipient"),
                Value(" "),
                Cast("number", TextField()),
                function="concat",
            ),
            function="public.fold",
            output_field=TextField(),
        )
        found = found.annotate(haystack=haystack)
        for word in words:
            found = found.filter(haystack__contains=word)
    return found


def tickable() -> Q:
    """Return the condition under which a row may be ticked."""
    return Q(verdict__in=APPLICABLE) | (Q(verdict=Verdict.CONFLICT) & ~Q(settlement=""))


def same_file(table: Import) -> Import | None:
    """Return the latest other import of the very same file, unless it was refused or cancelled."""
    return Import.objects.standing().filter(sha256=table.sha256).exclude(pk=table.pk).order_by("-created_at").first()


def to_check() -> QuerySet[Import]:
    """Return the imports that wait for a member: read or checked, not yet applied."""
    return Import.objects.filter(state__in=[ImportState.READ, ImportState.CHECKED]).order_by("-created_at")

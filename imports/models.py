"""Spreadsheets: the file as it came, each of its rows with its verdict, and what was done with them.

Rows are COPYed once with their verdict and hold no foreign key: deferred checks are where the time of a large import
would go.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, Q, Value, When

from imports.enums import Done, How, ImportState, Purpose, Settlement, Verdict, Volume


class ImportQuerySet(models.QuerySet["Import"]):
    def locked(self) -> Self:
        """Lock the imports, and only them, until the transaction ends. Imports come before pools in every operation."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")

    def standing(self) -> Self:
        """Imports that were neither refused nor cancelled."""
        return self.exclude(state__in=[ImportState.REJECTED, ImportState.CANCELLED])


class Import(models.Model):
    """One spreadsheet, from its upload to its application. Applied at most once."""

    purpose = models.CharField("but", max_length=12, choices=Purpose, default=Purpose.ATTRIBUTION)
    # The lot that an attribution draws from; None for the remit.
    pool = models.ForeignKey(
        "pools.Pool", verbose_name="lot", on_delete=models.PROTECT, related_name="imports", null=True, blank=True
    )
    filename = models.CharField("fichier", max_length=255)
    size = models.PositiveIntegerField("taille")
    sha256 = models.CharField(max_length=64)
    state = models.CharField("état", max_length=10, choices=ImportState, default=ImportState.UPLOADED)
    # The import whose annotated workbook, corrected, this file is. Its decisions are kept for the rows that stayed.
    corrects_id = models.BigIntegerField(null=True)
    # What the member decided about the reading; what is absent is found: {"sheets", "header_row", "columns"}.
    choices = models.JSONField(default=dict)
    # What says how many licences; "" as long as it is found.
    volume = models.CharField("volume", max_length=10, choices=Volume, blank=True)
    units_for_all = models.PositiveIntegerField("licences par école", null=True, blank=True)
    # Where the table was found: {"kind", "sheets": all names, "read": [{"sheet": index, "header_row"}], "sheet" and
    # "header_row" of the first, "titles", "preview": its first rows [{"number", "cells"}], "columns": {meaning: index},
    # "volume", "shape", "remembered", "remarks", "questions", "rows": how many}; "refused": the code of a refusal.
    layout = models.JSONField(default=dict)
    # Not before this day are the e-mails sent; None: at once.
    send_on = models.DateField("envoyer les e-mails le", null=True, blank=True)
    # Why the file was refused, or why its last application was.
    refusal = models.TextField("motif du refus", blank=True)
    # What the manager was shown when confirming: an application that would do anything else is refused.
    confirmed_digest = models.CharField(max_length=64, blank=True)
    # What was done: {"allocations", "grown", "reduced", "revoked", "units", "messages", "added", "updated"}, and what
    # was undone under "undone".
    outcome = models.JSONField(default=dict)
    created_at = models.DateTimeField("déposé le")
    created_by_id = models.BigIntegerField(null=True)
    applied_at = models.DateTimeField("appliqué le", null=True, blank=True)
    applied_by_id = models.BigIntegerField(null=True)
    undone_at = models.DateTimeField("défait le", null=True, blank=True)
    undone_by_id = models.BigIntegerField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = "tableau"
        verbose_name_plural = "tableaux"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_applied_says_when",
                condition=Q(state__in=["applied", "undone"], applied_at__isnull=False)
                | (~Q(state__in=["applied", "undone"]) & Q(applied_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="import_undone_says_when",
                condition=Q(state="undone", undone_at__isnull=False) | (~Q(state="undone") & Q(undone_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="import_attribution_has_a_pool",
                condition=Q(purpose="attribution", pool__isnull=False) | Q(purpose="perimetre", pool__isnull=True),
            ),
            models.CheckConstraint(name="import_rejected_says_why", condition=~Q(state="rejected") | ~Q(refusal="")),
            models.CheckConstraint(
                name="import_applies_what_was_shown", condition=~Q(state="applying") | ~Q(confirmed_digest="")
            ),
        ]
        indexes: ClassVar = [models.Index(name="import_latest", fields=["-created_at"])]

    def __str__(self) -> str:
        return self.filename


class ImportFile(models.Model):
    """The file's bytes: in the tenant's schema, out of other hosts' reach, and apart, so that no list loads them."""

    of = models.OneToOneField(Import, primary_key=True, on_delete=models.CASCADE, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.of)


class AnnotatedFile(models.Model):
    """The workbook given back with its faulty cells marked: made by the worker, as it takes its time."""

    of = models.OneToOneField(Import, primary_key=True, on_delete=models.CASCADE, related_name="annotated")
    asked_at = models.DateTimeField()
    # None while it is being made.
    made_at = models.DateTimeField(null=True)
    # Of what the rows' faults were: another one now means that the workbook is out of date.
    digest = models.CharField(max_length=64, blank=True)
    # « .xlsx », or « .xlsm » where it has macros; and whether it was rebuilt from the values read, unformatted.
    suffix = models.CharField(max_length=5, default=".xlsx")
    rebuilt = models.BooleanField(default=False)
    # Why it could not be made.
    failure = models.TextField(blank=True)
    content = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return str(self.of)


class ImportProgress(models.Model):
    """How far the worker is. Written through a connection of its own, and so seen before the work commits."""

    import_id = models.BigIntegerField(primary_key=True)
    step = models.CharField(max_length=20)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    # A member cancelled; the worker sees it between two stages and rolls back.
    stop_requested = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.step} {self.done}/{self.total}"


class RememberedLayout(models.Model):
    """What the columns of a header meant the last time: next year's file needs one confirmation."""

    purpose = models.CharField(max_length=12, choices=Purpose)
    # A digest of the folded titles.
    shape = models.CharField(max_length=64)
    titles = models.JSONField(default=list)
    columns = models.JSONField(default=dict)
    volume = models.CharField(max_length=10, choices=Volume, blank=True)
    confirmed_at = models.DateTimeField()
    confirmed_by_id = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="layout_remembered_once", fields=["purpose", "shape"])]

    def __str__(self) -> str:
        return ", ".join(self.titles)


class ImportRow(models.Model):
    """One row of the file and what we make of it."""

    id = models.BigAutoField(primary_key=True)
    import_id = models.BigIntegerField()
    # Which of the layout's sheets, and the row as numbered there, from 1.
    sheet = models.PositiveSmallIntegerField("feuille", default=0)
    number = models.PositiveIntegerField("ligne")
    # The cells of the columns that mean something, as they came, and what the member corrected: {meaning: text}.
    cells = models.JSONField(default=dict)
    edits = models.JSONField(default=dict)
    uai = models.CharField("UAI", max_length=8, blank=True)
    how = models.CharField("trouvée", max_length=10, choices=How, blank=True)
    # From 0 to 1; None where no school was found.
    confidence = models.FloatField(null=True)
    # The schools that may be meant, at most three, the likeliest first: [{"uai", "label", "score"}].
    proposals = models.JSONField(default=list)
    # The school as the directory names it; where it is not found, as the file does.
    label = models.CharField("établissement", max_length=400, blank=True)
    # The address the row gives, and the one that will be written to (else the remit's contact, else the directory's).
    email = models.CharField(max_length=254, blank=True)
    recipient = models.CharField("adresse e-mail", max_length=254, blank=True)
    # What the school must have from the lot, and what it had when the row was checked.
    units = models.PositiveIntegerField("licences", null=True)
    units_before = models.PositiveIntegerField(default=0)
    # What the row says of the school, for the remit.
    classes = models.PositiveIntegerField("classes", null=True)
    contact_name = models.CharField("contact", max_length=150, blank=True)
    phone = models.CharField("téléphone", max_length=30, blank=True)
    # Of the remit: what stood there when the row was checked, None where the school was not in it.
    before = models.JSONField(null=True)
    verdict = models.CharField("verdict", max_length=10, choices=Verdict)
    # [{"column", "code", "message", "blocking"}], in French; and the codes alone, to filter by.
    problems = models.JSONField(default=list)
    codes = ArrayField(models.CharField(max_length=40), default=list)
    # How a member settled a conflict.
    settlement = models.CharField("règlement", max_length=10, choices=Settlement, blank=True)
    # Why it is none of the table's (a total, a note), and whether the member put it aside.
    passed_over = models.CharField(max_length=100, blank=True)
    set_aside = models.BooleanField("mise de côté", default=False)
    # Kept until the directory knows the school.
    awaited = models.BooleanField("en attente de l'annuaire", default=False)
    # In a corrected file: whether the row differs from what it was.
    altered = models.BooleanField("modifiée", default=False)
    ticked = models.BooleanField("à appliquer", default=False)
    # What applying the row does, and did where the import was applied: its rows are not touched any more from then on.
    # Computed when the row is written: setting it while applying would write sixty thousand rows a second time.
    done = models.GeneratedField(
        verbose_name="fait",
        expression=Case(
            When(ticked=False, then=Value("")),
            When(settlement=Settlement.REDUCE.value, then=Value(Done.REDUCED.value)),
            When(settlement=Settlement.REVOKE.value, then=Value(Done.REVOKED.value)),
            When(verdict=Verdict.NEW.value, units__isnull=True, then=Value(Done.ADDED.value)),
            When(verdict=Verdict.NEW.value, then=Value(Done.CREATED.value)),
            When(units__isnull=True, then=Value(Done.UPDATED.value)),
            default=Value(Done.GROWN.value),
        ),
        output_field=models.CharField(max_length=10, choices=Done, blank=True),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="import_row_once", fields=["import_id", "sheet", "number"]),
            # However often a school stands in the file, one of its rows at most is applied.
            models.UniqueConstraint(
                name="import_row_ticked_once_a_school", fields=["import_id", "uai"], condition=Q(ticked=True)
            ),
            models.CheckConstraint(
                name="import_row_ticked_can_be_applied",
                condition=Q(ticked=False)
                | (
                    (Q(verdict__in=["new", "changed"]) | (Q(verdict="conflict") & ~Q(settlement="")))
                    & ~Q(uai="")
                    # Licences are written about to somebody; the remit may know nobody yet.
                    & (Q(units__isnull=True) | ~Q(recipient=""))
                ),
            ),
        ]
        # Tabs and searches walk the rows of one import in the order of `import_row_once`: an index more for each row of
        # a large file costs more than it saves.
        indexes: ClassVar = [
            models.Index(name="import_row_awaited", fields=["uai"], condition=Q(awaited=True)),
        ]

    #: Set by a correction: whether other rows changed with this one.
    others_changed = False

    def __str__(self) -> str:
        return f"ligne {self.number}"

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the fields of the row's correction: what was corrected, else what the file says."""
        found: dict[str, str] = {"uai": "", "email": "", "units": ""} | self.cells | self.edits
        # One number for all, where there is one, stands in the place of the file's.
        return found | ({"units": str(self.units)} if self.units else {})

    @property
    def units_added(self) -> int:
        """Licences the row takes from the lot; negative where it gives some back."""
        wanted = 0 if self.settlement == Settlement.REVOKE else self.units or 0
        return wanted - self.units_before

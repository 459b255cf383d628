"""Spreadsheet imports: the original file, its rows with their verdicts, and the outcome.

Rows are written by COPY and have no foreign key: deferred constraint checks would dominate the time of a large import.
"""

from __future__ import annotations

import datetime
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.fields.json import KeyTransform

from core.models import LockableQuerySet
from imports.enums import ConflictResolution, ImportState, Purpose, RowEffect, RowMatchMethod, Verdict, Volume
from imports.layout import Layout, LayoutChoices

#: How long file and rows are kept after the last that happened to the import: a list of one spring says in the next
#: one what its schools asked for.
CONTENTS_KEPT = datetime.timedelta(days=548)
#: The annotated workbook is a copy, which is made again where somebody asks for it.
ANNOTATED_FILE_KEPT = datetime.timedelta(days=30)


class LayoutField(models.JSONField):
    """A JSON column read as the dataclass `default`, and written from one. A plain `JSONField` for migrations."""

    default: type[Layout | LayoutChoices]

    def deconstruct(self) -> Any:
        """Describe the column as a plain JSON field."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.JSONField", arguments, {**options, "default": dict}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return the dataclass; the plain value for a key of the object."""
        found = super().from_db_value(value, expression, connection)
        return found if isinstance(expression, KeyTransform) or found is None else self.default.from_json(found)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Return the JSON of the dataclass for the database."""
        if isinstance(value, self.default):
            value = value.to_json()
        return super().get_db_prep_value(value, connection, prepared)


class SpreadsheetImportQuerySet(LockableQuerySet["SpreadsheetImport"]):
    """Lock order: import, then pool."""

    def active(self) -> Self:
        """Imports that were neither rejected nor cancelled."""
        return self.exclude(state__in=[ImportState.REJECTED, ImportState.CANCELLED])


class SpreadsheetImport(models.Model):
    """One spreadsheet import, from upload to application. Applied at most once."""

    purpose = models.CharField("but", max_length=12, choices=Purpose, default=Purpose.ALLOCATION)
    # The pool of an allocation import; None for the portfolio.
    pool = models.ForeignKey(
        "pools.Pool", verbose_name="lot", on_delete=models.PROTECT, related_name="imports", null=True, blank=True
    )
    filename = models.CharField("fichier", max_length=255)
    size = models.PositiveIntegerField("taille")
    sha256 = models.CharField(max_length=64)
    state = models.CharField("état", max_length=10, choices=ImportState, default=ImportState.UPLOADED)
    # The import that this file corrects. Decisions about unchanged rows are carried over from it.
    corrects_id = models.BigIntegerField(null=True)
    choices: models.Field[LayoutChoices, LayoutChoices] = LayoutField(default=LayoutChoices)
    # Where the number of licences comes from; "" if it is to be detected.
    volume = models.CharField("volume", max_length=10, choices=Volume, blank=True)
    units_for_all = models.PositiveIntegerField("licences par école", null=True, blank=True)
    layout: models.Field[Layout, Layout] = LayoutField(default=Layout)
    # Earliest day on which the e-mails are sent; None: immediately.
    send_on = models.DateField("envoyer les e-mails le", null=True, blank=True)
    # Why the file was rejected, or why its last application failed.
    refusal = models.TextField("motif du refus", blank=True)
    # Digest of the rows shown when confirming: an application that would do anything else fails.
    confirmed_digest = models.CharField(max_length=64, blank=True)
    # Figures of the application: {"allocations", "grown", "reduced", "revoked", "units", "messages", "added",
    # "updated"}; those of undoing it under "undone".
    outcome = models.JSONField(default=dict)
    created_at = models.DateTimeField("déposé le")
    created_by_id = models.BigIntegerField(null=True)
    # When the managers were asked to apply it, and by whom; None again once it is read anew, or the request withdrawn.
    requested_at = models.DateTimeField("application demandée le", null=True, blank=True)
    requested_by_id = models.BigIntegerField(null=True)
    # What the request said: schools and licences of the ticked rows (no licences for the portfolio), and their digest.
    requested_schools = models.PositiveIntegerField(null=True)
    requested_units = models.IntegerField(null=True)
    requested_digest = models.CharField(max_length=64, blank=True)
    applied_at = models.DateTimeField("appliqué le", null=True, blank=True)
    applied_by_id = models.BigIntegerField(null=True)
    undone_at = models.DateTimeField("défait le", null=True, blank=True)
    undone_by_id = models.BigIntegerField(null=True)
    # When its file and its rows were deleted; the layout then says no cell of them.
    contents_deleted_at = models.DateTimeField("contenu supprimé le", null=True, blank=True)

    objects = SpreadsheetImportQuerySet.as_manager()

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
                name="import_allocation_has_a_pool",
                condition=Q(purpose="allocation", pool__isnull=False) | Q(purpose="portfolio", pool__isnull=True),
            ),
            models.CheckConstraint(name="import_rejected_says_why", condition=~Q(state="rejected") | ~Q(refusal="")),
            models.CheckConstraint(
                name="import_applies_what_was_shown", condition=~Q(state="applying") | ~Q(confirmed_digest="")
            ),
            models.CheckConstraint(
                name="import_without_contents_has_ended",
                condition=Q(contents_deleted_at__isnull=True)
                | Q(state__in=["applied", "undone", "rejected", "cancelled"]),
            ),
            models.CheckConstraint(
                name="import_undone_with_its_contents",
                condition=Q(contents_deleted_at__isnull=True)
                | Q(undone_at__isnull=True)
                | Q(undone_at__lte=F("contents_deleted_at")),
            ),
        ]
        indexes: ClassVar = [models.Index(name="import_latest", fields=["-created_at"])]

    def __str__(self) -> str:
        return self.filename


class ImportFile(models.Model):
    """Content of the file. A table of its own, so that lists of imports never load it."""

    of = models.OneToOneField(SpreadsheetImport, primary_key=True, on_delete=models.CASCADE, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.of)


class AnnotatedFile(models.Model):
    """The annotated workbook, built by a worker."""

    of = models.OneToOneField(SpreadsheetImport, primary_key=True, on_delete=models.CASCADE, related_name="annotated")
    asked_at = models.DateTimeField()
    # None while it is being built.
    made_at = models.DateTimeField(null=True)
    # Digest of the rows' problems: the workbook is outdated once this differs.
    digest = models.CharField(max_length=64, blank=True)
    # « .xlsm » if it has macros; `rebuilt`: made from the parsed values, without formatting.
    suffix = models.CharField(max_length=5, default=".xlsx")
    rebuilt = models.BooleanField(default=False)
    # Why it could not be built.
    failure = models.TextField(blank=True)
    content = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return str(self.of)


class ImportProgress(models.Model):
    """Progress of the worker, written through a separate connection and so visible before commit."""

    import_id = models.BigIntegerField(primary_key=True)
    step = models.CharField(max_length=20)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    # Set when a member cancels; the worker checks it between two steps and rolls back.
    stop_requested = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.step} {self.done}/{self.total}"


class RememberedLayout(models.Model):
    """What a member decided about the columns of a header row, remembered from an earlier import."""

    purpose = models.CharField(max_length=12, choices=Purpose)
    # A digest of the folded titles.
    header_digest = models.CharField(max_length=64)
    titles = models.JSONField(default=list)
    columns = models.JSONField(default=dict)
    # Answers by code of the question.
    answers = models.JSONField(default=dict)
    volume = models.CharField(max_length=10, choices=Volume, blank=True)
    confirmed_at = models.DateTimeField()
    confirmed_by_id = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="layout_remembered_once", fields=["purpose", "header_digest"])
        ]

    def __str__(self) -> str:
        return ", ".join(self.titles)


class ImportRow(models.Model):
    """A row of the file with its verdict."""

    id = models.BigAutoField(primary_key=True)
    import_id = models.BigIntegerField()
    # Index of the sheet in the layout, and row number in it, from 1.
    sheet = models.PositiveSmallIntegerField("feuille", default=0)
    number = models.PositiveIntegerField("ligne")
    # Original cells of the columns with a meaning, and corrections by the member: {meaning: text}.
    cells = models.JSONField(default=dict)
    edits = models.JSONField(default=dict)
    uai = models.CharField("UAI", max_length=8, blank=True)
    match_method = models.CharField("trouvée", max_length=10, choices=RowMatchMethod, blank=True)
    # From 0 to 1; None if no school was matched.
    confidence = models.FloatField(null=True)
    # Proposed schools, at most three, the likeliest first: [{"uai", "label", "score"}].
    proposals = models.JSONField(default=list)
    # School name from the directory, or from the file if no school was matched.
    label = models.CharField("établissement", max_length=400, blank=True)
    # Address in the row, and address of the recipient (fallbacks: portfolio contact, then directory).
    email = models.CharField(max_length=254, blank=True)
    recipient = models.CharField("adresse e-mail", max_length=254, blank=True)
    # Licences the school must have from the pool, and those it had when the row was checked.
    units = models.PositiveIntegerField("licences", null=True)
    units_before = models.PositiveIntegerField(default=0)
    # Contact data in the row, for the portfolio.
    classes = models.PositiveIntegerField("classes", null=True)
    contact_name = models.CharField("contact", max_length=150, blank=True)
    phone = models.CharField("téléphone", max_length=30, blank=True)
    # Portfolio entry when the row was checked, None if the school was not in the portfolio.
    before = models.JSONField(null=True)
    verdict = models.CharField("verdict", max_length=10, choices=Verdict)
    # [{"column", "code", "message", "blocking"}], messages in French; the codes again, for filtering.
    problems = models.JSONField(default=list)
    codes = ArrayField(models.CharField(max_length=40), default=list)
    # How a member resolved a conflict.
    conflict_resolution = models.CharField("règlement", max_length=10, choices=ConflictResolution, blank=True)
    # Why the parser ignored the row (a total, a note); whether the member set it aside.
    ignored_reason = models.CharField(max_length=100, blank=True)
    # [{"column", "code", "message", "blocking", "units"}]: what the file says about the row beyond its cells.
    notes = models.JSONField(default=list)
    set_aside = models.BooleanField("mise de côté", default=False)
    # Set aside until the directory knows the school.
    awaited = models.BooleanField("en attente de l'annuaire", default=False)
    # In a corrected file: whether the row differs from the file it corrects.
    altered = models.BooleanField("modifiée", default=False)
    ticked = models.BooleanField("à appliquer", default=False)
    # Effect of applying the row. Rows of an applied import never change, so it also tells what was done.
    # Generated when the row is written: setting it while applying would write 60,000 rows a second time.
    done = models.GeneratedField(
        verbose_name="fait",
        expression=Case(
            When(ticked=False, then=Value("")),
            When(conflict_resolution=ConflictResolution.REDUCE.value, then=Value(RowEffect.REDUCED.value)),
            When(conflict_resolution=ConflictResolution.REVOKE.value, then=Value(RowEffect.REVOKED.value)),
            When(verdict=Verdict.NEW.value, units__isnull=True, then=Value(RowEffect.ADDED.value)),
            When(verdict=Verdict.NEW.value, then=Value(RowEffect.CREATED.value)),
            When(units__isnull=True, then=Value(RowEffect.UPDATED.value)),
            default=Value(RowEffect.GROWN.value),
        ),
        output_field=models.CharField(max_length=10, choices=RowEffect, blank=True),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="import_row_once", fields=["import_id", "sheet", "number"]),
            # At most one row per school is applied.
            models.UniqueConstraint(
                name="import_row_ticked_once_a_school", fields=["import_id", "uai"], condition=Q(ticked=True)
            ),
            models.CheckConstraint(
                name="import_row_ticked_can_be_applied",
                condition=Q(ticked=False)
                | (
                    (Q(verdict__in=["new", "changed"]) | (Q(verdict="conflict") & ~Q(conflict_resolution="")))
                    & ~Q(uai="")
                    # An allocation needs a recipient; a portfolio entry may have no contact.
                    & (Q(units__isnull=True) | ~Q(recipient=""))
                ),
            ),
        ]
        # Tabs and searches scan the rows of one import in the order of `import_row_once`: another index entry per row
        # costs more than it saves.
        indexes: ClassVar = [
            models.Index(name="import_row_awaited", fields=["uai"], condition=Q(awaited=True)),
        ]

    #: Set by `amend_row`: whether other rows changed with this one.
    others_changed = False

    def __str__(self) -> str:
        return f"ligne {self.number}"

    @property
    def initial_values(self) -> dict[str, str]:
        """Initial values of the correction form: what was typed or found, else the cells of the file.

        A value sent back as it was shown is no correction.
        """
        found: dict[str, str] = {"uai": self.uai, "email": self.recipient} | self.edits
        if not self.email and self.cells.get("email"):
            # An address that cannot be used as it is: what the file says is to be corrected.
            found["email"] = self.edits.get("email", "")
        written = {name: found.get(name) or text for name, text in self.cells.items()}
        # `units_for_all`, if set, replaces the number in the file.
        return found | written | ({"units": str(self.units)} if self.units else {"units": written.get("units", "")})

    @property
    def units_added(self) -> int:
        """Licences the row takes from the pool; negative if it returns some."""
        wanted = 0 if self.conflict_resolution == ConflictResolution.REVOKE else self.units or 0
        return wanted - self.units_before

"""Spreadsheets: the file as it came, each of its rows with its verdict, and what was done with them.

Rows are COPYed once with their verdict and hold no foreign key: deferred checks are where the time of a large import
would go.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from imports.enums import ImportState, Verdict


class ImportQuerySet(models.QuerySet["Import"]):
    def locked(self) -> Self:
        """Lock the imports, and only them, until the transaction ends. Imports come before pools in every operation."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")

    def standing(self) -> Self:
        """Imports that were neither refused nor cancelled."""
        return self.exclude(state__in=[ImportState.REJECTED, ImportState.CANCELLED])


class Import(models.Model):
    """One spreadsheet, from its upload to its application. Applied at most once."""

    pool = models.ForeignKey("pools.Pool", verbose_name="lot", on_delete=models.PROTECT, related_name="imports")
    filename = models.CharField("fichier", max_length=255)
    size = models.PositiveIntegerField("taille")
    sha256 = models.CharField(max_length=64)
    state = models.CharField("état", max_length=10, choices=ImportState, default=ImportState.UPLOADED)
    # What the member decided about the reading; what is absent is found: {"sheet", "header_row", "columns"}.
    choices = models.JSONField(default=dict)
    # One number for all, where the file has no column of volumes, or in its place.
    units_for_all = models.PositiveIntegerField("licences par école", null=True, blank=True)
    # Where the table was found: {"sheets", "sheet", "header_row", "titles", "columns": {meaning: index}, "remarks",
    # "questions"}.
    layout = models.JSONField(default=dict)
    # Not before this day are the e-mails sent; None: at once.
    send_on = models.DateField("envoyer les e-mails le", null=True, blank=True)
    # Why the file was refused, or why its last application was.
    refusal = models.TextField("motif du refus", blank=True)
    # Rows done and rows to do of the step in hand, for the progress bar.
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    # What the manager was shown when confirming: an application that would do anything else is refused.
    confirmed_digest = models.CharField(max_length=64, blank=True)
    # What was done: {"allocations", "units", "messages"}.
    outcome = models.JSONField(default=dict)
    created_at = models.DateTimeField("déposé le")
    created_by_id = models.BigIntegerField(null=True)
    applied_at = models.DateTimeField("appliqué le", null=True, blank=True)
    applied_by_id = models.BigIntegerField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = "tableau"
        verbose_name_plural = "tableaux"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_applied_says_when",
                condition=Q(state="applied", applied_at__isnull=False)
                | (~Q(state="applied") & Q(applied_at__isnull=True)),
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


class ImportRow(models.Model):
    """One row of the file and what we make of it."""

    id = models.BigAutoField(primary_key=True)
    import_id = models.BigIntegerField()
    # As numbered in the file, from 1.
    number = models.PositiveIntegerField("ligne")
    # The cells of the columns that mean something, as they came, and what the member corrected: {meaning: text}.
    cells = models.JSONField(default=dict)
    edits = models.JSONField(default=dict)
    uai = models.CharField("UAI", max_length=8, blank=True)
    repaired = models.BooleanField(default=False)
    # The school as the directory names it; where it is not found, as the file does.
    label = models.CharField("établissement", max_length=400, blank=True)
    # The address the row gives, and the one that will be written to (else the remit's contact, else the directory's).
    email = models.CharField(max_length=254, blank=True)
    recipient = models.CharField("adresse e-mail", max_length=254, blank=True)
    # What the school must have from the lot, and what it had when the row was checked.
    units = models.PositiveIntegerField("licences", null=True)
    units_before = models.PositiveIntegerField(default=0)
    verdict = models.CharField("verdict", max_length=10, choices=Verdict)
    # [{"column", "code", "message", "blocking"}], in French.
    problems = models.JSONField(default=list)
    # Why it is none of the table's (a total, a note), and whether the member put it aside.
    passed_over = models.CharField(max_length=100, blank=True)
    set_aside = models.BooleanField("mise de côté", default=False)
    ticked = models.BooleanField("à appliquer", default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="import_row_once", fields=["import_id", "number"]),
            # However often a school stands in the file, one of its rows at most is applied.
            models.UniqueConstraint(
                name="import_row_ticked_once_a_school", fields=["import_id", "uai"], condition=Q(ticked=True)
            ),
            models.CheckConstraint(
                name="import_row_ticked_can_be_applied",
                condition=Q(ticked=False)
                | (Q(verdict__in=["new", "changed"], units__isnull=False) & ~Q(uai="") & ~Q(recipient="")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="import_row_verdict", fields=["import_id", "verdict", "number"]),
            models.Index(name="import_row_uai", fields=["import_id", "uai"]),
        ]

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
        """Licences the row takes from the lot."""
        return max((self.units or 0) - self.units_before, 0)

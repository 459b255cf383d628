"""Purposes and states of an import, and verdicts of its rows."""

from enum import StrEnum

from django.db import models


class Purpose(models.TextChoices):
    ALLOCATION = "allocation", "Attribuer des licences"
    PORTFOLIO = "portfolio", "Mettre à jour le périmètre"


class ImportState(models.TextChoices):
    #: Waiting for the worker to read it.
    UPLOADED = "uploaded", "En lecture"
    #: Parsed, with a question left (which column, how many licences).
    READ = "read", "À préciser"
    CHECKED = "checked", "À vérifier"
    #: Confirmed by a manager, waiting for the worker to apply it.
    APPLYING = "applying", "En cours d'application"
    APPLIED = "applied", "Appliqué"
    #: Applied, then reverted.
    UNDONE = "undone", "Défait"
    REJECTED = "rejected", "Refusé"
    CANCELLED = "cancelled", "Annulé"


#: What a checked import is, in lists, once a manager is asked to apply it.
REQUESTED, REQUESTED_LABEL = "requested", "Application demandée"


class Volume(models.TextChoices):
    """Where the number of licences for a school comes from."""

    COLUMN = "column", "La colonne du nombre de licences"
    CLASSES = "classes", "La colonne du nombre de classes"
    PORTFOLIO = "portfolio", "Le nombre de classes connu de votre périmètre"
    ALL = "all", "Un même nombre pour toutes les écoles"


class Verdict(models.TextChoices):
    NEW = "new", "Nouvelle"
    CHANGED = "changed", "Modifiée"
    UNCHANGED = "unchanged", "Inchangée"
    CONFLICT = "conflict", "Conflit"
    ERROR = "error", "Erreur"
    IGNORED = "ignored", "Ignorée"


#: Verdicts that need no decision before they are applied.
APPLICABLE = (Verdict.NEW, Verdict.CHANGED)


class RemarkState(models.TextChoices):
    """What is to become of the rows with one remark, in the order of the page."""

    TO_RESOLVE = "to_resolve", "À régler"
    UNTICKED = "unticked", "Laissées de côté"
    TICKED = "ticked", "Cochées"
    UNCHANGED = "unchanged", "Inchangées"
    IGNORED = "ignored", "Ignorées"


class ConflictResolution(models.TextChoices):
    """How a member resolves a conflict: the school has more licences than the file states."""

    REDUCE = "reduce", "Réduire à ce nombre"
    REVOKE = "revoke", "Reprendre la clé"


class RowMatchMethod(models.TextChoices):
    """How the school of a row was matched."""

    UAI = "uai", "par son UAI"
    REPAIRED = "repaired", "par son UAI rétabli"
    NAME = "name", "par son nom"
    CHOSEN = "chosen", "choisie"


#: Kind of the e-mail that asks the managers to apply an import.
APPLICATION_REQUESTED = "import_application"
#: Kind of the e-mail that tells who asked what became of the import.
APPLICATION_ANSWERED = "import_answer"
#: Action of the audit entry of an applied import.
APPLIED_ACTION = "import.applied"


class RequestAnswer(StrEnum):
    """What became of an import whose application was requested."""

    APPLIED = "applied"
    UNDONE = "undone"
    CANCELLED = "cancelled"
    #: By a corrected file.
    REPLACED = "replaced"
    #: Read anew with other settings.
    READ_ANEW = "read_anew"
    WITHDRAWN = "withdrawn"


class RowEffect(models.TextChoices):
    """Effect of applying a row."""

    CREATED = "created", "Attribuée"
    GROWN = "grown", "Augmentée"
    REDUCED = "reduced", "Réduite"
    REVOKED = "revoked", "Reprise"
    ADDED = "added", "Ajoutée au périmètre"
    UPDATED = "updated", "Mise à jour"

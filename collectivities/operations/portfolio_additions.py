"""Add many schools of the directory to the portfolio by one act, and undo that within the hour.

The act is one entry of the audit log. Its moment is `added_at` of each of its schools, and by that moment it is undone.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from accounts.models import User
from collectivities import audit_log
from collectivities.exceptions import AdditionNotUndoable
from collectivities.models import PORTFOLIO_ADDED_AT_ONCE, AuditEntry, PortfolioSchool
from collectivities.operations.portfolio_store import SchoolContact, insert_schools
from core import formatting
from core.confirmation_guard import ConfirmationGuard, is_large_share

#: How long after an addition it can be undone.
UNDOABLE_FOR = datetime.timedelta(hours=1)
_UNDONE = "portfolio.addition_undone"


class UndoableAddition(NamedTuple):
    """An addition that can still be undone: its moment, its line in the audit log, and how many schools are left."""

    added_at: datetime.datetime
    summary: str
    schools: int

    @property
    def undoable_until(self) -> datetime.datetime:
        """The moment from which it cannot be undone."""
        return self.added_at + UNDOABLE_FOR


class UndoneAddition(NamedTuple):
    """The schools that leave the portfolio, and the number of those that stay as they hold something."""

    removed: list[str]
    kept: int


def must_type_number(*, added: int, before: int) -> bool:
    """Return whether the number of schools to add must be typed: over 30 % of a portfolio of five schools or more."""
    return is_large_share(added, before, schools_served=before)


@transaction.atomic
def add_schools(*, uais: Collection[str], what: str, by: User | None, at: datetime.datetime) -> list[str]:
    """Add schools of the directory; return those that were not in the portfolio. Four queries at most.

    `what` names them in the audit log, in the plural: « écoles publiques de Nîmes ». Schools that somebody else adds
    meanwhile are waited for, and left to them.
    """
    added = insert_schools(dict.fromkeys(uais, SchoolContact()), at=at)
    if added:
        audit_log.record(
            action=PORTFOLIO_ADDED_AT_ONCE,
            by=by,
            at=at,
            summary=f"Ajout au périmètre : {formatting.number(len(added))}{formatting.NO_BREAK_SPACE}{what}.",
        )
    return added


def preview_undo(*, added_at: datetime.datetime, holding: QuerySet[Any], at: datetime.datetime) -> UndoneAddition:
    """Return what `undo_addition` would do; it raises the same."""
    _find_addition(added_at, at)
    rows = PortfolioSchool.objects.filter(added_at=added_at)
    removed = list(_filter_empty(rows, holding).values_list("school_id", flat=True))
    return UndoneAddition(removed, rows.count() - len(removed))


def build_undo_guard(*, removed: int, before: int) -> ConfirmationGuard | None:
    """Return the guard on removing so many schools from a portfolio; None up to 30 % of it, or under five schools."""
    if not is_large_share(removed, before, schools_served=before):
        return None
    schools = formatting.pluralize(removed, "école")
    leave = "quitte" if removed == 1 else "quittent"
    return ConfirmationGuard(
        removed,
        f"{schools} sur les {formatting.number(before)} de votre périmètre le {leave}. Tapez ce nombre d'écoles pour"
        " confirmer.",
    )


@transaction.atomic
def undo_addition(
    *, added_at: datetime.datetime, holding: QuerySet[Any], by: User | None, at: datetime.datetime
) -> UndoneAddition:
    """Remove the schools of an addition that hold nothing: no contact, no number of classes, none of `holding`.

    `holding`: the UAI of schools with licences. Idempotent: what is removed already is not counted again. Raises
    `AdditionNotUndoable` where the hour is over, or nothing was added at that moment.
    """
    addition = _find_addition(added_at, at)
    rows = PortfolioSchool.objects.filter(added_at=added_at)
    # Locked before they are looked at: an import that fills in a contact meanwhile is waited for.
    locked = list(rows.locked().values_list("pk", flat=True))
    removed = list(_filter_empty(rows.filter(pk__in=locked), holding).values_list("school_id", flat=True))
    PortfolioSchool.objects.filter(school_id__in_array=removed).delete()
    if removed:
        audit_log.record(
            action=_UNDONE,
            by=by,
            at=at,
            summary=f"Ajout annulé : {formatting.pluralize(len(removed), 'école')} hors du périmètre.",
            object_type="addition",
            object_id=addition.pk,
        )
    return UndoneAddition(removed, len(locked) - len(removed))


def _find_addition(added_at: datetime.datetime, at: datetime.datetime) -> AuditEntry:
    addition = AuditEntry.objects.filter(action=PORTFOLIO_ADDED_AT_ONCE, at=added_at).first()
    if addition is None:
        raise AdditionNotUndoable("Aucun ajout d'écoles n'a été fait à ce moment-là.")
    if at >= added_at + UNDOABLE_FOR:
        raise AdditionNotUndoable(
            "Cet ajout date de plus d'une heure : retirez ses écoles dans « Écoles », en les cochant."
        )
    return addition


def _filter_empty(rows: QuerySet[PortfolioSchool], holding: QuerySet[Any]) -> QuerySet[PortfolioSchool]:
    empty = rows.filter(contact_name="", contact_email="", contact_phone="", classes=None)
    return empty.exclude(school_id__in=holding)


def list_undoable_additions(at: datetime.datetime) -> list[UndoableAddition]:
    """Return what was added within the hour, not undone and still in the portfolio, the latest first.

    Two queries at most.
    """
    recent = AuditEntry.objects.filter(at__gt=at - UNDOABLE_FOR, at__lte=at)
    undone = recent.filter(action=_UNDONE, object_id=OuterRef("pk"))
    entries = recent.filter(~Exists(undone), action=PORTFOLIO_ADDED_AT_ONCE)
    summaries = dict(entries.order_by("-at", "-pk").values_list("at", "summary"))
    if not summaries:
        return []
    left = PortfolioSchool.objects.filter(added_at__in=summaries).values_list("added_at")
    counts = dict(left.annotate(schools=Count("pk")).order_by())
    return [
        UndoableAddition(moment, summary, counts[moment]) for moment, summary in summaries.items() if moment in counts
    ]

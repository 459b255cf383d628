"""A data officer asks the managers to apply an import, anew after a change, or withdraws the request."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Q, Sum

from accounts.models import User
from collectivities.capabilities import Capability
from collectivities.models import Member
from collectivities.queries import list_reachable_members
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal
from imports import queries
from imports.enums import APPLICATION_ANSWERED, APPLICATION_REQUESTED, ImportState, Purpose, RequestAnswer
from imports.exceptions import NothingToApply
from imports.models import SpreadsheetImport
from imports.operations.import_lock import lock_import, record_in_journal
from imports.queries import needs_decision_q
from mailing import operations as mailing

#: Managers that a sentence names; the others are counted.
MAX_NAMED = 3


class RequestFigures(NamedTuple):
    """What a request asks for, or an import counts: schools, and licences (None for the portfolio)."""

    schools: int
    units: int | None

    def __str__(self) -> str:
        """Return the licences in French, or the schools where there are none."""
        schools = formatting.pluralize(self.schools, "école")
        return schools if self.units is None else formatting.pluralize(self.units, "licence")

    def describe_change(self, now: RequestFigures) -> str:
        """Return what was asked beside what is counted now, "" where both are the same."""
        if self == now:
            return ""
        before, after = self, now
        if self.units == now.units:
            before, after = RequestFigures(self.schools, None), RequestFigures(now.schools, None)
        count = after.schools if after.units is None else after.units
        return f"demandé pour {before}, le tableau en compte maintenant {formatting.number(count)}"


def get_requested_figures(spreadsheet_import: SpreadsheetImport) -> RequestFigures | None:
    """Return what the request said, None without a request."""
    if spreadsheet_import.requested_at is None:
        return None
    return RequestFigures(spreadsheet_import.requested_schools or 0, spreadsheet_import.requested_units)


def build_figures(spreadsheet_import: SpreadsheetImport, tally: queries.Tally) -> RequestFigures:
    """Return the figures of an import with this tally."""
    return RequestFigures(tally.schools, None if spreadsheet_import.purpose == Purpose.PORTFOLIO else tally.units)


def describe_request_change(spreadsheet_import: SpreadsheetImport, tally: queries.Tally) -> str:
    """Return in French how an import differs from what was asked, "" where it does not, or was not asked for."""
    if spreadsheet_import.requested_at is None:
        return ""
    digest = queries.compute_digest(spreadsheet_import)
    return _describe_change(spreadsheet_import, build_figures(spreadsheet_import, tally), digest)


class _Content(NamedTuple):
    """What the ticked rows of an import count now, their digest, and the rows that need a decision."""

    figures: RequestFigures
    digest: str
    to_resolve: int


def describe_requests(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, str]:
    """Return in French, by import id, what is asked and what has changed since. One query."""
    contents = _load_contents(spreadsheet_imports)
    described = {}
    for one in spreadsheet_imports:
        figures, digest, to_resolve = contents[one.pk]
        words = _describe_change(one, figures, digest) or str(figures)
        if to_resolve:
            words += f" ; {describe_unresolved(to_resolve)}"
        described[one.pk] = words
    return described


def describe_request_changes(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, str]:
    """Return in French, by import id, what has changed since it was asked for, "" where nothing has. One query."""
    contents = _load_contents(spreadsheet_imports)
    return {
        one.pk: _describe_change(one, contents[one.pk].figures, contents[one.pk].digest) for one in spreadsheet_imports
    }


def _load_contents(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, _Content]:
    counted = {
        pk: (schools, units, digest, to_resolve)
        for pk, schools, units, digest, to_resolve in queries.select_digests([one.pk for one in spreadsheet_imports])
        .annotate(taken=Sum(queries.TAKEN, filter=Q(ticked=True)), to_resolve=Count("pk", filter=needs_decision_q()))
        .values_list("import_id", "ticked_count", "taken", "hashed", "to_resolve")
    }
    contents = {}
    for one in spreadsheet_imports:
        schools, units, hashed, to_resolve = counted.get(one.pk, (0, 0, None, 0))
        figures = RequestFigures(schools, None if one.purpose == Purpose.PORTFOLIO else units or 0)
        contents[one.pk] = _Content(figures, f"{schools}-{hashed}", to_resolve)
    return contents


def _describe_change(spreadsheet_import: SpreadsheetImport, figures: RequestFigures, digest: str) -> str:
    asked = get_requested_figures(spreadsheet_import)
    if asked is None or digest == spreadsheet_import.requested_digest:
        return ""
    return asked.describe_change(figures) or "des lignes ont changé depuis la demande"


def describe_wait(spreadsheet_import: SpreadsheetImport, managers: Sequence[User], change: str = "") -> str:
    """Return « demandé à Nora Delmas le 27 novembre 2026, en attente », "" where no request waits for an answer.

    `change`: what has changed since, which the managers were not asked for.
    """
    if spreadsheet_import.requested_at is None or spreadsheet_import.state != ImportState.CHECKED:
        return ""
    names = formatting.join_first([str(manager) for manager in managers], MAX_NAMED)
    day = formatting.long_date(date_in_paris(spreadsheet_import.requested_at))
    asked = f"demandé à {names} le {day}" if names else f"demandé le {day}"
    return formatting.add_nonbreaking_spaces(
        f"{asked}, avant un changement : {change}" if change else f"{asked}, en attente"
    )


def describe_unresolved(to_resolve: int) -> str:
    """Return how many rows need a decision, in French."""
    return formatting.pluralize(to_resolve, "ligne reste à régler", "lignes restent à régler")


#: Topic of the messages about an import.
IMPORT_TOPIC = "import"
#: Fields of a request.
REQUEST_FIELDS = ("requested_at", "requested_by_id", "requested_schools", "requested_units", "requested_digest")


def find_asker(spreadsheet_import: SpreadsheetImport, *, by: User | None) -> User | None:
    """Return who is written to about a request: who asked, unless they are `by`, or left the office."""
    asker = spreadsheet_import.requested_by_id
    if asker is None or (by is not None and by.pk == asker):
        return None
    member = Member.objects.active().filter(user_id=asker).first()
    return member.user if member is not None and member.user.is_active and member.user.email else None


def answer_request(
    spreadsheet_import: SpreadsheetImport,
    answer: RequestAnswer,
    *,
    by: User | None,
    at: datetime.datetime,
    reason: str = "",
) -> None:
    """Queue an e-mail to who asked for the application, unless they did this themselves or left the office.

    `reason`: what `by` says of it.
    """
    asker = find_asker(spreadsheet_import, by=by)
    if asker is None:
        return
    mailing.enqueue(
        kind=APPLICATION_ANSWERED,
        recipient=asker.email,
        topic=IMPORT_TOPIC,
        topic_id=spreadsheet_import.pk,
        about=spreadsheet_import.filename,
        context={
            "answer": answer.value,
            "by": by.pk if by else None,
            "schools": spreadsheet_import.requested_schools,
            "units": spreadsheet_import.requested_units,
        }
        | ({"reason": reason} if reason else {}),
        at=at,
    )


def end_request(
    spreadsheet_import: SpreadsheetImport, answer: RequestAnswer, *, by: User | None, at: datetime.datetime
) -> None:
    """Forget the request, if any: e-mails that have not left are cancelled, who asked is told. Does not save."""
    if spreadsheet_import.requested_at is None:
        return
    mailing.cancel(IMPORT_TOPIC, [spreadsheet_import.pk], at)
    answer_request(spreadsheet_import, answer, by=by, at=at)
    spreadsheet_import.requested_at = spreadsheet_import.requested_by_id = None
    spreadsheet_import.requested_schools = spreadsheet_import.requested_units = None
    spreadsheet_import.requested_digest = ""


REQUESTED_ACTION = "import.application_requested"
WITHDRAWN_ACTION = "import.request_withdrawn"


def list_managers_to_ask(*, by: User) -> list[User]:
    """Return the other managers who have an e-mail address, by name."""
    managers = [member.user for member in list_reachable_members(Capability.GIVE_LICENCES) if member.user_id != by.pk]
    return sorted(managers, key=str)


@transaction.atomic
def request_application(*, import_id: int, by: User, at: datetime.datetime) -> SpreadsheetImport:
    """Ask the managers by e-mail and on their home page to apply an import, once for each of its contents.

    Asked again after a change, the new request replaces the old one. Raises `NothingToApply`; `Refusal` where licences
    are missing or no other manager has an e-mail address.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    digest = queries.compute_digest(spreadsheet_import)
    replaced = get_requested_figures(spreadsheet_import)
    if replaced is not None and spreadsheet_import.requested_digest == digest:
        return spreadsheet_import
    tally = queries.get_tally(spreadsheet_import)
    if not tally.schools:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à appliquer.")
    if tally.missing:
        raise Refusal(
            "not_enough_licences",
            f"Il manque {formatting.pluralize(tally.missing, 'licence')} au lot : décochez des lignes, ou réduisez des"
            " nombres, avant d'en demander l'application.",
        )
    recipients = sorted({manager.email for manager in list_managers_to_ask(by=by)})
    if not recipients:
        raise Refusal(
            "nobody_to_ask", "Aucun autre gestionnaire de votre bureau n'a d'adresse e-mail : prévenez-en un vous-même."
        )
    figures = build_figures(spreadsheet_import, tally)
    spreadsheet_import.requested_at, spreadsheet_import.requested_by_id = at, by.pk
    spreadsheet_import.requested_schools, spreadsheet_import.requested_units = figures
    spreadsheet_import.requested_digest = digest
    spreadsheet_import.save(update_fields=REQUEST_FIELDS)
    context: dict[str, Any] = {"replaces": str(replaced)} if replaced else {}
    # One that has not left would tell what is no longer asked.
    mailing.cancel(IMPORT_TOPIC, [spreadsheet_import.pk], at)
    mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=APPLICATION_REQUESTED,
                recipient=recipient,
                topic=IMPORT_TOPIC,
                topic_id=spreadsheet_import.pk,
                about=spreadsheet_import.filename,
                context=context,
            )
            for recipient in recipients
        ],
        at=at,
    )
    schools = formatting.pluralize(figures.schools, "école")
    what = schools if figures.units is None else f"{schools} et {figures}"
    what = f": application demandée aux gestionnaires, pour {what}"
    record_in_journal(REQUESTED_ACTION, spreadsheet_import, what, by=by, at=at)
    return spreadsheet_import


@transaction.atomic
def withdraw_request(*, import_id: int, by: User, at: datetime.datetime) -> SpreadsheetImport:
    """Withdraw the request to apply an import. Idempotent. Raises `Refusal`."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    if spreadsheet_import.requested_at is None:
        return spreadsheet_import
    end_request(spreadsheet_import, RequestAnswer.WITHDRAWN, by=by, at=at)
    spreadsheet_import.save(update_fields=REQUEST_FIELDS)
    record_in_journal(WITHDRAWN_ACTION, spreadsheet_import, ": demande d'application retirée", by=by, at=at)
    return spreadsheet_import

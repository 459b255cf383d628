"""A data officer asks the managers to apply an import, anew after a change, or withdraws the request."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.models import Role
from collectivities.queries import list_reachable_members
from core import formatting
from imports import application_requests, queries
from imports.enums import APPLICATION_REQUESTED, ImportState, RequestAnswer
from imports.exceptions import NobodyToAsk, NotEnoughLicences, NothingToApply
from imports.models import SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.operations.request_answers import IMPORT_TOPIC, REQUEST_FIELDS, end_request
from mailing import operations as mailing

REQUESTED_ACTION = "import.application_requested"
WITHDRAWN_ACTION = "import.request_withdrawn"


def list_managers_to_ask(*, by: User) -> list[User]:
    """Return the other managers who have an e-mail address, by name."""
    managers = [member.user for member in list_reachable_members(Role.MANAGER) if member.user_id != by.pk]
    return sorted(managers, key=str)


@transaction.atomic
def request_application(*, import_id: int, by: User, at: datetime.datetime) -> SpreadsheetImport:
    """Ask the managers by e-mail and on their home page to apply an import, once for each of its contents.

    Asked again after a change, the new request replaces the old one. Raises `UnknownImport`, `WrongImportState`,
    `NothingToApply`, `NotEnoughLicences`; `NobodyToAsk` where no other manager has an e-mail address.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    digest = queries.compute_digest(spreadsheet_import)
    replaced = application_requests.get_requested_figures(spreadsheet_import)
    if replaced is not None and spreadsheet_import.requested_digest == digest:
        return spreadsheet_import
    tally = queries.get_tally(spreadsheet_import)
    if not tally.schools:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à appliquer.")
    if tally.missing:
        raise NotEnoughLicences(
            f"Il manque {formatting.pluralize(tally.missing, 'licence')} au lot : décochez des lignes, ou réduisez des"
            " nombres, avant d'en demander l'application."
        )
    recipients = sorted({manager.email for manager in list_managers_to_ask(by=by)})
    if not recipients:
        raise NobodyToAsk("Aucun autre gestionnaire de votre bureau n'a d'adresse e-mail : prévenez-en un vous-même.")
    figures = application_requests.build_figures(spreadsheet_import, tally)
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
    _record(REQUESTED_ACTION, spreadsheet_import, f"application demandée aux gestionnaires, pour {what}", by=by, at=at)
    return spreadsheet_import


@transaction.atomic
def withdraw_request(*, import_id: int, by: User, at: datetime.datetime) -> SpreadsheetImport:
    """Withdraw the request to apply an import. Idempotent. Raises `UnknownImport`, `WrongImportState`."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    if spreadsheet_import.requested_at is None:
        return spreadsheet_import
    end_request(spreadsheet_import, RequestAnswer.WITHDRAWN, by=by, at=at)
    spreadsheet_import.save(update_fields=REQUEST_FIELDS)
    _record(WITHDRAWN_ACTION, spreadsheet_import, "demande d'application retirée", by=by, at=at)
    return spreadsheet_import


def _record(action: str, spreadsheet_import: SpreadsheetImport, what: str, *, by: User, at: datetime.datetime) -> None:
    audit_log.record(
        action=action,
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » : {what}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )

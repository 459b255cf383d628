"""A data officer asks the managers to apply a checked import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from collectivities import audit_log
from collectivities.models import Member, Role
from core import formatting
from imports import queries
from imports.enums import APPLICATION_REQUESTED, ImportState
from imports.exceptions import NobodyToAsk, NotEnoughLicences, NothingToApply
from imports.operations.import_lock import lock_import
from mailing import operations as mailing

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from imports.models import SpreadsheetImport

REQUESTED_ACTION = "import.application_requested"


@transaction.atomic
def request_application(*, import_id: int, by: User, at: datetime.datetime) -> SpreadsheetImport:
    """Ask the managers by e-mail and on their home page to apply an import, once for each of its readings.

    Raises `UnknownImport`, `WrongImportState`, `NothingToApply`, `NotEnoughLicences`; `NobodyToAsk` where no other
    manager has an e-mail address.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    if spreadsheet_import.requested_at is not None:
        return spreadsheet_import
    tally = queries.get_tally(spreadsheet_import)
    if not tally.schools:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à appliquer.")
    if tally.missing:
        raise NotEnoughLicences(
            f"Il manque {formatting.pluralize(tally.missing, 'licence')} au lot : décochez des lignes, ou réduisez des"
            " nombres, avant d'en demander l'application."
        )
    managers = Member.objects.active().filter(roles__contains=[Role.MANAGER.value], user__is_active=True)
    recipients = sorted(set(managers.exclude(user=by).exclude(user__email="").values_list("user__email", flat=True)))
    if not recipients:
        raise NobodyToAsk("Aucun autre gestionnaire de votre bureau n'a d'adresse e-mail : prévenez-en un vous-même.")
    spreadsheet_import.requested_at, spreadsheet_import.requested_by_id = at, by.pk
    spreadsheet_import.save(update_fields=["requested_at", "requested_by_id"])
    mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=APPLICATION_REQUESTED,
                recipient=recipient,
                topic="import",
                topic_id=spreadsheet_import.pk,
                about=spreadsheet_import.filename,
            )
            for recipient in recipients
        ],
        at=at,
    )
    audit_log.record(
        action=REQUESTED_ACTION,
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » : application demandée aux gestionnaires, pour "
        f"{formatting.pluralize(tally.schools, 'école')}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )
    return spreadsheet_import

"""E-mails about requests to apply an import: to the managers, and back to who asked. Rendered when they are sent."""

from typing import Any

from accounts.models import User
from core.connections import connection
from imports import queries
from imports.enums import APPLICATION_ANSWERED, APPLICATION_REQUESTED, ImportState, RequestAnswer
from imports.models import SpreadsheetImport
from imports.operations.application_requests import RequestFigures, describe_unresolved
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message
from tenants.models import Collectivity


def render_application_request(message: Message) -> RenderedEmail:
    """Render the request. Raises `NoLongerDue` where the import was applied, cancelled or read anew meanwhile."""
    spreadsheet_import = _find_import(message)
    if (
        spreadsheet_import is None
        or spreadsheet_import.state != ImportState.CHECKED
        or spreadsheet_import.requested_at is None
    ):
        raise NoLongerDue("Le tableau n'attend plus d'être appliqué.")
    return _render_request(spreadsheet_import, message)


def preview_application_request(message: Message) -> RenderedEmail:
    """Render the request as the office shows it, whatever became of the import."""
    return _render_request(SpreadsheetImport.objects.select_related("pool").get(pk=message.topic_id or 0), message)


def _render_request(spreadsheet_import: SpreadsheetImport, message: Message) -> RenderedEmail:
    tally = queries.get_tally(spreadsheet_import)
    to_resolve = queries.count_to_resolve(spreadsheet_import)
    return _render(
        "application_request",
        spreadsheet_import,
        by_id=spreadsheet_import.requested_by_id,
        schools=tally.schools,
        units=max(tally.units, 0),
        unresolved=describe_unresolved(to_resolve) if to_resolve else "",
        replaced=message.context.get("replaces"),
    )


def render_answer(message: Message) -> RenderedEmail:
    """Render what became of an import for who asked for its application. Raises `NoLongerDue` where it is gone."""
    spreadsheet_import = _find_import(message)
    if spreadsheet_import is None:
        raise NoLongerDue("Ce tableau n'existe plus.")
    context, outcome = message.context, spreadsheet_import.outcome
    return _render(
        "application_answer",
        spreadsheet_import,
        by_id=context["by"],
        answer=RequestAnswer(context["answer"]),
        figures=RequestFigures(context["schools"] or 0, context["units"]),
        units=outcome.get("units", 0),
        changed=outcome.get("added", 0) + outcome.get("updated", 0),
        reason=context.get("reason", ""),
    )


def _find_import(message: Message) -> SpreadsheetImport | None:
    return SpreadsheetImport.objects.select_related("pool").filter(pk=message.topic_id or 0).first()


def _render(name: str, spreadsheet_import: SpreadsheetImport, *, by_id: int | None, **context: Any) -> RenderedEmail:
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    by = User.objects.filter(pk=by_id or 0).first()
    return render_email_template(
        f"imports/emails/{name}.txt",
        context | {"office": office, "by": by, "spreadsheet_import": spreadsheet_import},
        address=office.office_url(f"/imports/{spreadsheet_import.pk}/"),
    )


def register_kinds() -> None:
    """Register the kinds of messages."""
    kinds.register(
        APPLICATION_REQUESTED,
        label="Tableau à appliquer",
        render=render_application_request,
        preview=preview_application_request,
    )
    kinds.register(
        APPLICATION_ANSWERED, label="Suite d'une demande d'application", render=render_answer, preview=render_answer
    )

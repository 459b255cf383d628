"""The e-mail that asks the managers to apply an import, rendered when it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.models import User
from core import formatting
from core.tenant_connection import connection
from imports import queries
from imports.enums import APPLICATION_REQUESTED, ImportState
from imports.models import SpreadsheetImport
from mailing import kinds
from mailing.email_template import render_email
from mailing.kinds import NoLongerDue, RenderedEmail
from tenants.models import Collectivity

if TYPE_CHECKING:
    from mailing.models import Message


def render_application_request(message: Message) -> RenderedEmail:
    """Render the request. Raises `NoLongerDue` where the import was applied, cancelled or read anew meanwhile."""
    spreadsheet_import = SpreadsheetImport.objects.select_related("pool").filter(pk=message.topic_id or 0).first()
    if spreadsheet_import is None or spreadsheet_import.state != ImportState.CHECKED:
        raise NoLongerDue("Le tableau n'attend plus d'être appliqué.")
    return _render(spreadsheet_import)


def preview_application_request(message: Message) -> RenderedEmail:
    """Render the request as the office shows it, whatever became of the import."""
    return _render(SpreadsheetImport.objects.select_related("pool").get(pk=message.topic_id or 0))


def _render(spreadsheet_import: SpreadsheetImport) -> RenderedEmail:
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    by = User.objects.filter(pk=spreadsheet_import.requested_by_id or 0).first()
    tally = queries.get_tally(spreadsheet_import)
    schools = formatting.pluralize(tally.schools, "école cochée", "écoles cochées")
    if spreadsheet_import.pool is None:
        effect = f"Il ajouterait au périmètre, ou y mettrait à jour, {schools}."
    else:
        units = formatting.pluralize(max(tally.units, 0), "licence")
        effect = f"Il prendrait {units} dans le lot « {spreadsheet_import.pool.name} », pour {schools}."
    asks = f"{by} demande" if by else "On vous demande"
    return render_email(
        subject=f"Tableau à appliquer dans le bureau {office.name}",
        paragraphs=[
            f"{asks} d'appliquer le tableau « {spreadsheet_import.filename} », déjà vérifié. {effect}",
            (
                "Seul un gestionnaire peut l'appliquer : la page montre ce qui va se passer, et rien n'est fait avant "
                "que vous l'ayez confirmé."
            ),
        ],
        button="Voir le tableau",
        address=office.office_url(f"/imports/{spreadsheet_import.pk}/"),
        notes=["Les gestionnaires du bureau reçoivent ce message."],
    )


def register_kinds() -> None:
    """Register the kind of message."""
    kinds.register(
        APPLICATION_REQUESTED,
        label="Tableau à appliquer",
        render=render_application_request,
        preview=preview_application_request,
    )

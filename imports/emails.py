"""E-mails about requests to apply an import: to the managers, and back to who asked. Rendered when they are sent."""

from __future__ import annotations

from accounts.models import User
from core import formatting
from core.connections import connection
from imports import queries
from imports.enums import APPLICATION_ANSWERED, APPLICATION_REQUESTED, ImportState, RequestAnswer
from imports.models import SpreadsheetImport
from imports.operations.application_requests import RequestFigures, describe_unresolved
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, render_email
from mailing.models import Message
from tenants.models import Collectivity

#: Subject, and what became of the import, by answer.
_ANSWERS = {
    RequestAnswer.APPLIED: ("Tableau appliqué", "est appliqué"),
    RequestAnswer.UNDONE: (
        "Tableau défait",
        "est défait : ce qui pouvait être repris l'a été, la page en donne la liste",
    ),
    RequestAnswer.CANCELLED: ("Tableau annulé", "est annulé : rien n'en a été appliqué"),
    RequestAnswer.REPLACED: (
        "Tableau remplacé",
        "est remplacé par un fichier corrigé : rien n'en a été appliqué, et votre demande ne vaut plus",
    ),
    RequestAnswer.READ_ANEW: (
        "Tableau à redemander",
        "est relu avec d'autres réglages : rien n'en a été appliqué, et votre demande ne vaut plus",
    ),
    RequestAnswer.WITHDRAWN: ("Demande retirée", "n'est plus à appliquer : la demande est retirée"),
}


def render_application_request(message: Message) -> RenderedEmail:
    """Render the request. Raises `NoLongerDue` where the import was applied, cancelled or read anew meanwhile."""
    spreadsheet_import = _find_import(message)
    if (
        spreadsheet_import is None
        or spreadsheet_import.state != ImportState.CHECKED
        or spreadsheet_import.requested_at is None
    ):
        raise NoLongerDue("Le tableau n'attend plus d'être appliqué.")
    return _render(spreadsheet_import, message)


def preview_application_request(message: Message) -> RenderedEmail:
    """Render the request as the office shows it, whatever became of the import."""
    return _render(SpreadsheetImport.objects.select_related("pool").get(pk=message.topic_id or 0), message)


def render_answer(message: Message) -> RenderedEmail:
    """Render what became of an import for who asked for its application. Raises `NoLongerDue` where it is gone."""
    spreadsheet_import = _find_import(message)
    if spreadsheet_import is None:
        raise NoLongerDue("Ce tableau n'existe plus.")
    office, context = Collectivity.objects.get(schema_name=connection.schema_name), message.context
    answer = RequestAnswer(context["answer"])
    subject, became = _ANSWERS[answer]
    by = User.objects.filter(pk=context["by"] or 0).first()
    outcome = _describe_outcome(spreadsheet_import) if answer is RequestAnswer.APPLIED else ""
    asked = RequestFigures(context["schools"] or 0, context["units"])
    return render_email(
        subject=f"{subject} dans le bureau {office.name}",
        paragraphs=[
            (
                f"Le tableau « {spreadsheet_import.filename} », dont vous aviez demandé l'application pour {asked}, "
                f"{became}.{outcome}"
            ),
            *([f"C'est {by} qui l'a fait."] if by else []),
            *([f"Pourquoi : {formatting.end_sentence(reason)}"] if (reason := context.get("reason")) else []),
        ],
        button="Voir le tableau",
        address=office.office_url(f"/imports/{spreadsheet_import.pk}/"),
    )


def _find_import(message: Message) -> SpreadsheetImport | None:
    return SpreadsheetImport.objects.select_related("pool").filter(pk=message.topic_id or 0).first()


def _describe_outcome(spreadsheet_import: SpreadsheetImport) -> str:
    outcome = spreadsheet_import.outcome
    if spreadsheet_import.pool is None:
        changed = outcome.get("added", 0) + outcome.get("updated", 0)
        return f" {formatting.pluralize(changed, 'école ajoutée ou mise', 'écoles ajoutées ou mises')} à jour."
    units = formatting.pluralize(outcome.get("units", 0), "licence attribuée", "licences attribuées")
    return f" {units}, dans le lot « {spreadsheet_import.pool.name} »."


def _render(spreadsheet_import: SpreadsheetImport, message: Message) -> RenderedEmail:
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
    to_resolve = queries.count_to_resolve(spreadsheet_import)
    checked = (
        f"{describe_unresolved(to_resolve)} : rien n'y serait fait."
        if to_resolve
        else "Aucune ligne n'y reste à régler."
    )
    replaced = message.context.get("replaces")
    return render_email(
        subject=f"Tableau à appliquer dans le bureau {office.name}",
        paragraphs=[
            f"{asks} d'appliquer le tableau « {spreadsheet_import.filename} ». {effect} {checked}",
            *([f"Cette demande remplace la précédente, qui portait sur {replaced}."] if replaced else []),
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

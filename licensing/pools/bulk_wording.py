"""French sentences on what an act on many allocations will do. Pure."""

from __future__ import annotations

from core import formatting
from licensing.pools.bulk_preview import BulkPreview


def describe_revocation(preview: BulkPreview) -> list[str]:
    """Return what taking the licences back does: licences by pool, and the e-mails."""
    lines = [
        f"{formatting.pluralize(share.schools, 'école')} : {formatting.pluralize(share.units, 'licence')}"
        f" {'reviennent' if share.units > 1 else 'revient'} au lot « {share.pool} »."
        for share in preview.pools
    ]
    if preview.emails:
        letters = formatting.pluralize(preview.emails, "e-mail")
        schools = "partent aux écoles qui avaient" if preview.emails > 1 else "part à l'école qui avait"
        then = f"ensuite, {letters} {schools} reçu {'leur' if preview.emails > 1 else 'sa'} clé"
    else:
        then = "aucune n'avait encore reçu sa clé, aucun e-mail ne part"
    return [*lines, f"Pendant une heure, vous pourrez annuler ; {then}."]


def describe_reminding(preview: BulkPreview) -> list[str]:
    """Return what reminding does."""
    lines = [f"{_count_schools(preview)} : un rappel part à chaque école, avec la même clé."]
    if preview.just_sent == 1:
        lines.append("La clé de l'une d'elles est partie il y a moins d'un jour.")
    elif preview.just_sent:
        lines.append(
            f"Les clés de {formatting.number(preview.just_sent)} d'entre elles sont parties il y a moins d'un jour."
        )
    if preview.stopped:
        stopped = formatting.pluralize(preview.stopped, "école a arrêté", "écoles ont arrêté")
        lines.append(f"Parmi elles, {stopped} les relances automatiques : la vôtre part tout de même.")
    return lines


def describe_resending(preview: BulkPreview) -> list[str]:
    """Return what sending the keys again does."""
    return [
        f"{_count_schools(preview)} : la même clé repart à l'adresse enregistrée de chaque école.",
        "Un e-mail encore en attente est remplacé par celui-ci.",
    ]


def describe_left(preview: BulkPreview) -> str:
    """Return « Rien ne change pour 14 clés déjà activées et 2 attributions déjà reprises. »; empty where all change."""
    counted = [formatting.pluralize(count, *reason.value) for reason, count in preview.left.items()]
    return f"Rien ne change pour {formatting.join_words(counted)}." if counted else ""


def _count_schools(preview: BulkPreview) -> str:
    return f"{formatting.pluralize(preview.schools, 'école')}, {formatting.pluralize(preview.units, 'licence')}"

"""E-mails to schools whose key is redeemed and whose licences are not given. Rendered when they are sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils import timezone

from collectivities import logos
from collectivities.queries import get_office_contact, get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.formatting import collectivity_forms, school_forms
from core.links import portal_url
from licensing.pools import emails
from licensing.pools.emails import (
    KeyEmail,
    build_stop_url,
    describe_end,
    describe_extension,
    describe_place,
    frame_email,
    get_giver,
    load_allocations,
    with_plain_spaces,
)
from licensing.pools.models import Allocation
from licensing.reminders.models import OCTOBER_KIND, UNUSED_KIND
from licensing.reminders.queries import SeatCounts, count_seats
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load what all these messages say in six queries, and return a function that renders each."""
    allocations = load_allocations(messages)
    seats = count_seats([allocation.key_id for allocation in allocations.values()])
    presentation = get_office_settings()
    contact = get_office_contact(presentation)
    calendar = emails.load_calendar(messages)

    def render_one(message: Message) -> RenderedEmail:
        allocation = allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        emails.check_automatic_due(message, allocation, calendar)
        counts = seats.get(allocation.key_id, SeatCounts(0, 0))
        _check_due(message, allocation, counts)
        email = _build(message, allocation, counts)
        return frame_email(email, allocation, presentation, contact, stop_url=build_stop_url(allocation.pk))

    return render_one


def render(message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue`."""
    return build_renderer([message])(message)


def preview(message: Message) -> RenderedEmail:
    """Render the message without its off switch and with its logo within, whether still due or not."""
    allocation = load_allocations([message])[message.topic_id or 0]
    counts = count_seats([allocation.key_id]).get(allocation.key_id, SeatCounts(allocation.units, allocation.units))
    presentation = get_office_settings()
    logo = logos.build_data_url(bytes(presentation.logo)) if presentation.logo else ""
    email = _build(message, allocation, counts)
    return frame_email(email, allocation, presentation, get_office_contact(presentation), logo=logo)


def _check_due(message: Message, allocation: Allocation, counts: SeatCounts) -> None:
    if allocation.pool.entitlement.over_on(date_in_paris(timezone.now())):
        raise NoLongerDue("Les licences de ce lot ont expiré avant l'envoi.")
    if not counts.free or (message.kind == UNUSED_KIND and counts.free < counts.size):
        raise NoLongerDue("L'école a donné ses licences avant l'envoi.")


def _build(message: Message, allocation: Allocation, counts: SeatCounts) -> KeyEmail:
    giver, school = get_giver(allocation), school_forms(allocation.school.name)
    the_giver = collectivity_forms(giver).the
    single, place = counts.size == 1, describe_place(allocation)
    given = counts.size - counts.free
    if message.kind == UNUSED_KIND:
        waiting = (
            "Votre licence Pep's n'est pas encore donnée" if single else "Aucune licence Pep's n'est encore donnée"
        )
        redeemed = allocation.key.redeemed_at
        since = f"le {formatting.long_date(date_in_paris(redeemed))}" if redeemed is not None else "il y a peu"
        subject = f"{waiting} à un enseignant"
        waiting_licences = "La licence attend" if single else f"Les {counts.size} licences attendent"
        paragraphs = (
            (
                f"Vous avez activé {since} la clé que {the_giver} a attribuée {school.to_the} {place}. "
                f"{waiting_licences} dans votre compte, {describe_end(allocation)}."
            ),
            "Une licence ne sert qu'une fois donnée à un enseignant : il ouvre alors sa classe.",
        )
        cause = "votre clé est activée et aucune licence n'est donnée"
    else:
        free = formatting.pluralize(counts.free, "licence")
        subject = f"Rentrée : {free} Pep's à donner pour {school.the}"
        paragraphs = (
            (
                f"{formatting.start_sentence(the_giver)} a attribué "
                f"{formatting.pluralize(counts.size, 'licence')} Pep's {school.to_the} {place}. "
                f"Vous en avez donné {formatting.number(given)} : il en reste {formatting.number(counts.free)} à "
                f"donner, {describe_end(allocation)}."
            ),
            "Les classes sont faites : c'est le moment de la donner à un enseignant qui n'en a pas encore."
            if counts.free == 1
            else "Les classes sont faites : c'est le moment de les donner aux enseignants qui n'en ont pas encore.",
        )
        kept = (
            "une licence de l'école n'est pas donnée"
            if counts.free == 1
            else "des licences de l'école ne sont pas données"
        )
        cause = f"{kept}. Cette lettre d'octobre ne vient qu'une fois par an"
    return KeyEmail(
        subject=with_plain_spaces(subject),
        introduction=paragraphs,
        button="Ouvrir « Mon compte »",
        address=portal_url("/mon-compte/"),
        steps=(
            "Ouvrez « Mon compte » par le lien ci-dessus, et connectez-vous.",
            (
                "Dans « Mes abonnements », attribuez une licence à chaque enseignant de votre choix, ou invitez-le par "
                "son adresse e-mail."
            ),
        ),
        notes=describe_extension(allocation),
        reason=emails.describe_reason(giver, cause),
    )


_LABELS = {
    UNUSED_KIND: "Relance : aucune licence donnée",
    OCTOBER_KIND: "Lettre d'octobre : licences à donner",
}


def register_kinds() -> None:
    """Register the kinds of messages."""
    for kind, label in _LABELS.items():
        kinds.register(kind, label=label, render=render, prefetch=build_renderer, preview=preview)

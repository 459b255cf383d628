"""Filters of the pages of classes: days, the accents of logins, drawings of animals."""

from typing import Any, cast

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from core.calendar import date_in_paris
from core.formatting import pluralize
from licensing.classes import words
from licensing.classes.handovers import ComingPupils
from licensing.classes.models import MAX_PUPILS, PupilAccount, PupilHandover
from licensing.entitlements.models import Entitlement, Seat
from licensing.entitlements.wording import describe_account, describe_start, format_long_date, format_until

register = template.Library()


register.filter("day", format_long_date)
register.filter("spelled", words.spell)


@register.filter
def animal(word: str) -> SafeString:
    """Return the drawing of a pupil's animal, hidden from screen readers; empty for another word."""
    return mark_safe(words.read_drawing(word))  # noqa: S308 - a file of ours


@register.filter
def animal_url(word: str) -> str:
    """Return the address of the same drawing, which a list of thirty fetches once; empty for another word."""
    return static(f"classes/animals/{word}.svg") if words.read_drawing(word) else ""


@register.filter
def start(entitlement: Entitlement) -> str:
    """Return « à partir du 1er septembre 2027 » before the first day of a licence; empty from then on."""
    return describe_start(entitlement, date_in_paris(timezone.now()))


@register.filter
def validity(entitlement: Entitlement) -> str:
    """Return until when a licence runs; with both dates while it is unpaid."""
    return format_until(entitlement, date_in_paris(timezone.now()))


@register.filter
def seat_label(seat: Seat) -> str:
    """Return a licence in a choice: its school and until when it runs."""
    entitlement = seat.subscription.key.entitlement
    return f"{describe_account(seat.subscription)}, {format_until(entitlement, date_in_paris(timezone.now()))}"


@register.filter
def handover_in_words(handover: PupilHandover) -> str:
    """Return « 4 élèves confiés par un code, jusqu'au 15 septembre 2027 », of a row with its `size`."""
    pupils = pluralize(cast("Any", handover).size, "élève confié", "élèves confiés")
    return f"{pupils} par un code, jusqu’au {format_long_date(handover.expires_at)}"


@register.filter
def coming_in_words(coming: ComingPupils) -> str:
    """Return who comes to a class by a code, from which class, and what becomes of their numbers."""
    count, room = len(coming.pupils), MAX_PUPILS - coming.present
    come = (
        f"{pluralize(count, 'élève')} de la classe « {coming.handover.classroom.name} », "
        f"{'confié' if count == 1 else 'confiés'} par {coming.handover.by} : il y a de la place pour {room}."
    )
    if not coming.renumbered:
        return come
    if coming.renumbered == 1:
        return f"{come} 1 reçoit un autre numéro, le sien étant pris."
    return f"{come} {coming.renumbered} reçoivent un autre numéro, le leur étant pris."


@register.filter
def number_of(coming: ComingPupils, pupil: PupilAccount) -> int:
    """Return the number that a pupil who comes gets."""
    return coming.numbers[pupil.pk]

"""How pages show numbers, schools' names, and where the licences of a lot are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django import template
from django.utils import timezone
from django.utils.html import format_html

from licensing.catalogue.operations import day_in_france
from licensing.pools import wording
from licensing.subscriptions.models import Standing
from licensing.subscriptions.wording import standing as standing_in_words
from licensing.subscriptions.wording import until
from schools import wording as names
from web import typography

if TYPE_CHECKING:
    import datetime

    from django.forms import BoundField
    from django.utils.safestring import SafeString

    from licensing.pools.queries import Position
    from licensing.subscriptions.models import Source

register = template.Library()

#: What a lot's badge says, and its colour: its words say the same.
_BADGES = {
    Standing.FIRM: ("Ferme", "green"),
    Standing.PROVISIONAL: ("Provisoire", "yellow"),
    Standing.UNPAID: ("Provisoire", "yellow"),
    Standing.OVERDUE: ("À régler", "orange"),
    Standing.LAPSED: ("Suspendu", "orange"),
    Standing.SUSPENDED: ("Suspendu", "orange"),
    Standing.CANCELLED: ("Annulé", "secondary"),
    Standing.ENDED: ("Terminé", "secondary"),
}

#: The bar's width in its own units, and the gap between two parts.
WIDTH = 1000


class Part(NamedTuple):
    """One part of the bar: where it begins, how wide it is, what it counts."""

    code: str
    label: str
    licences: int
    x: str
    width: str

    @property
    def words(self) -> str:
        """Return « 12 libres »."""
        return f"{typography.number(self.licences)} {self.label.lower()}"


@register.filter
def position_parts(position: Position) -> list[Part]:
    """Return the four parts of what was bought, in the order of a licence's life, from the left."""
    parts, start = [], 0.0
    for code, label, count in (
        ("free", "Libres", position.free),
        ("issued", "Envoyées", position.issued),
        ("redeemed", "Activées, libres", position.redeemed_free),
        ("held", "Attribuées à un enseignant", position.held),
    ):
        width = WIDTH * count / position.bought
        # Written with a point whatever the language: these are SVG attributes.
        parts.append(Part(code, label, count, f"{start:.2f}", f"{width:.2f}"))
        start += width
    return parts


@register.filter
def position_words(position: Position) -> str:
    """Return the bar in words, for those who do not see it."""
    parts = ", ".join(part.words for part in position_parts(position))
    return f"{typography.plural(position.bought, 'licence achetée', 'licences achetées')} : {parts}"


@register.filter
def standing_badge(position: Position) -> SafeString:
    """Return where the rights of a lot are today, as words in a coloured badge."""
    words, colour = _BADGES[position.source.standing_on(_today())]
    return format_html('<span class="badge bg-{}-lt">{}</span>', colour, words)


@register.filter
def standing(position: Position) -> str:
    """Return what a lot's licences wait for, and how long they may; empty where they are paid for."""
    return typography.spaced(standing_in_words(position.source, _today()))


@register.filter
def runs(source: Source) -> str:
    """Return until when licences run: both days, as long as they are not paid for."""
    return until(source, _today())


def _today() -> datetime.date:
    return day_in_france(timezone.now())


@register.filter
def french(value: int) -> str:
    """Return a number as French readers expect it."""
    return typography.number(value)


@register.filter
def school_name(value: str) -> str:
    """Return a school's name with its accent."""
    return names.school_name(value)


@register.filter
def to_school(value: str) -> str:
    """Return « à l'École Jean Jaurès »."""
    return wording.named(value).to_the


@register.filter
def of_school(value: str) -> str:
    """Return « de l'École Jean Jaurès »."""
    return wording.named(value).of_the


@register.filter
def with_class(field: BoundField, css: str) -> SafeString:
    """Return the field's widget with a CSS class."""
    return field.as_widget(attrs={"class": css})

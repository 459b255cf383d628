"""Template filters of « Mon compte »: dates, counters and titles."""

from django import template

from core.formatting import collectivity_forms, format_school_year, pluralize
from licensing.entitlements.overview import SubscriptionCard, TeacherLicence
from licensing.entitlements.wording import format_long_date, format_short_date

register = template.Library()


register.filter("short_date", format_short_date)


@register.filter
def seats_in_words(card: SubscriptionCard) -> str:
    """Return « 1 licence donnée sur 4, 1 réservée à une personne invitée, 2 disponibles »."""
    parts = [f"{pluralize(card.taken, 'licence donnée', 'licences données')} sur {card.subscription.size}"]
    if card.reserved:
        parts.append(pluralize(card.reserved, "réservée à une personne invitée", "réservées à des personnes invitées"))
    return ", ".join([*parts, pluralize(card.free, "disponible")])


@register.filter
def given_in_words(card: SubscriptionCard) -> str:
    """Return « 2 données sur 4 »."""
    return f"{pluralize(card.taken, 'donnée')} sur {card.subscription.size}"


@register.filter
def given_by(card: SubscriptionCard) -> str:
    """Return « 3 licences attribuées par la Ville de Nîmes, jusqu'au 31 août 2027 inclus », without a full stop.

    Of an unpaid order, without until when: `status_text` says it, with what is awaited.
    """
    collectivity = card.entitlement.collectivity
    plural = "" if card.subscription.size == 1 else "s"
    ordered = "commandée" if card.temporary else "achetée"
    giver = f"attribuée{plural} par {collectivity_forms(collectivity.name).the}" if collectivity else ""
    sentence = f"{pluralize(card.subscription.size, 'licence')} {giver or f'{ordered}{plural} en boutique'}"
    return sentence if card.temporary else f"{sentence}, {card.until}"


@register.filter
def missing_in_words(count: int) -> str:
    """Return « Il manque 2 licences »."""
    return f"Il manque {pluralize(count, 'licence')}"


@register.filter
def school_year(ends_in: int) -> str:
    """Return « Année 2026-2027 » for 2027."""
    return f"Année {format_school_year(ends_in)}"


@register.filter
def opening_classes(licences: list[TeacherLicence]) -> list[TeacherLicence]:
    """Return the licences that open a class now."""
    return [licence for licence in licences if licence.opens_classes]


@register.filter
def of_running_years(licences: list[TeacherLicence]) -> list[TeacherLicence]:
    """Return the licences whose school year is not over, be they cancelled or not begun."""
    return [licence for licence in licences if not licence.ended]


@register.filter
def of_past_years(licences: list[TeacherLicence]) -> list[TeacherLicence]:
    """Return the licences of the school years that are over."""
    return [licence for licence in licences if licence.ended]


@register.filter
def since_heading(licences: list[TeacherLicence]) -> str:
    """Return the title of the column of days: licences are bought, or received."""
    bought = {licence.is_bought for licence in licences}
    if bought == {True}:
        return "Date d’achat"
    return "Reçue le" if bought == {False} else "Reçue ou achetée le"


@register.filter
def class_in_words(licences: list[TeacherLicence]) -> str:
    """Return a teacher's title: « Votre classe a Pep's jusqu'au 31 août 2027 », or what they wait for."""
    if usable := opening_classes(licences):
        until = format_long_date(max(licence.entitlement.open_until for licence in usable))
        have = "Votre classe a Pep's" if len(usable) == 1 else f"Vos {len(usable)} classes ont Pep's"
        return f"{have} jusqu'au {until}"
    if coming := [licence.begins_on for licence in licences if licence.available and licence.begins_on]:
        return f"Votre classe aura Pep's à partir du {format_long_date(min(coming))}"
    if any(licence.suspended for licence in licences):
        return "Votre licence est suspendue"
    return "Aucune licence pour le moment"

"""The rules of a new password, as a list beside its field; a script ticks them as they are met.

The server has the say: `AUTH_PASSWORD_VALIDATORS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import MinimumLengthValidator, get_default_password_validators
from django.utils.html import format_html, format_html_join

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


def get_minimum_length() -> int:
    """Return how many characters a password has at least."""
    lengths = [one.min_length for one in get_default_password_validators() if isinstance(one, MinimumLengthValidator)]
    return max(lengths, default=0)


def describe_password_rules(field: str) -> SafeString:
    """Return the rules as a list, for the help text of the field of this name."""
    minimum = get_minimum_length()
    rules = (
        ("length", minimum, f"{minimum} caractères au moins"),
        ("digits", "", "pas seulement des chiffres"),
        ("names", "", "sans votre nom, votre identifiant ni votre adresse"),
    )
    items = format_html_join(
        "",
        '<li data-rule="{}" data-min="{}">{}<span class="visually-hidden" data-met hidden> : respecté</span></li>',
        rules,
    )
    return format_html(
        '<ul class="password-rules" data-password-rules="{}">{}<li>pas un mot de passe courant</li></ul>', field, items
    )

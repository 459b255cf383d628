"""The rules of a new password, as a list beside its field; a script ticks them as they are met.

The server has the say: `AUTH_PASSWORD_VALIDATORS`.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.password_validation import MinimumLengthValidator, get_default_password_validators
from django.forms import BaseForm
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import User
from accounts.password_validators import MIN_OTHER_CHARACTERS, list_personal_words

#: Fields of a form that hold words of the person. The script reads the same.
PERSONAL_FIELDS = ("name", "first_name", "last_name", "username", "email")


def get_minimum_length() -> int:
    """Return how many characters a password has at least."""
    lengths = [one.min_length for one in get_default_password_validators() if isinstance(one, MinimumLengthValidator)]
    return max(lengths, default=0)


def describe_password_rules(field: str, *, known: Iterable[str] = ()) -> SafeString:
    """Return the rules as a list, for the help text of the field of this name.

    `known`: names, usernames and addresses of the person that the form's own fields do not hold.
    """
    minimum = get_minimum_length()
    names = "pas seulement votre nom, votre identifiant ou votre adresse\xa0: au moins"
    rules = (
        ("length", minimum, f"{minimum} caractères au moins"),
        ("digits", "", "pas seulement des chiffres"),
        ("names", MIN_OTHER_CHARACTERS, f"{names} {MIN_OTHER_CHARACTERS} autres lettres ou chiffres"),
    )
    items = format_html_join(
        "",
        '<li data-rule="{}" data-min="{}"><span>{}<span class="visually-hidden" data-met hidden> : respecté</span>'
        "</span></li>",
        rules,
    )
    return format_html(
        '<ul class="password-rules" data-password-rules="{}" data-words="{}">{}'
        "<li><span>ni courant, ni facile à deviner <em>(vérifié à l’envoi)</em></span></li></ul>",
        field,
        " ".join(list_personal_words(known)),
        items,
    )


def list_known_words(user: User | None) -> tuple[str, ...]:
    """Return an account's names, username and address; nothing without an account."""
    return (user.first_name, user.last_name, user.username, user.email) if user is not None else ()


def build_described_person(form: BaseForm, *, known: Iterable[str] = ()) -> User:
    """Return an unsaved person who has all the words of the form and the known ones, to validate a password with."""
    typed = (form.cleaned_data.get(field) or "" for field in PERSONAL_FIELDS)
    return User(first_name=" ".join([*typed, *known]))

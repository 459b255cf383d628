"""Passwords: validators, the rules that pages tell, and resets.

The list of rules describes them. `web/password-rules.js` ticks that of the person's words by the
same computation: what remains without them has to be long enough.
"""

import datetime
import re
from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    get_default_password_validators,
)
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseForm
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name

from accounts import emails, throttling
from accounts.emails import clean_host, queue_email_to_user
from accounts.models import ResetRequest, User
from accounts.throttling import RESET_BY_EMAIL
from core import leaked_passwords
from core.formatting import add_nonbreaking_spaces, fold
from jobs.tasks import defer


@transaction.atomic
def request_reset(*, email: str, host: str, at: datetime.datetime) -> None:
    """Queue a password reset for an address; the work is the same whether or not accounts have it.

    Above the hourly limit for a mailbox no e-mail is sent, and nothing is reported.
    """
    email = email.strip().lower()
    try:
        throttling.count_attempts([(RESET_BY_EMAIL, email)], at=at)
    except throttling.RateLimitExceeded:
        return
    reset_request = ResetRequest.objects.create(email=email, host=clean_host(host), asked_at=at)
    defer("accounts.reset", schema=get_public_schema_name(), priority=10, request_id=reset_request.pk)


@transaction.atomic
def send_reset_emails(*, request_id: int, at: datetime.datetime) -> int:
    """Queue an e-mail for each active account of the address, delete the request; return the count.

    Idempotent. Only an account's confirmed address counts, not a pending one.
    """
    reset_request = ResetRequest.objects.locked().filter(pk=request_id).first()
    if reset_request is None:
        return 0
    users = list(User.objects.filter(email__iexact=reset_request.email, is_active=True).order_by("pk"))
    for user in users:
        queue_email_to_user(user, emails.RESET, host=reset_request.host, at=at)
    reset_request.delete()
    return len(users)


def prune(*, before: datetime.datetime) -> int:
    """Delete unprocessed requests older than a moment; return how many."""
    deleted, _ = ResetRequest.objects.filter(asked_at__lt=before).delete()
    return deleted


#: Shorter words, as « de » or « li », stand in too many passwords.
MIN_WORD_LENGTH = 3
#: Letters or digits that remain at least beside the person's words.
MIN_OTHER_CHARACTERS = 6
#: By zxcvbn's reckoning, where ten drawn letters take 10**10 and three words more. « motdepasse2026 » takes 10**8.
MIN_GUESSES = 10**9
#: What is guessable in so many characters is refused. With 72, its own bound, a password made for it takes 1.9 s of
#: processor; with these 0.4 s, as long as hashing it.
_MAX_SCORED_LENGTH = 32
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CHARACTER = re.compile(r"[^\W_]")


def list_personal_words(values: Iterable[str]) -> list[str]:
    """Return the words of names, usernames and addresses, folded, the longest first.

    Letters and digits are words of their own: « hugo1985 » is « 1985 » and « hugo ».
    """
    words = {word for value in values for word in _WORD.findall(fold(value)) if len(word) >= MIN_WORD_LENGTH}
    return sorted(words, key=lambda word: (-len(word), word))


def is_mostly_personal(password: str, words: Iterable[str]) -> bool:
    """Return whether too little of the password remains without the words, of which it has one at least."""
    folded = fold(password)
    rest = folded
    for word in words:
        rest = rest.replace(word, " ")
    return rest != folded and len(_CHARACTER.findall(rest)) < MIN_OTHER_CHARACTERS


class PersonalWordsValidator:
    """Refuse a password that holds little more than words of the person's names, username and address.

    Django's own validator of similarity compares the password with one attribute at a time: it accepts
    « hugopetit1 » for Hugo Petit.
    """

    code = "password_mostly_personal"

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise `ValidationError` for a password that is mostly the person's words."""
        if user is None:
            return
        words = list_personal_words((user.first_name, user.last_name, user.username, user.email))
        if is_mostly_personal(password, words):
            raise ValidationError(
                add_nonbreaking_spaces(
                    "Ce mot de passe tient presque tout entier dans votre nom, votre identifiant ou votre adresse : "
                    f"il lui faut au moins {MIN_OTHER_CHARACTERS} autres lettres ou chiffres."
                ),
                code=self.code,
            )

    def get_help_text(self) -> str:
        """Return the rule in one sentence."""
        return (
            "Votre mot de passe doit avoir, en plus de votre nom, de votre identifiant et de votre adresse, au moins "
            f"{MIN_OTHER_CHARACTERS} lettres ou chiffres."
        )


class GuessablePasswordValidator(CommonPasswordValidator):
    """Refuse a password of Django's list, or one that a guesser finds early: common words, names, dates, keyboards."""

    @sensitive_variables()
    def validate(self, password: str, user: User | None = None) -> None:
        """Raise `ValidationError` for a password that is common, or little more than something common."""
        super().validate(password, user)
        import zxcvbn  # noqa: PLC0415 - its lists take 40 ms and 13 MB, which most processes never need

        # In small letters, as guessers try capitals as well; without words of the person, which zxcvbn would keep in a
        # dictionary that threads share.
        if password and zxcvbn.zxcvbn(password[:_MAX_SCORED_LENGTH].lower())["guesses"] < MIN_GUESSES:
            raise ValidationError(self.get_error_message(), code="password_too_common")

    def get_error_message(self) -> str:
        """Return the refusal, for both reasons."""
        return add_nonbreaking_spaces(
            "Ce mot de passe est courant ou se devine vite : un mot, un prénom, une date ou une suite de touches, même "
            "avec des chiffres, se trouve en peu d’essais. Prenez par exemple trois ou quatre mots sans rapport "
            "entre eux."
        )

    def get_help_text(self) -> str:
        """Return the rule in one sentence."""
        return "Votre mot de passe ne doit être ni courant, ni facile à deviner."


class LeakedPasswordValidator:
    """Refuse a password that is known from a leak, where the operator has given a file of them or names a service."""

    @sensitive_variables()
    def validate(self, password: str, user: User | None = None) -> None:
        """Raise `ValidationError` for a password of the file; the service is asked about what the file has not."""
        file, url = settings.PASSWORD_LEAKS_FILE, settings.PASSWORD_LEAKS_URL
        if (file and leaked_passwords.is_in_file(file, password)) or (
            url and leaked_passwords.is_known_to_service(url, password)
        ):
            raise ValidationError(
                add_nonbreaking_spaces(
                    "Ce mot de passe est connu : il figure dans une liste de mots de passe volés sur d’autres sites, "
                    "que des fraudeurs essaient. Choisissez-en un autre, et changez-le aussi là où vous l’utilisez."
                ),
                code="password_leaked",
            )

    def get_help_text(self) -> str:
        """Return the rule in one sentence."""
        return "Votre mot de passe ne doit pas figurer dans une liste de mots de passe volés."


# The rules of a new password, as a list beside its field; a script ticks them as they are met.
#
# The server has the say: `AUTH_PASSWORD_VALIDATORS`.

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

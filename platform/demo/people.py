"""The people of the demonstration, and how they sign up: through the portal's own pages, as anybody does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.test import Client

from accounts.models import Profile, User

if TYPE_CHECKING:
    from collections.abc import Callable

#: Everybody's, in the demonstration.
PASSWORD = "Pomme-Cerise-2026"  # noqa: S105 - told to whoever runs the demonstration
_LINK = re.compile(r"https?://[^/\s]+(/adresse/confirmer/\S+)")


class SignUpRefused(Exception):
    """The page refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    first_name: str
    last_name: str
    profile: Profile

    @property
    def email(self) -> str:
        """An address under a name reserved for examples."""
        return f"{self.username}@personnes-demo.example"


PRINCIPAL = Person("camille", "Camille", "Martin", Profile.PRINCIPAL)
TEACHERS = (
    Person("benoit", "Benoît", "Colas", Profile.TEACHER),
    Person("aicha", "Aïcha", "Bensaïd", Profile.TEACHER),
)
TEACHER_BY_HAND = Person("nadine", "Nadine", "Roux", Profile.TEACHER)
OPERATOR = Person("exploitant", "Dominique", "Lambert", Profile.AGENT)


def sign_up(person: Person, school: dict[str, str], letter_to: Callable[[str], str]) -> User:
    """Fill in the sign-up page, follow the link of the e-mail that it causes, and return the account.

    `school`: the page's fields about it. `letter_to`: waits for the letter to an address, and returns its text.
    Raises `SignUpRefused`.
    """
    browser = Client(HTTP_HOST=_host())
    answer = browser.post(
        "/inscription/",
        {
            "profile": person.profile,
            "username": person.username,
            "last_name": person.last_name,
            "first_name": person.first_name,
            "email": person.email,
            "password1": PASSWORD,
            "password2": PASSWORD,
            **school,
        },
    )
    user = User.objects.filter(username=person.username).first()
    if user is None:
        words = re.sub(r"<[^>]+>|\s+", " ", answer.content.decode())
        raise SignUpRefused(f"L'inscription de {person.first_name} a été refusée : {words[:600]}")
    link = _LINK.search(letter_to(person.email))
    if link is None:
        raise SignUpRefused(f"L'e-mail reçu par {person.email} ne contient pas de lien de confirmation.")
    browser.post(link[1])
    return user


def browser(username: str, *, slug: str = "") -> Client:
    """Sign the account in with the demonstration's password, at the portal or at an office; return its browser."""
    signed_in = Client(HTTP_HOST=_host(slug))
    signed_in.post("/connexion/", {"login": username, "password": PASSWORD})
    return signed_in


def signs_in(username: str, *, slug: str = "") -> bool:
    """Whether the account can sign in."""
    return "_auth_user_id" in browser(username, slug=slug).session


def _host(slug: str = "") -> str:
    host = f"{slug}.{settings.BASE_DOMAIN}" if slug else settings.BASE_DOMAIN
    return f"{host}:{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else host

"""People of the demo, who sign up through the portal's pages."""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from collectivities.operations.members import join_with_new_account
from core.connections import connected_as_owner
from core.links import LINK_FIELD
from tenants.models import Collectivity

#: Password of all demo accounts.
PASSWORD = "Pomme-Cerise-2026"  # noqa: S105 - a demo password, printed by the command
#: The link of an invitation, to an office or to a licence.
INVITATION = re.compile(r"/invitation/#jeton=(\S+)")
_LINK = re.compile(r"(/adresse/confirmer/)#jeton=(\S+)")


class SignUpFailed(Exception):
    """The page or its e-mail was not as expected; the message contains an excerpt."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    username: str
    first_name: str
    last_name: str
    profile: Profile

    @property
    def email(self) -> str:
        """An address in a reserved example domain."""
        return f"{self.username}@personnes-demo.example"


PRINCIPAL = DemoPerson("camille", "Camille", "Martin", Profile.PRINCIPAL)
TEACHERS = (
    DemoPerson("benoit", "Benoît", "Colas", Profile.TEACHER),
    DemoPerson("aicha", "Aïcha", "Bensaïd", Profile.TEACHER),
)
TEACHER_BY_HAND = DemoPerson("nadine", "Nadine", "Roux", Profile.TEACHER)
#: Gives licences back.
SPARING_PRINCIPAL = DemoPerson("paul", "Paul", "Durand", Profile.PRINCIPAL)
#: Invited, and yet to answer.
INVITED_TEACHER = DemoPerson("lea.martin", "Léa", "Martin", Profile.TEACHER)
OPERATOR = DemoPerson("exploitant", "Dominique", "Lambert", Profile.AGENT)


def describe_accounts(template: str, port: int, context: dict[str, Any]) -> str:
    """Return who can sign in where, by a text template of the demonstration."""
    host = f"{settings.BASE_DOMAIN}:{port}"
    common = {"host": host, "portal": f"http://{host}/", "password": PASSWORD}
    return render_to_string(f"demo/{template}.txt", common | context).rstrip()


def create_operator(**options: Any) -> User:
    """Create the operator's account, as its command does: as the owner of the tables."""
    with connected_as_owner("Le compte d'exploitation de la démonstration"):
        user = User.objects.create_superuser(
            username=OPERATOR.username, email=OPERATOR.email, first_name=OPERATOR.first_name,
            last_name=OPERATOR.last_name, **options,
        )  # fmt: skip
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def join_by_letter(text: str, office: Collectivity, *, at: datetime.datetime, **names: str) -> User:
    """Create a member's account by the link of a letter. `names`: of the account. Raises `SignUpFailed`."""
    token = INVITATION.search(text)
    if token is None:
        raise SignUpFailed(f"L'invitation reçue par {names['username']} ne contient pas de lien.")
    with tenant_context(office):
        return join_with_new_account(token=token[1], password=PASSWORD, at=at, **names).user


def sign_up(person: DemoPerson, school: dict[str, str], email_to: Callable[[str], str]) -> User:
    """Submit the sign-up page, follow the link of the confirmation e-mail, and return the account.

    `school`: the page's school fields. `email_to`: waits for the e-mail to an address, and returns its text.
    Raises `SignUpFailed`.
    """
    client = Client(HTTP_HOST=_build_host())
    response = client.post(
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
        text = re.sub(r"<[^>]+>|\s+", " ", response.content.decode())
        raise SignUpFailed(f"L'inscription de {person.first_name} a été refusée : {text[:600]}")
    link = _LINK.search(email_to(person.email))
    if link is None:
        raise SignUpFailed(f"L'e-mail reçu par {person.email} ne contient pas de lien de confirmation.")
    page = client.post(link[1], {LINK_FIELD: link[2]})
    client.post(page["Location"])
    return user


def sign_in(username: str, *, slug: str = "") -> Client:
    """Sign the account in at the portal or an office, and return the test client."""
    client = Client(HTTP_HOST=_build_host(slug))
    client.post("/connexion/", {"login": username, "password": PASSWORD})
    return client


def _build_host(slug: str = "") -> str:
    host = f"{slug}.{settings.BASE_DOMAIN}" if slug else settings.BASE_DOMAIN
    return f"{host}:{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else host

"""An office, its schools, a token of its API, and people with sessions, as several measures need them."""

import datetime

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import Profile, User
from api import tokens
from api.models import TokenScope
from collectivities.operations import offices
from schools.models import Affiliation, School
from schools.uai import check_letter
from tenants.models import Collectivity


def create_schools(count: int) -> list[School]:
    """Create as many schools of one commune, each with an e-mail address; return them."""
    now = timezone.now()
    numbers = [f"0{300_000 + number:06d}" for number in range(count)]
    return School.objects.bulk_create(
        School(
            uai=number + check_letter(number),
            name=f"École élémentaire n° {number}",
            commune="Nîmes",
            email=f"ce.{number}@ac-exemple.example",
            changed_at=now,
        )
        for number in numbers
    )


def open_office(*, name: str = "Ville de Nîmes", slug: str = "nimes", siren: str = "213001894") -> Collectivity:
    """Open a commune's office under this slug."""
    return offices.open_office(
        name=name,
        kind="commune",
        siren=siren,
        slug=slug,
        key_prefix=slug.upper(),
        manager_email=f"chef@{slug}.example",
        by=None,
        at=timezone.now(),
    )


def create_token() -> str:
    """Create a token of the current office with all scopes, valid for a day; return its secret."""
    now = timezone.now()
    made = tokens.create(
        name="Mesure", scopes=TokenScope.values, expires_at=now + datetime.timedelta(days=1), by=None, at=now
    )
    return made.secret


def create_person(username: str, profile: Profile, uai: str) -> User:
    """Create an account that belongs to the school."""
    user = User.objects.create(
        username=username,
        first_name="Camille",
        last_name="Martin",
        email=f"{username}@exemple.example",
        profile=profile,
    )
    Affiliation.objects.create(user=user, school_id=uai, since=timezone.now())
    return user


def open_browser(user: User, host: str) -> Client:
    """Return a browser in which the user is signed in at the host."""
    browser = Client(HTTP_HOST=host)
    browser.force_login(user)
    session = browser.session
    session["host"] = host
    session.save()
    return browser


def sign_in(user: User, host: str) -> dict[str, str]:
    """Return the cookie of a new session of the user at the host."""
    browser = open_browser(user, host)
    return {settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value}

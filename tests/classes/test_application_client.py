"""The learning application's client against a live server, and the published OpenAPI description."""

import datetime
import json
import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from licensing.classes import tickets, tokens
from licensing.entitlements.models import Entitlement
from tests.classes.application_client import EntryError, PortalClient
from tests.classes.class_rows import create_taught_class
from tests.conftest import TERM
from tests.host_client import HostClient

NOW = datetime.datetime.now(tz=datetime.UTC)
DESCRIPTION = Path(__file__).resolve().parent.parent.parent / "docs" / "application.openapi.json"


@pytest.fixture
def listening(committing, live_server, monkeypatch):
    """The portal's URL under its own host name, without DNS."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    resolve = socket.getaddrinfo

    def here(host, *rest, **more):
        return resolve("127.0.0.1" if host == settings.BASE_DOMAIN else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    return f"http://{settings.BASE_DOMAIN}:{live_server.thread.port}"


@pytest.mark.slow
def test_a_client_spends_a_ticket_polls_the_person_and_learns_of_an_erasure(listening):
    classroom = create_taught_class(last_day=NOW.date() + datetime.timedelta(days=30))
    teacher, pupil = HostClient(settings.BASE_DOMAIN), classroom.pupils.get()
    teacher.force_login(classroom.seat.holder)
    assert 'href="/application/"' in teacher.get("/mon-compte/").content.decode()
    (carried,) = parse_qs(urlsplit(teacher.get("/application/")["Location"]).query)["ticket"]
    ticket = tickets.create(person=tickets.ApplicationUser("pupil", pupil.pk), at=timezone.now())
    portal = PortalClient(listening, tokens.create(name="Essai", by=None, at=TERM).secret)
    assert portal.spend(carried)["person"] == f"teacher-{classroom.seat.holder_id}"
    who = portal.spend(ticket)
    assert (who["person"], who["allowed"], who["classes"][0]["code"]) == (f"pupil-{pupil.pk}", True, classroom.code)
    with pytest.raises(EntryError) as refusal:
        portal.spend(ticket)
    assert (refusal.value.status, refusal.value.code) == (404, "unknown_ticket")
    Entitlement.objects.update(suspended_at=TERM)
    assert portal.ask_again(who["person"])["reason"] == "licence_suspended"
    pupil.delete()
    assert portal.ask_again(who["person"]) is None
    with pytest.raises(EntryError) as refusal:
        PortalClient(listening, "peps_perdu").spend(ticket)
    assert refusal.value.code == "invalid_token"


def test_the_description_for_programs_is_what_the_endpoint_does(tmp_path):
    made = tmp_path / "made.json"
    call_command(
        "spectacular",
        urlconf="licensing.classes.urls_application",
        custom_settings="licensing.classes.api.SCHEMA",
        format="openapi-json",
        fail_on_warn=True,
        file=str(made),
    )
    assert json.loads(made.read_text()) == json.loads(DESCRIPTION.read_text()), (
        "docs/application.md says how to make it"
    )

"""The office's messages in a real browser, while a real worker sends them to a real server."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from mailing import kinds, operations
from mailing.kinds import RenderedEmail
from mailing.models import Message, MessageState
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient
from tests.mailing.note import render_note
from tests.smtp_sink import RecordingSink
from tests.waits import LAST_S
from tests.workers import running_worker

KEY = "NIMES-7K3M-Q9TX-2HWB"


@pytest.fixture(autouse=True)
def _kind():
    kinds.register(
        "note",
        label="Clé d'activation",
        render=render_note,
        preview=render_note,
        reveal=lambda *_, **__: RenderedEmail(subject="Votre clé", text=f"Bonjour,\n\n{KEY}\n"),
        resend=lambda _, *, recipient, by, at: operations.enqueue(kind="note", recipient=recipient, at=at),  # noqa: ARG005 - by its name
    )
    yield
    kinds.unregister("note")


@pytest.fixture
def visit(committing, site):
    """Opens the tab of a manager."""

    def open_tab(*, scripts=True):
        client = HostClient("nimes.peps.localhost")
        user = MemberFactory(roles=[Role.MANAGER]).user
        client.force_login(user)
        client.confirm_identity(user)
        session = client.session
        session["host"] = f"{client.host}:{site.port}"
        session.save()
        return site.person(scripts=scripts, session=session.session_key, slug="nimes")

    # The browser's event loop gives this thread another connection, which starts in the public schema.
    with tenant_context(committing):
        yield open_tab


def one_of_each():
    now = timezone.now()
    for number, state in enumerate(MessageState):
        message = operations.enqueue(
            kind="note", recipient=f"ecole{number}@exemple.example", at=now, about=f"École Zola n° {number} (0300001A)"
        )
        Message.objects.filter(pk=message.pk).update(
            state=state,
            lease_until=now + datetime.timedelta(minutes=5) if state == MessageState.SENDING else None,
            sent_at=now if state in (MessageState.SENT, MessageState.DELIVERED) else None,
            due_at=now + datetime.timedelta(hours=1) if state == MessageState.DEFERRED else now,
            reason="La boîte du destinataire est pleine. Réponse du serveur : 552 5.2.2 Over quota"
            if state in (MessageState.DEFERRED, MessageState.FAILED, MessageState.BOUNCED)
            else "",
            reported_at=now if state in (MessageState.DELIVERED, MessageState.BOUNCED) else None,
        )


def test_pages_of_every_message_state_have_no_problems(visit):
    one_of_each()
    tab = visit()
    found = {}
    tab.open("/messages/", slug="nimes")
    found["list"] = find_problems_at_both_widths(tab)
    for message in Message.objects.filter(state__in=[MessageState.SENDING, MessageState.FAILED]):
        tab.open(f"/messages/{message.pk}/", slug="nimes")
        found[message.state] = find_problems_at_both_widths(tab)
    frame = tab.page.frame_locator("iframe.message-frame")
    expect(frame.get_by_text("voici le message")).to_be_visible()
    tab.page.get_by_role("button", name="Afficher la clé").click()
    expect(tab.page.get_by_text(KEY)).to_be_visible()
    found["revealed"] = find_problems_at_both_widths(tab)
    assert not any(found.values()), found


def test_the_list_follows_a_message_while_it_is_sent(visit):
    with RecordingSink() as sink:
        sink.behaviour.recipients["fausse@exemple.example"] = "550 5.1.1 User unknown"
        operations.enqueue(kind="note", recipient="juste@exemple.example", at=timezone.now())
        operations.enqueue(kind="note", recipient="fausse@exemple.example", at=timezone.now())
        tab = visit()
        page = tab.open("/messages/", slug="nimes")
        expect(page.get_by_text("Envoi en cours")).to_be_visible()
        with running_worker("--until-idle", SMTP_HOST=sink.hostname, SMTP_PORT=str(sink.port)):
            expect(page.get_by_text("Accepté par le serveur d’envoi")).to_be_visible(timeout=LAST_S * 1000)
            expect(page.get_by_text("Cette adresse n’existe pas")).to_be_visible(timeout=LAST_S * 1000)
        expect(page.get_by_text("Envoi en cours")).not_to_be_visible(timeout=LAST_S * 1000)
        page.get_by_role("link", name="Message n°").first.click()
        page.get_by_label("Adresse e-mail").fill("corrigee@exemple.example")
        page.get_by_role("button", name="Renvoyer").click()
        expect(page.get_by_text("Un nouveau message est en route vers corrigee@exemple.example.")).to_be_visible()
        assert tab.complaints == []


def test_without_scripts_the_list_is_reloaded_by_a_link(visit):
    message = operations.enqueue(kind="note", recipient="juste@exemple.example", at=timezone.now())
    page = visit(scripts=False).open("/messages/", slug="nimes")
    Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, sent_at=timezone.now())
    page.get_by_role("link", name="Actualiser").click()
    expect(page.get_by_text("Accepté par le serveur d’envoi")).to_be_visible()

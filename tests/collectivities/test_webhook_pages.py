"""The office's webhook pages: adding, testing, deliveries, replay."""

import datetime
import html
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.models import AuditEntry
from tests.factories.collectivities import MemberFactory
from tests.webhooks import receiver as behaviours
from tests.webhooks.conftest import endpoint, reachable, receiver  # noqa: F401 - fixtures
from tests.webhooks.events import deliver_due, emit_events, make_issued_event
from webhooks.models import Delivery, WebhookEndpoint

URL = "https://si.ville.example/peps"


@pytest.fixture
def manager(nimes, office):
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


def page(browser, name, *args, **query):
    answer = browser.get(reverse(name, args=args, urlconf="config.urls_tenant"), query)
    assert answer.status_code == 200
    return text(answer)


def text(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def post(browser, name, *args, data=None, follow=True):
    return browser.post(reverse(name, args=args, urlconf="config.urls_tenant"), data or {}, follow=follow)


@pytest.mark.slow
def test_an_office_without_webhooks_says_what_to_do(manager):
    assert "ajoutez un webhook" in page(manager, "webhooks:list")
    assert "Régler les webhooks" in page(manager, "office_settings")


@pytest.mark.slow
def test_a_webhook_is_added_and_its_secret_is_shown_once(manager):
    answer = post(manager, "webhooks:new", data={"url": URL, "types": ["pool.low"]})
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]+", answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    webhook = WebhookEndpoint.objects.get()
    assert (webhook.url, webhook.types) == (URL, ["pool.low"])
    for shown in (page(manager, "webhooks:list"), page(manager, "webhooks:detail", webhook.pk)):
        assert URL in shown
        assert "Lot presque épuisé" in shown
        assert secret not in shown
    assert "Rien n’a encore été envoyé" in page(manager, "webhooks:detail", webhook.pk)
    assert AuditEntry.objects.get(action="webhooks.created").summary == "Webhook vers si.ville.example : ajouté."
    again = post(manager, "webhooks:new", data={"url": URL})
    assert "Un webhook conduit déjà à cette adresse" in text(again)
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "result"),
    [("", "Indiquez l’adresse"), ("https://10.0.0.1/", "réseau privé"), ("si.ville.example", "adresse complète")],
)
def test_an_invalid_url_is_reported_at_its_field(manager, url, result):
    answer = post(manager, "webhooks:new", data={"url": url})
    assert result in text(answer)
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.slow
def test_a_webhook_is_changed_switched_off_and_deleted(manager, endpoint, receiver):  # noqa: F811 - the fixtures
    post(manager, "webhooks:edit", endpoint.pk, data={"url": URL, "types": ["order.paid"]})
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.types, endpoint.is_enabled) == (URL, ["order.paid"], False)
    shown = page(manager, "webhooks:detail", endpoint.pk)
    assert "Désactivé" in shown
    assert "pour l’essayer" in shown
    assert "Ce webhook est désactivé" in text(post(manager, "webhooks:test", endpoint.pk))
    assert "Plus rien n’est envoyé" in page(manager, "webhooks:remove", endpoint.pk)
    assert "plus rien ne lui est envoyé" in text(post(manager, "webhooks:remove", endpoint.pk))
    gone = manager.get(reverse("webhooks:detail", args=[endpoint.pk], urlconf="config.urls_tenant"))
    assert gone.status_code == 404


@pytest.mark.slow
def test_a_double_click_rotates_the_secret_once(manager, endpoint):  # noqa: F811 - the fixture
    seen = re.search(
        r'name="vu" value="([^"]*)"', manager.get(f"/reglages/webhooks/{endpoint.pk}/secret/").content.decode()
    )
    first = post(manager, "webhooks:rotate", endpoint.pk, data={"vu": seen[1]})
    assert "whsec_" in text(first)
    second = post(manager, "webhooks:rotate", endpoint.pk, data={"vu": seen[1]})
    assert "whsec_" not in text(second)
    assert "vient d’être renouvelé" in text(second)
    assert "Le secret précédent signe aussi" in text(second)


@pytest.mark.slow
def test_a_test_delivery_shows_the_response_and_can_be_replayed(manager, endpoint, receiver):  # noqa: F811 - the fixtures
    receiver.behaviour = behaviours.respond_with(500, b"<script>alert(1)</script>")
    answer = post(manager, "webhooks:test", endpoint.pk)
    assert "Pas encore de tentative" in text(answer)
    deliver_due(endpoint)
    delivery = Delivery.objects.get()
    answer = manager.get(f"/reglages/webhooks/{endpoint.pk}/envois/{delivery.pk}/")
    assert "<script>alert" not in answer.content.decode()
    assert ">Essai<" in re.sub(r"\s+", "", answer.content.decode())
    shown = text(answer)
    assert "Le serveur du destinataire est en panne (réponse 500)." in shown
    assert "Prochain essai" in shown
    assert "Rejouer" not in shown
    assert "En échec" in page(manager, "webhooks:detail", endpoint.pk)
    receiver.behaviour = behaviours.respond_with(200)
    Delivery.objects.update(next_at=timezone.now())
    deliver_due(endpoint)
    assert "Remis (réponse 200)." in page(manager, "webhooks:delivery", endpoint.pk, delivery.pk)
    assert "l’envoi repart" in text(post(manager, "webhooks:replay", endpoint.pk, delivery.pk)).replace("'", "’")
    deliver_due(endpoint)
    assert len(receiver.received) == 3
    assert AuditEntry.objects.filter(action="webhooks.replayed").exists()


@pytest.mark.slow
def test_a_webhook_at_rest_says_when_it_is_tried_again(manager, endpoint):  # noqa: F811 - the fixture
    now = timezone.now()
    WebhookEndpoint.objects.update(failing_since=now, paused_until=now + datetime.timedelta(minutes=5), failures=3)
    assert "Au repos" in page(manager, "webhooks:list")
    assert "« Essayer » n’attend pas" in page(manager, "webhooks:detail", endpoint.pk)
    WebhookEndpoint.objects.update(is_enabled=False, disabled_reason="gone")
    assert "ne veut plus rien recevoir (410)" in page(manager, "webhooks:detail", endpoint.pk).replace("\xa0", " ")


@pytest.mark.slow
def test_deliveries_are_filtered_by_a_constant_number_of_queries(manager, endpoint, django_assert_num_queries):  # noqa: F811 - the fixture
    emit_events(make_issued_event(1), make_issued_event(2))
    page(manager, "webhooks:detail", endpoint.pk)
    # Two search_paths, the host, the session with the user, the member, the webhook, the count, the page.
    with django_assert_num_queries(8):
        page(manager, "webhooks:detail", endpoint.pk)
    emit_events(*(make_issued_event(number) for number in range(20)))
    with django_assert_num_queries(8):
        page(manager, "webhooks:detail", endpoint.pk)
    assert "22 envois" in page(manager, "webhooks:detail", endpoint.pk)
    assert "Aucun envoi ne répond à ces critères" in page(manager, "webhooks:detail", endpoint.pk, etat="failed")

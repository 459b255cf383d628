"""The operator's admin: access, the search of all collectivities, opening offices."""

import datetime

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.urls import URLResolver, reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.models import Invitation
from collectivities.operations.offices import request_office
from mailing.models import Message
from tenants.models import Collectivity, OfficeRequest
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory, UserFactory
from tests.tiers import sampled

ASKED = {
    "name": "Ville d'Alès",
    "kind": "commune",
    "siren": "213000078",
    "applicant": "Awa Diop",
    "email": "awa@ales.example",
}


def admin_url(name, *args):
    return reverse(f"admin:{name}", urlconf="config.urls_public", args=args)


OWN_PAGES = [admin_url("index"), admin_url("global_search"), admin_url("month"), admin_url("year")]
PAGES = [
    *OWN_PAGES,
    admin_url("everything"),
    *(admin_url(f"{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry),  # noqa: SLF001 - the only list there is
]


@pytest.fixture
def operator(portal):
    user = OperatorFactory()
    portal.force_login(user)
    portal.user = user
    return portal


@pytest.fixture
def asked(db):
    return request_office(**ASKED, at=TERM)


@pytest.mark.parametrize("page", sampled(PAGES))
def test_every_page_requires_the_operator(page, portal):
    assert portal.get(page).status_code == 302
    portal.force_login(UserFactory(is_staff=True))
    assert portal.get(page).status_code in (302, 403)
    portal.force_login(OperatorFactory())
    answer = portal.get(page)
    assert answer.status_code == 200
    # The admin's own pages need the looser policy, ours do not.
    assert ("'unsafe-" in answer["Content-Security-Policy"]) == (page not in OWN_PAGES)
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("page", sampled([page for page in PAGES if page not in OWN_PAGES]))
def test_every_page_of_the_admin_begins_with_the_menu_of_our_own_pages(page, operator):
    shown = operator.get(page).content.decode()
    menu = shown[shown.index('<nav aria-label="Pages de l’exploitation">') : shown.index('id="header-inner"')]
    for url, label in ((admin_url("index"), "Ce qui attend"), (admin_url("month"), "Le mois en chiffres")):
        assert f'href="{url}">{label}<' in menu
    assert "Toute l’administration</a>" in menu
    assert "<button>Déconnexion</button>" in menu
    assert "UAI, e-mail, clé" in menu


@pytest.mark.slow
def test_a_collectivity_s_record_is_in_french(operator, nimes):
    shown = operator.get(admin_url("tenants_collectivity_change", nimes.pk)).content.decode()
    assert "Schema name" not in shown
    assert "schéma de la base de données" in shown.lower()
    assert nimes.schema_name in shown


def list_admin_urls(patterns):
    """Return the URL of every admin page but sign-in and sign-out, with id 1 where it takes an argument."""
    known = {"app_label": "orders", "action_path": "confirmer", "begins_on": datetime.date(2026, 9, 1)}
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_admin_urls(pattern.url_patterns)
        elif pattern.name and pattern.name not in ("login", "logout"):
            kwargs = {name: known.get(name, 1) for name in pattern.pattern.regex.groupindex}
            yield reverse(f"admin:{pattern.name}", urlconf="config.urls_public", kwargs=kwargs)


ADMIN_URLS = sorted(set(list_admin_urls(admin.site.urls[0])))


@pytest.mark.slow
@pytest.mark.parametrize(
    "urls", [pytest.param(ADMIN_URLS[::25], id="some"), pytest.param(ADMIN_URLS, marks=pytest.mark.slow, id="all")]
)
def test_every_admin_url_requires_the_operator(portal, urls):
    """Files, batches and admin actions as well, for one object or for all."""
    assert len(ADMIN_URLS) > 150
    assert "/admin/orders/order/1/faire/confirmer/" in ADMIN_URLS
    passed = []
    for user in (None, PrincipalFactory(), UserFactory(is_staff=True)):
        if user is not None:
            portal.force_login(user)
        for url in urls:
            for method in (portal.get, portal.post):
                answer = method(url)
                refused = answer.status_code == 403 or "connexion" in answer.get("Location", "")
                to_sign_in = answer.get("Location", "").startswith("/admin/login/")
                if not (refused or to_sign_in):
                    passed.append((user, url, answer.status_code))
    assert passed == []


def test_the_operator_signs_in_by_the_portals_page(portal):
    answer = portal.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/connexion/?next=")


@pytest.mark.slow
@pytest.mark.as_owner
def test_a_superuser_made_by_command_signs_in_at_once(portal, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "un mot de passe sûr")
    call_command("createsuperuser", interactive=False, username="op", email="op@peps.example", verbosity=0)
    answer = portal.post("/connexion/?next=/admin/", {"login": "op", "password": "un mot de passe sûr"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert portal.get("/admin/").status_code == 200


@pytest.mark.slow
def test_pending_work_is_listed_first(operator, asked):
    page = operator.get("/admin/").content.decode()
    assert f'href="{admin_url("tenants_officerequest_change", asked.pk)}">Bureau demandé<' in page
    assert "jamais été synchronisé" in page


@pytest.mark.slow
def test_an_office_is_opened_by_a_form(operator):
    fields = {"name": "Ville d'Alès", "kind": "commune", "siren": "213000079", "manager_email": "awa@ales.example"}
    refused = operator.post(admin_url("tenants_collectivity_add"), fields)
    assert "faute de frappe" in refused.content.decode()
    done = operator.post(admin_url("tenants_collectivity_add"), fields | {"siren": "213 000 078"}, follow=True)
    assert "http://ales.peps.localhost/" in done.content.decode()
    with tenant_context(Collectivity.objects.get(slug="ales")):
        assert Invitation.objects.get().invited_by_id == operator.user.pk


@pytest.mark.slow
def test_a_request_is_accepted_after_a_page_that_says_what_will_happen(operator, asked):
    page = admin_url("tenants_officerequest_accept", asked.pk)
    result = operator.get(page).content.decode()
    assert "awa@ales.example" in result
    assert 'value="ales"' in result
    assert not Collectivity.objects.filter(slug="ales").exists()
    operator.post(page, {"slug": "ales-ville", "key_prefix": ""})
    assert Collectivity.objects.get(siren="213000078").slug == "ales-ville"
    assert "déjà été traitée" in operator.post(page, {"slug": "encore"}).content.decode()
    assert (
        "déjà" in operator.post(admin_url("tenants_officerequest_decline", asked.pk), {"reason": "x"}).content.decode()
    )


@pytest.mark.slow
def test_a_request_is_declined_with_a_reason(operator, asked):
    page = admin_url("tenants_officerequest_decline", asked.pk)
    operator.post(page, {"reason": ""})
    assert OfficeRequest.objects.get().state == "pending"
    operator.post(page, {"reason": "Le département a un bureau."})
    assert OfficeRequest.objects.get().reason == "Le département a un bureau."


@pytest.mark.slow
def test_a_collectivity_is_neither_changed_nor_deleted(operator, gard):
    page = admin_url("tenants_collectivity_change", gard.pk)
    assert operator.get(page).status_code == 200
    assert operator.post(page, {"name": "x"}).status_code == 403
    assert operator.post(admin_url("tenants_collectivity_delete", gard.pk), {"post": "yes"}).status_code == 403


@pytest.mark.slow
def test_the_menu_leads_to_every_list_there_is_and_speaks_french(operator):
    shown = operator.get(admin_url("everything")).content.decode()
    for model in admin.site._registry:  # noqa: SLF001 - no public way to ask what is registered
        # To the list, or to the page under it where work begins.
        assert f'href="/admin/{model._meta.app_label}/{model._meta.model_name}/' in shown, model  # noqa: SLF001
    users = operator.get("/admin/accounts/user/").content.decode()
    for english in ("Type to search", "Available shortcuts", "Global shortcuts", "Apply Filters"):
        assert english not in users


@pytest.mark.slow
def test_the_portals_lost_emails_are_shown_with_their_reason(operator):
    now = timezone.now()
    lost, _ = (
        Message.objects.create(kind="seat.assigned", recipient=recipient, created_at=now, due_at=now, **outcome)
        for recipient, outcome in (
            ("perdu@exemple.example", {"state": "failed", "reason": "Cette adresse n'existe pas."}),
            ("recu@exemple.example", {"state": "sent", "sent_at": now}),
        )
    )
    home = operator.get("/admin/").content.decode()
    assert f'href="{admin_url("mailing_message_change", lost.pk)}">E-mail non remis<' in home
    assert "recu@exemple.example" not in home
    shown = operator.get("/admin/mailing/message/?arrivee=non").content.decode()
    assert "perdu@exemple.example" in shown
    assert "Cette adresse n’existe pas." in shown
    assert "recu@exemple.example" not in shown

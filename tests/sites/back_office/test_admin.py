"""The operator's admin: access, the search of all collectivities, opening offices."""

from __future__ import annotations

import datetime
import logging

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.urls import URLResolver, reverse
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from collectivities.models import Invitation
from collectivities.operations.members import invite
from collectivities.operations.office_requests import request_office
from licensing.entitlements import keys
from mailing.models import Message
from tenants.models import Collectivity, OfficeRequest
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import KeyFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

ASKED = {
    "name": "Ville d'Alès",
    "kind": "commune",
    "siren": "213000078",
    "applicant": "Awa Diop",
    "email": "awa@ales.example",
}


def admin_url(name, *args):
    return reverse(f"admin:{name}", urlconf="config.urls_public", args=args)


PAGES = [
    admin_url("index"),
    admin_url("global_search"),
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


@pytest.mark.parametrize("page", PAGES)
def test_every_page_requires_the_operator(page, portal):
    assert portal.get(page).status_code == 302
    portal.force_login(UserFactory(is_staff=True))
    assert portal.get(page).status_code in (302, 403)
    portal.force_login(OperatorFactory())
    answer = portal.get(page)
    assert answer.status_code == 200
    assert "'unsafe-eval'" in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]


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


def test_every_admin_url_requires_the_operator(portal):
    """Files, batches and admin actions as well, for one object or for all."""
    assert len(ADMIN_URLS) > 150
    assert "/admin/orders/order/1/faire/confirmer/" in ADMIN_URLS
    passed = []
    for user in (None, PrincipalFactory(), UserFactory(is_staff=True)):
        if user is not None:
            portal.force_login(user)
        for url in ADMIN_URLS:
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


def test_a_superuser_made_by_command_signs_in_at_once(portal, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "un mot de passe sûr")
    call_command("createsuperuser", interactive=False, username="op", email="op@peps.example", verbosity=0)
    answer = portal.post("/connexion/?next=/admin/", {"login": "op", "password": "un mot de passe sûr"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert portal.get("/admin/").status_code == 200


def test_pending_work_is_listed_first(operator, asked):
    page = operator.get("/admin/").content.decode()
    assert "1\u00a0demande de bureau à accepter ou à refuser" in page
    assert "jamais été synchronisé" in page


def test_an_office_is_opened_by_a_form(operator):
    fields = {"name": "Ville d'Alès", "kind": "commune", "siren": "213000079", "manager_email": "awa@ales.example"}
    refused = operator.post(admin_url("tenants_collectivity_add"), fields)
    assert "faute de frappe" in refused.content.decode()
    done = operator.post(admin_url("tenants_collectivity_add"), fields | {"siren": "213 000 078"}, follow=True)
    assert "http://ales.peps.localhost/" in done.content.decode()
    with tenant_context(Collectivity.objects.get(slug="ales")):
        assert Invitation.objects.get().invited_by_id == operator.user.pk


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


def test_a_request_is_declined_with_a_reason(operator, asked):
    page = admin_url("tenants_officerequest_decline", asked.pk)
    operator.post(page, {"reason": ""})
    assert OfficeRequest.objects.get().state == "pending"
    operator.post(page, {"reason": "Le département a un bureau."})
    assert OfficeRequest.objects.get().reason == "Le département a un bureau."


def test_a_collectivity_is_neither_changed_nor_deleted(operator, gard):
    page = admin_url("tenants_collectivity_change", gard.pk)
    assert operator.get(page).status_code == 200
    assert operator.post(page, {"name": "x"}).status_code == 403
    assert operator.post(admin_url("tenants_collectivity_delete", gard.pk), {"post": "yes"}).status_code == 403


# --- « Rechercher partout » ------------------------------------------------------------------------------------------


def search(operator, query):
    with schema_context("public"):
        return operator.post("/admin/rechercher/", {"query": query})


def test_a_school_is_found_in_every_collectivity(operator, nimes, gard):
    school = SchoolFactory(name="École Jean Jaurès")
    PortfolioSchoolFactory(school=school, contact_email="contact@nimes.example")
    with tenant_context(gard):
        PortfolioSchoolFactory(school=school, contact_email="contact@gard.example")
    AffiliationFactory(school=school, user=PrincipalFactory(username="cheffe"))
    page = search(operator, school.uai.lower()).content.decode()
    for expected in ("École Jean Jaurès", "contact@nimes.example", "contact@gard.example", "cheffe"):
        assert expected in page


def test_a_person_is_found_by_address_whatever_the_case(operator, nimes, gard):
    person = UserFactory(email="Awa@Nimes.example", username="awa")
    with tenant_context(gard):
        MemberFactory(user=person)
    invite(email="awa@nimes.example", roles=["viewer"], by=None, at=TERM)
    page = search(operator, "AWA@nimes.example").content.decode()
    for expected in ("awa", "Département du Gard – Membre", "Ville de Nîmes – Invitation"):
        assert expected in page


def test_a_key_is_found_and_written_nowhere(operator, nimes, caplog):
    key = KeyFactory(code="7K3M9QTX2HW" + keys.compute_check_symbol("7K3M9QTX2HW"))
    with caplog.at_level(logging.DEBUG):
        page = search(
            operator, f"nimes-{'7K3M-9QTX'.lower()}-2HW{keys.compute_check_symbol('7K3M9QTX2HW')}"
        ).content.decode()
    assert f"Clé n° {key.pk}" in page
    assert key.school.name in page
    assert "7K3M" not in page.upper()
    assert "7K3M" not in caplog.text.upper()


@pytest.mark.parametrize(
    ("query", "result"),
    [("NIMES-7K3M-9QTX-2HW2", "faute de frappe"), ("", "Saisissez"), ("rien@nulle.part", "Rien, dans aucune")],
)
def test_an_empty_search_result_says_why(operator, nimes, query, result):
    assert result in search(operator, query).content.decode()


def test_a_search_of_all_collectivities_takes_a_constant_number_of_queries(
    operator, nimes, django_assert_max_num_queries
):
    with schema_context("public"), django_assert_max_num_queries(14):
        operator.post("/admin/rechercher/", {"query": "a@exemple.example"})


def test_the_menu_leads_to_every_list_there_is_and_speaks_french(operator):
    shown = operator.get("/admin/").content.decode()
    for model in admin.site._registry:  # noqa: SLF001 - no public way to ask what is registered
        # To the list, or to the page under it where work begins.
        assert f'href="/admin/{model._meta.app_label}/{model._meta.model_name}/' in shown, model  # noqa: SLF001
    users = operator.get("/admin/accounts/user/").content.decode()
    for english in ("Type to search", "Available shortcuts", "Global shortcuts", "Apply Filters"):
        assert english not in users


def test_the_portals_lost_emails_are_shown_with_their_reason(operator):
    now = timezone.now()
    for recipient, outcome in (
        ("perdu@exemple.example", {"state": "failed", "reason": "Cette adresse n'existe pas."}),
        ("recu@exemple.example", {"state": "sent", "sent_at": now}),
    ):
        Message.objects.create(kind="seat.assigned", recipient=recipient, created_at=now, due_at=now, **outcome)
    assert "/admin/mailing/message/?arrivee=non" in operator.get("/admin/").content.decode()
    shown = operator.get("/admin/mailing/message/?arrivee=non").content.decode()
    assert "perdu@exemple.example" in shown
    assert "Cette adresse n’existe pas." in shown
    assert "recu@exemple.example" not in shown

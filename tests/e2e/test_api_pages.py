"""The office's page « API », from the empty list to a revoked token; and the documentation, which needs no scripts."""

import datetime
import json
import urllib.request

from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from api.documentation import build_resources, get_openapi_document
from collectivities.capabilities import Role
from collectivities.operations import tokens as operations
from tests.access.routes import OFFICE
from tests.api.client import create_token
from tests.e2e.page_checks import assert_no_problems, find_problems_and_overflow, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory

HOST = "nimes.peps.localhost"


def asked(site, secret):
    """Return the status the API answers for the secret."""
    address = f"http://127.0.0.1:{site.port}/api/v1/schools?limit=1"
    headers = {"Host": f"{HOST}:{site.port}", "Authorization": f"Bearer {secret}"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return json.load(answer)


def test_a_manager_creates_and_revokes_a_token(committing, site):
    with tenant_context(committing):
        manager = MemberFactory(roles=[Role.MANAGER]).user
        school = SchoolFactory()
    visit = open_signed_in(site, HOST, manager, slug="nimes")
    page = visit.open("/reglages/api/", slug="nimes")
    found = {"empty": find_problems_at_both_widths(visit)}
    page.get_by_role("link", name="Créer un jeton").first.click()
    found["form"] = find_problems_at_both_widths(visit)
    page.get_by_role("button", name="Créer le jeton").click()
    page.get_by_text("Cochez au moins un droit.").first.wait_for()
    found["refused"] = find_problems_at_both_widths(visit)
    page.get_by_label("Nom du jeton").fill("SI de la ville")
    page.get_by_label("Lire – établissements").check()
    page.get_by_label("Réseaux autorisés").fill("127.0.0.0/8")
    page.get_by_role("button", name="Créer le jeton").click()
    secret = page.locator(".the-token code").inner_text()
    found["made"] = find_problems_at_both_widths(visit)
    assert asked(site, secret)["data"][0]["uai"] == school.uai
    page.reload()
    page.get_by_text("Ce formulaire a déjà créé un jeton").wait_for()
    assert secret not in page.content()
    with tenant_context(committing):
        now = timezone.now()
        create_token(name="Ancien", expires_at=now + datetime.timedelta(days=12), networks=["2001:db8:1234:5678::/64"])
        old = create_token(name="Un logiciel au nom bien long, comme en ont les grandes collectivités")
        operations.revoke_token(token_id=old.token.pk, by=manager, at=now)
    visit.open("/reglages/api/", slug="nimes")
    found["list"] = find_problems_at_both_widths(visit)
    page.get_by_role("link", name="Révoquer le jeton « SI de la ville »").click()
    found["revoke"] = find_problems_at_both_widths(visit)
    page.get_by_role("button", name="Révoquer ce jeton").click()
    page.get_by_text("est révoqué : plus aucun programme").wait_for()
    found["home"] = find_problems_at_both_widths(visit)
    assert_no_problems(found)


def test_the_documentation_has_no_problems_without_scripts(committing, site):
    visit = site.person(scripts=True, slug="nimes")
    names = ["documentation", "getting_started", "errors"]
    paths = [reverse(f"api:{name}", urlconf=OFFICE) for name in names]
    paths += [
        reverse("api:resource", args=[one.slug], urlconf=OFFICE) for one in build_resources(get_openapi_document(), "")
    ]
    found = {}
    for path in paths:
        page = visit.open(path, slug="nimes")
        assert page.locator("script").count() == 0
        # Resource pages are long and alike: axe checks only the first at phone width.
        look = find_problems_at_both_widths if path in paths[: len(names) + 1] else find_problems_and_overflow
        found[path] = look(visit)
        visit.complaints.clear()
    assert_no_problems(found)

"""Links of e-mails: their token stands in the fragment, is posted once, and in no address; old ones go on working."""

import re

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.operations import members
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import SchoolFactory
from tests.guide.scenario import page_text
from tests.host_client import HostClient
from tests.invitations.inviting_school import InvitingSchool
from tests.schools.principals import create_principal, send_link

PASSWORD_PAGE, ADDRESS_PAGE = "/mot-de-passe/nouveau/", "/adresse/confirmer/"


def invite_to_office(nimes):
    invitation = members.invite(email="awa@nimes.example", roles=[Role.BUYER], by=None, at=timezone.now())
    return "nimes.peps.localhost", "/invitation/", invitation.link_token


def invite_teacher(nimes):
    return "peps.localhost", "/invitation/", InvitingSchool().invite_one(at=timezone.now()).link_token


def ask_to_lead(nimes):
    school = SchoolFactory()
    create_principal(school, verified=True)
    return "peps.localhost", "/direction/", send_link(create_principal(school), school, at=timezone.now())


def forget_password(nimes):
    user = TeacherFactory()
    return "peps.localhost", PASSWORD_PAGE, f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"


def change_address(nimes):
    address = EmailAddress.objects.create(user=PrincipalFactory(), email="nouvelle@exemple.example")
    return "peps.localhost", ADDRESS_PAGE, EmailConfirmationHMAC(address).key


LINKS = [invite_to_office, invite_teacher, ask_to_lead, forget_password, change_address]


@pytest.fixture(params=LINKS, ids=lambda make: make.__name__)
def link(request, nimes):
    """The host, the page and the token of a link that opens something."""
    return request.param(nimes)


def test_a_link_s_page_posts_its_fragment_once_and_leads_to_a_page_without_it(link):
    host, page, token = link
    browser = HostClient(host)
    answer = browser.get(page)
    assert 'name="jeton"' in answer.content.decode()
    assert re.search(r"web/link(\.\w+)?\.js", answer.content.decode())
    opened = browser.post(page, {"jeton": token}, follow=True)
    assert (opened.status_code, len(opened.redirect_chain)) == (200, 1)
    assert token not in opened.redirect_chain[0][0]
    assert "form" in opened.content.decode()
    assert token not in opened.content.decode()


def test_a_visitor_without_scripts_pastes_the_link(link):
    host, page, token = link
    browser = HostClient(host)
    for pasted in (f"  https://{host}{page}#jeton={token} ", f"https://{host}{page}{token}/"):
        assert browser.post(page, {"jeton": pasted}).status_code == 302
    answer = browser.post(page, {"jeton": f"https://{host}{page}#jeton="})
    assert answer.status_code == 422
    assert "Il manque la fin du lien" in page_text(answer)


def test_a_link_of_1_0_0_leaves_its_path_at_once(link):
    host, page, token = link
    answer = HostClient(host).get(f"{page}{token}/", follow=True)
    assert answer.status_code == 200
    assert [path for path, _ in answer.redirect_chain if token in path] == []
    assert token not in answer.content.decode()
    assert HostClient(host).post(f"{page}{token}/", {"password1": "x"}).status_code in (405, 302)


def test_a_token_that_opens_nothing_is_answered_as_gone(link):
    host, page, token = link
    answer = HostClient(host).post(page, {"jeton": f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}"})
    assert answer.status_code == 410
    assert token not in answer.content.decode()


@pytest.mark.parametrize("page", ["/invitation/", "/direction/", PASSWORD_PAGE, ADDRESS_PAGE])
def test_text_of_any_kind_opens_nothing(portal, page):
    for text in ("-", "1-", "é/..", "%2e%2e", "a" * 5000, "MQ:x:y"):
        assert portal.post(page, {"jeton": text}).status_code in (410, 422), text
    assert portal.put(page).status_code == 405

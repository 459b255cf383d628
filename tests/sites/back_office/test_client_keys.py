"""The client page of a school: its keys, where they were sent, and the teachers it invited; reached from the search."""

import re
from html import unescape

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from licensing.entitlements import keys
from licensing.entitlements.queries import unseal_key
from licensing.pools.models import Pool
from mailing.models import Message
from sites.back_office import clients
from tests.emails import BOUNCE_FIELDS
from tests.factories.schools import SchoolFactory
from tests.invitations.inviting_school import InvitingSchool
from tests.pools.actions import allocate_units

pytestmark = pytest.mark.slow


@pytest.fixture
def given(nimes, bought):
    """Return an allocation of Nîmes to a school that never ordered anything."""
    school = SchoolFactory(email="ce.tilleuls@ac-montpellier.example")
    return allocate_units(Pool.objects.get(capacity=100), school, 4, at=timezone.now())


def read(operator, url):
    """Return the page and its words."""
    with schema_context("public"):
        page = operator.get(url).content.decode()
    return page, read_words(page)


def read_words(page):
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).replace("\u00a0", " ").split())


def set_state(state, sent_at=None):
    fields = BOUNCE_FIELDS if state == "bounced" else {}
    Message.objects.filter(kind="key").update(state=state, sent_at=sent_at, **fields)


def test_a_key_and_its_school_lead_to_the_school_s_line_of_the_key(operator, nimes, given):
    url = f"/admin/clients/ecole/{given.school_id}/"
    typed = keys.display("NIMES", unseal_key(given.key).replace("-", "")[-12:])
    with schema_context("public"):
        found = operator.post("/admin/rechercher/", {"query": typed}).content.decode()
    for page in (found, read(operator, f"/admin/rechercher/?query={given.school_id}")[0]):
        assert f'href="{url}#cle-{given.key_id}"' in page
        assert f'href="{url}"' in page
        assert "/admin/schools/school/" not in page.partition("<main")[2]
    page, text = read(operator, url)
    assert f'id="cle-{given.key_id}"' in page
    assert f"n° {given.key_id} Ville de Nîmes {given.recipient}" in text
    assert "pas encore activée" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "e-mail pas encore parti"),
        ("sent", "e-mail envoyé le"),
        ("delivered", "e-mail remis le"),
        ("bounced", "e-mail non remis"),
    ],
)
def test_a_key_says_what_became_of_its_email_and_who_may_send_it_again(state, words, operator, nimes, given):
    set_state(state, sent_at=timezone.now() if state in {"sent", "delivered"} else None)
    _, text = read(operator, f"/admin/clients/ecole/{given.school_id}/")
    assert words in text
    assert "Qui peut la renvoyer : un gestionnaire du bureau (Ville de Nîmes)" in text


def test_a_cancelled_e_mail_tells_nothing_of_a_key(operator, nimes, given):
    set_state("bounced")
    with tenant_context(nimes):
        message = Message.objects.get(kind="key")
        message.pk, message.kind, message.state = None, "key_reminder", "cancelled"
        message.save(force_insert=True)
    assert "e-mail non remis" in read(operator, f"/admin/clients/ecole/{given.school_id}/")[1]


def test_a_key_that_is_used_or_taken_back_is_sent_again_by_nobody(operator, nimes, given):
    with schema_context("public"):
        type(given.key).objects.filter(pk=given.key_id).update(revoked_at=timezone.now())
    _, text = read(operator, f"/admin/clients/ecole/{given.school_id}/")
    assert "reprise le" in text
    assert "Qui peut la renvoyer" not in text


def test_where_keys_were_sent_is_read_in_the_same_number_of_queries(nimes, given, django_assert_num_queries):
    keys_of_school = type(given.key).objects.filter(school=given.school_id)
    # Three, and a savepoint around the one of all schemas, as the test has a transaction.
    with django_assert_num_queries(5):
        assert [one.recipient for one in clients.list_keys(keys_of_school)] == [given.recipient]


# --- Invitations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"), [("delivered", "remise le"), ("sent", "envoyée le"), ("failed", "non remis")]
)
def test_an_invitation_that_is_found_is_on_the_page_of_the_school(state, words, operator, nimes):
    school = InvitingSchool()
    [invitation] = school.invite("Léa Martin <lea.martin@ac-nimes.example>", at=timezone.now()).invitations
    with schema_context("public"):
        sent_at = None if state == "failed" else timezone.now()
        Message.objects.filter(topic="teacher_invitation").update(state=state, sent_at=sent_at)
    found, _ = read(operator, "/admin/rechercher/?query=Lea+Martain")
    url = f"/admin/clients/ecole/{school.school.pk}/"
    assert f'href="{url}#invitation-{invitation.pk}"' in found
    page, _ = read(operator, url)
    line = read_words(re.search(rf'<li id="invitation-{invitation.pk}">(.*?)</li>', page, re.DOTALL)[1])
    assert line.startswith("Léa Martin – lea.martin@ac-nimes.example en attente – ")
    assert words in line
    assert "valable jusqu" in line
    assert f"Qui peut la renvoyer : la direction de l’école ({school.principal})" in line


@pytest.mark.small
def test_the_page_of_a_school_shows_no_invitation_of_another(operator, nimes):
    school = InvitingSchool()
    school.invite("Léa Martin <lea.martin@ac-nimes.example>", at=timezone.now())
    with tenant_context(nimes):
        other = SchoolFactory()
    _, text = read(operator, f"/admin/clients/ecole/{other.pk}/")
    assert "Léa Martin" not in text
    assert "Aucune invitation." in text

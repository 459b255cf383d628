"""What the page of a key refuses, with its sentence, and what it tells a stranger: nothing."""

import datetime

import pytest
from django.core import signing
from django_tenants.utils import tenant_context

from accounts.models import User
from licensing.entitlements import keys, mailbox_proof
from licensing.entitlements.models import ActivationKey, Entitlement, Subscription
from licensing.pools import emails, key_emails, reductions
from licensing.pools import operations as pools
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.html import collapse
from tests.sites.portal.key_letter import KeyLink, create_account, open_link, read_link, render_last, send_key


@pytest.fixture
def school(nimes):
    return SchoolFactory(name="École Jean Jaurès", commune="Nîmes", email="ce.0300001a@ac-montpellier.example")


@pytest.fixture
def letter(nimes, school):
    return send_key(nimes, school)


def get_text(answer):
    """Return the page with plain spaces and straight apostrophes."""
    text = collapse(answer.content.decode())
    for shown, plain in (("\xa0", " "), ("&nbsp;", " "), ("&#x27;", "'"), ("\u2019", "'")):
        text = text.replace(shown, plain)
    return text


def proves(link, key):
    key.refresh_from_db()
    return mailbox_proof.read(link.token, key)


# --- The key --------------------------------------------------------------------------------------------------------


def test_a_key_that_does_not_exist_tells_nothing_and_keeps_nothing(portal, letter):
    answer = open_link(portal, KeyLink(keys.generate(), letter[1].token))
    assert answer.status_code == 409
    page = get_text(answer)
    assert "Cette clé n'existe pas" in page
    assert not any(word in page for word in ("Jaurès", "Ville de Nîmes", "ac-montpellier"))
    assert 'id="cle"' in get_text(portal.get("/cle/"))


def test_a_mistyped_key_is_given_back_with_what_is_wrong(portal, letter):
    answer = portal.post("/cle/ouvrir/", {"cle": letter[1].code[:-2]})
    assert answer.status_code == 409
    assert f'value="{letter[1].code[:-2]}"' in get_text(answer)


@pytest.mark.slow
def test_guessing_is_limited_by_network_before_anybody_signs_in(portal):
    for _ in range(30):
        assert portal.post("/cle/ouvrir/", {"cle": keys.generate()}).status_code == 409
    answer = portal.post("/cle/ouvrir/", {"cle": keys.generate()})
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert "Trop de clés inexistantes" in get_text(answer)


@pytest.mark.slow
def test_a_revoked_key_says_by_whom_and_whom_to_ask(portal, letter, nimes):
    with tenant_context(nimes):
        reductions.revoke(allocation_id=letter[0].pk, by=None, at=TERM)
    page = get_text(open_link(portal, letter[1]))
    assert "Cette clé ne peut pas être activée" in page
    assert "vous donne" not in page
    assert "Cette clé a été reprise le 24 novembre 2026 par Ville de Nîmes" in page
    assert create_account(portal).status_code == 409
    assert not User.objects.exists()


@pytest.mark.slow
def test_the_key_of_a_past_year_says_so(portal, letter):
    Entitlement.objects.update(first_day=datetime.date(2025, 9, 1), last_day=datetime.date(2026, 8, 31))
    assert "valables jusqu'au 31 août 2026" in get_text(open_link(portal, letter[1]))
    assert create_account(portal).status_code == 409


@pytest.mark.slow
def test_a_redeemed_key_asks_a_visitor_to_sign_in_without_naming_anybody(portal, letter, school):
    open_link(portal, letter[1])
    create_account(portal)
    portal.get("/mon-compte/")
    portal.post("/deconnexion/")
    page = get_text(open_link(portal, letter[1]))
    assert "Cette clé a déjà été activée" in page
    assert "Si c'est par vous, connectez-vous" in page
    assert not any(word in page for word in ("Camille", "Martin", school.email))


@pytest.mark.slow
def test_who_redeemed_the_key_is_led_to_their_account(portal, letter):
    open_link(portal, letter[1])
    create_account(portal)
    answer = open_link(portal, letter[1])
    assert answer.request["PATH_INFO"] == "/mon-compte/"
    assert "Vous avez déjà activé cette clé" in get_text(answer)
    assert "Votre clé est gardée" not in get_text(portal.get("/connexion/"))


@pytest.mark.slow
def test_another_account_learns_not_who_redeemed_the_key(as_, letter, jaures):
    browser = as_(jaures.principal)
    AffiliationFactory(user=jaures.principal, school=letter[0].school)
    ActivationKey.objects.filter(pk=letter[0].key_id).update(redeemed_at=TERM, redeemed_by=PrincipalFactory())
    Subscription.objects.create(
        key_id=letter[0].key_id, principal=PrincipalFactory(), school=letter[0].school, size=3, opened_at=TERM
    )
    assert "par un autre compte" in get_text(open_link(browser, letter[1]))


@pytest.mark.slow
def test_the_principal_of_another_school_is_asked_to_pass_the_letter_on(as_, letter):
    user = PrincipalFactory()
    AffiliationFactory(user=user, school=SchoolFactory(name="École Pagnol", commune="Alès"))
    browser = as_(user)
    page = get_text(open_link(browser, letter[1]))
    assert "destinée à l'établissement École Jean Jaurès (Nîmes) ; votre compte est rattaché à École Pagnol" in page
    answer = browser.post("/cle/activer/", {"choisir": "1"})
    assert answer.status_code == 409
    assert ActivationKey.objects.get().redeemed_at is None
    assert user.affiliations.count() == 1


def test_a_teacher_reads_that_the_school_s_head_activates_first(as_, letter):
    assert "n'a pas encore activé cette clé" in get_text(open_link(as_(TeacherFactory()), letter[1]))


def test_an_agent_reads_which_account_a_key_needs(as_, letter):
    assert "Une clé s'active depuis un compte « Chef d'établissement »" in get_text(
        open_link(as_(UserFactory()), letter[1])
    )


@pytest.mark.parametrize("path", ["/cle/compte/", "/cle/activer/"])
def test_nothing_is_done_without_a_kept_key(as_, path):
    assert as_(PrincipalFactory()).post(path)["Location"] == "/cle/"


@pytest.mark.slow
def test_nobody_who_is_signed_in_makes_a_second_account(as_, letter):
    browser = as_(PrincipalFactory())
    open_link(browser, letter[1])
    assert create_account(browser)["Location"] == "/cle/"
    assert User.objects.count() == 1


# --- The token: the mailbox's proof, and nothing more ---------------------------------------------------------------


def test_the_token_proves_the_mailbox_of_its_letter(letter, school):
    assert proves(letter[1], letter[0].key) == school.email


def test_a_token_without_its_key_is_worth_nothing(portal, letter):
    assert open_link(portal, KeyLink("", letter[1].token)).status_code == 409
    assert not User.objects.exists()


@pytest.mark.slow
def test_a_token_proves_nothing_for_another_key(nimes, letter):
    other, _ = send_key(nimes, SchoolFactory(email="ce.0300002b@ac-montpellier.example"))
    assert proves(letter[1], other.key) is None


def test_a_token_that_was_altered_proves_nothing(letter):
    key, link = letter[0].key, letter[1]
    forged = signing.dumps([key.pk, 0, "voleur@exemple.example"], key="autre", salt="licensing.mailbox-proof")
    assert proves(link._replace(token=forged), key) is None
    assert proves(link._replace(token=f"{link.token}x"), key) is None
    assert proves(link._replace(token=signing.dumps("autre chose", salt="licensing.mailbox-proof")), key) is None


def test_a_token_expires(letter, monkeypatch):
    monkeypatch.setattr("licensing.entitlements.mailbox_proof.VALIDITY", datetime.timedelta(seconds=-1))
    assert proves(letter[1], letter[0].key) is None


@pytest.mark.slow
def test_a_token_is_void_once_its_letter_went_to_another_address(nimes, letter, school):
    with tenant_context(nimes):
        key_emails.resend(allocation_id=letter[0].pk, recipient="directrice@exemple.example", by=None, at=TERM)
    assert proves(letter[1], letter[0].key) is None
    assert proves(read_link(render_last(nimes).text), letter[0].key) == "directrice@exemple.example"


def test_a_token_is_void_once_more_licences_went_to_another_address(nimes, letter, school):
    allocation, _ = letter
    with tenant_context(nimes):
        pools.allocate(
            pool_id=allocation.pool_id, uai=school.uai, units=2, recipient="autre@exemple.example", by=None, at=TERM
        )
    assert proves(letter[1], allocation.key) is None


def test_a_letter_that_is_sent_again_to_the_same_address_leaves_the_first_link_valid(nimes, letter, school):
    with tenant_context(nimes):
        key_emails.resend(allocation_id=letter[0].pk, by=None, at=TERM)
        pools.allocate(pool_id=letter[0].pool_id, uai=school.uai, units=2, recipient=school.email, by=None, at=TERM)
    assert proves(letter[1], letter[0].key) == school.email


@pytest.mark.parametrize("fields", [{"revoked_at": TERM}, {"redeemed_at": TERM}])
def test_a_token_is_void_once_its_key_is_spent(letter, fields):
    if "redeemed_at" in fields:
        fields = fields | {"redeemed_by": PrincipalFactory()}
    ActivationKey.objects.update(**fields)
    assert proves(letter[1], letter[0].key) is None


@pytest.mark.slow
def test_a_void_token_asks_for_an_address_to_confirm(portal, letter, nimes, school):
    with tenant_context(nimes):
        key_emails.resend(allocation_id=letter[0].pk, recipient="directrice@exemple.example", by=None, at=TERM)
    page = get_text(open_link(portal, letter[1]))
    assert 'name="email"' in page
    assert school.email not in page
    assert create_account(portal, email="voleur@exemple.example")["Location"] == "/adresse/a-confirmer/"
    assert ActivationKey.objects.get().redeemed_at is None


def test_an_office_sees_the_letter_without_its_token(nimes, letter):

    with tenant_context(nimes):
        message = Message.objects.get()
        assert "jeton" not in emails.preview(message).text
        assert "jeton" not in emails.render_with_key(message).html
        assert "jeton" not in str(Message.objects.values())

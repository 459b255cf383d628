"""« Je dirige cet établissement »: offered in « Mon compte », confirmed from the school's mailbox, handed over."""

import datetime
import re

import pytest
from django.utils import timezone

from licensing.entitlements import operations
from licensing.entitlements.models import Subscription
from mailing import kinds
from mailing.models import Message
from schools.models import Affiliation, PrincipalEvent, School
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.host_client import HostClient
from tests.schools import principals
from tests.schools.principals import get_token, is_verified
from tests.sites.portal.my_account_page import LICENCES, PAGE, get_page, visible_text

pytestmark = pytest.mark.slow

ASK = f"{PAGE}direction/"


@pytest.fixture
def unverified(jaures):
    """The school's principal, who redeemed a key sent to another mailbox than the school's."""
    jaures.subscription(exposed_at=TERM)
    return jaures.principal


def link(user, school):
    """Send a link now: pages read the real clock."""
    return principals.send_link(user, school, at=timezone.now())


def page_of(token):
    return f"/direction/#jeton={token}"


def answers(*, instead=(), beside=()):
    return {f"chef-{user.pk}": "remplace" for user in instead} | {f"chef-{user.pk}": "avec" for user in beside}


# --- Offered --------------------------------------------------------------------------------------------------------


def test_redeeming_a_key_sent_elsewhere_offers_the_confirmation_link(jaures, unverified, as_):
    browser = as_(unverified)
    page = visible_text(browser.get(PAGE))
    assert "Envoyer le lien à cette adresse" in page
    assert jaures.school.email in page
    page = visible_text(browser.post(ASK, {"uai": jaures.school.pk}, follow=True))
    assert f"Un lien vient d’être envoyé à {jaures.school.email}" in page
    assert "Envoyer de nouveau le lien" in page
    assert Message.objects.get(kind="principal.verification_requested").recipient == jaures.school.email


def test_the_offer_is_part_of_the_htmx_fragment(jaures, as_):
    jaures.subscription(exposed_at=TERM)
    assert "Envoyer le lien à cette adresse" in visible_text(get_page(as_(jaures.principal)))


def test_a_school_with_a_principal_can_be_taken_over(jaures, as_):
    head = jaures.add_principal(verified=True)
    page = visible_text(as_(jaures.principal).get(PAGE))
    assert "Je prends la direction de cet établissement" in page
    assert head.last_name not in page


def test_without_key_or_predecessor_the_page_explains_how_to_be_verified(jaures, as_):
    browser = as_(jaures.principal)
    page = visible_text(browser.get(PAGE))
    assert "Votre direction sera vérifiée en activant une clé" in page
    assert ASK not in browser.get(PAGE).content.decode()
    assert "n’a pas encore d’abonnement" in visible_text(browser.post(ASK, {"uai": jaures.school.pk}, follow=True))


def test_a_school_without_a_mailbox_links_to_the_contact_page(jaures, unverified, as_):
    School.objects.filter(pk=jaures.school.pk).update(email="")
    browser = as_(unverified)
    page = visible_text(browser.get(PAGE))
    assert "n’a pas d’adresse e-mail officielle dans l’annuaire national" in page
    assert "nous vérifierons votre direction." in page
    assert "écrivez-nous par la page Contact" in visible_text(browser.post(ASK, {"uai": jaures.school.pk}, follow=True))
    assert not Message.objects.filter(kind="principal.verification_requested").exists()


def test_a_verified_principal_is_offered_nothing_and_costs_no_query_more(jaures, as_):
    jaures.subscription()
    assert is_verified(jaures.principal, jaures.school)
    assert "à cette adresse" not in visible_text(as_(jaures.principal).get(PAGE))


@pytest.mark.small
@pytest.mark.parametrize("factory", [PrincipalFactory, TeacherFactory, UserFactory])
def test_a_link_for_a_school_one_did_not_choose_is_refused(jaures, as_, factory):
    jaures.add_principal(verified=True)
    page = visible_text(as_(factory()).post(ASK, {"uai": jaures.school.pk}, follow=True))
    assert "Un lien vient d’être envoyé" not in page
    assert not Message.objects.filter(kind="principal.verification_requested").exists()


def test_a_second_link_within_the_hour_is_refused_with_the_time_to_wait(jaures, unverified, as_):
    browser = as_(unverified)
    browser.post(ASK, {"uai": jaures.school.pk})
    answer = browser.post(ASK, {"uai": jaures.school.pk})
    assert int(answer["Retry-After"]) > 3000
    assert "Un lien a déjà été envoyé" in visible_text(browser.get(PAGE))


# --- Confirmed ------------------------------------------------------------------------------------------------------


def test_the_links_page_says_who_asks_and_only_a_click_confirms(jaures, unverified, portal):
    token = link(unverified, jaures.school)
    answer = portal.follow_link(page_of(token))
    page = visible_text(answer)
    for part in (str(unverified), unverified.username, "•••@exemple.example", jaures.school.name):
        assert part in page
    assert unverified.email not in page
    # No referrer is sent and no cache stores the page.
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert not re.search(r'(src|href)="(https?:)?//(?!peps\.localhost)[^"]*(\.js|\.css|\.png)', answer.content.decode())
    assert not is_verified(unverified, jaures.school)
    assert "C’est confirmé" in visible_text(portal.post_link(page_of(token)))
    assert is_verified(unverified, jaures.school)


def test_a_confirmed_principal_sees_their_teachers(jaures, unverified, as_, portal):
    teacher = jaures.teacher()
    assert teacher.email not in visible_text(as_(unverified).get(PAGE))
    portal.post_link(page_of(link(unverified, jaures.school)))
    assert teacher.email in visible_text(portal.get(PAGE))


def test_a_used_or_unknown_link_is_gone(jaures, unverified, portal):
    token = link(unverified, jaures.school)
    page = portal.open_link(page_of(token))
    second = HostClient(portal.host)
    second.follow_link(page_of(token))
    portal.post(page)
    responses = [portal.follow_link(page_of(gone)) for gone in (token, "x" * 43)]
    for answer in (*responses, second.get(page), second.post(page)):
        assert answer.status_code == 410
        assert "Ce lien n’ouvre plus rien" in visible_text(answer)
        assert unverified.username not in answer.content.decode().partition("<main")[2]
    assert portal.post(page).status_code == 410


def test_the_page_of_a_request_holds_no_token_and_opens_by_its_link_alone(jaures, unverified, portal):
    token = link(unverified, jaures.school)
    page = portal.open_link(page_of(token))
    assert token not in page
    assert token not in portal.get(page).content.decode()
    assert token not in str(dict(portal.session))
    for answer in (HostClient(portal.host).get(page), HostClient(portal.host).post(page)):
        assert answer.status_code == 410
        assert "Ouvrez le lien de l’e-mail" in visible_text(answer)
    assert not is_verified(unverified, jaures.school)


def test_two_links_open_side_by_side_confirm_each_its_own_person(jaures, unverified, portal):
    newcomer = jaures.add_principal()
    earlier = principals.send_link(newcomer, jaures.school, at=timezone.now() - datetime.timedelta(hours=2))
    page, _ = (portal.open_link(page_of(token)) for token in (link(unverified, jaures.school), earlier))
    portal.post(page)
    assert is_verified(unverified, jaures.school)
    assert not is_verified(newcomer, jaures.school)


def test_the_mailbox_decides_what_happens_to_the_current_principal(jaures, unverified, portal):
    head = jaures.add_principal(verified=True)
    token = link(unverified, jaures.school)
    page = visible_text(portal.follow_link(page_of(token)))
    assert f"{unverified} le dirige avec {head}" in page
    assert f"{unverified} remplace {head}" in page
    answer = portal.post_link(page_of(token))
    assert (answer.status_code, is_verified(unverified, jaures.school)) == (422, False)
    assert "Choisissez l’une des deux réponses" in visible_text(answer)
    portal.post_link(page_of(token), answers(beside=[head]))
    assert is_verified(unverified, jaures.school)
    assert is_verified(head, jaures.school)


def test_principals_that_changed_meanwhile_must_be_decided_again(jaures, unverified, portal, monkeypatch):
    head = jaures.add_principal(verified=True)
    token = link(unverified, jaures.school)
    # Between the page's read and the operation's lock.
    monkeypatch.setattr(
        "sites.portal.my_account.verification.list_verified_principals", lambda _: Affiliation.objects.none()
    )
    address = portal.open_link(page_of(token))
    assert portal.post(address)["Location"] == address
    monkeypatch.undo()
    page = visible_text(portal.get(address))
    assert "a changé entre-temps" in page
    assert str(head) in page


# --- Handed over ----------------------------------------------------------------------------------------------------


def test_a_handover_transfers_the_subscriptions_and_notifies_the_predecessor(jaures, as_, portal):
    """From the successor's sign-up to their counter; the predecessor no longer sees the school."""
    _, subscription = jaures.subscription()
    teacher, predecessor = jaures.teacher(), jaures.principal
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=predecessor, at=TERM)
    successor = jaures.add_principal()

    page = visible_text(as_(successor).get(PAGE))
    assert teacher.email not in page
    assert "1 sur 3" not in page
    as_(successor).post(ASK, {"uai": jaures.school.pk})
    portal.post_link(page_of(get_token(successor, jaures.school)), answers(instead=[predecessor]))

    page = visible_text(as_(successor).get(PAGE))
    assert "1 sur 3" in page
    assert teacher.email in page
    page = visible_text(as_(predecessor).get(PAGE))
    assert "1 sur 3" not in page
    assert teacher.email not in page
    assert Subscription.objects.get().principal == successor
    answer = as_(predecessor).post(f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": predecessor.pk},
                                   headers={"HX-Request": "true"})  # fmt: skip
    assert answer.status_code == 409
    data = Message.objects.get(kind="principal.replaced")
    assert data.recipient == predecessor.email
    assert str(successor) in kinds.get("principal.replaced").render(data).text
    # The teacher's seat is unchanged.
    assert "Active" in visible_text(as_(teacher).get(PAGE))
    assert list(PrincipalEvent.objects.order_by("pk").values_list("kind", flat=True)) == [
        "verified", "requested", "replaced", "verified",
    ]  # fmt: skip


def test_principals_who_stay_keep_and_share_their_subscriptions(jaures, as_, portal):
    jaures.subscription()
    newcomer = jaures.add_principal()
    portal.post_link(page_of(link(newcomer, jaures.school)), answers(beside=[jaures.principal]))
    assert Subscription.objects.get().principal == jaures.principal
    assert "0 sur 3" in visible_text(as_(newcomer).get(PAGE))
    assert "0 sur 3" in visible_text(as_(jaures.principal).get(PAGE))


def test_subscriptions_pass_to_the_next_principal_of_the_school(jaures, as_, portal):
    jaures.subscription()
    affiliation = jaures.principal.affiliations.get()
    browser = as_(jaures.principal)
    browser.post(f"{PAGE}etablissement/{affiliation.pk}/quitter/")
    assert "0 sur 3" not in visible_text(browser.get(PAGE))
    newcomer = jaures.add_principal()
    portal.post_link(page_of(link(newcomer, jaures.school)))
    assert "0 sur 3" in visible_text(as_(newcomer).get(PAGE))
    # Choosing the school again gives nothing back.
    browser = as_(jaures.principal)
    browser.post(f"{PAGE}etablissement/", {"uai": jaures.school.pk})
    assert "0 sur 3" not in visible_text(browser.get(PAGE))


def test_a_key_sent_before_the_handover_no_longer_verifies(jaures, portal, as_):
    kept_back, _ = jaures.key()
    jaures.subscription()
    successor = jaures.add_principal()
    portal.post_link(page_of(link(successor, jaures.school)), answers(instead=[jaures.principal]))
    as_(jaures.principal).post(f"{PAGE}cle/", {"cle": kept_back})
    assert Subscription.objects.filter(principal=jaures.principal).exists()
    assert not is_verified(jaures.principal, jaures.school)
    # One sent to the school afterwards does: they are verified again.
    later, _ = jaures.key()
    as_(jaures.principal).post(f"{PAGE}cle/", {"cle": later})
    assert is_verified(jaures.principal, jaures.school)


# --- Several schools ------------------------------------------------------------------------------------------------


def test_one_account_leads_several_schools_each_verified_for_itself(jaures, as_, portal):
    jaures.subscription()
    other = SchoolFactory(name="École des Garrigues")
    head_of_other = AffiliationFactory(school=other, user=PrincipalFactory(), verified_at=TERM, verified_by="key").user
    AffiliationFactory(user=jaures.principal, school=other)
    browser = as_(jaures.principal)
    assert "0 sur 3" in visible_text(browser.get(PAGE))
    assert "Je prends la direction" in visible_text(browser.get(PAGE, {"etablissement": other.pk}, follow=True))
    browser.post(ASK, {"uai": other.pk})
    browser.post_link(page_of(get_token(jaures.principal, other)), answers(instead=[head_of_other]))
    assert is_verified(jaures.principal, other)
    assert is_verified(jaures.principal, jaures.school)
    assert "Aucun abonnement en cours" in visible_text(browser.get(LICENCES))
    assert "0 sur 3" in visible_text(browser.get(PAGE, {"etablissement": jaures.school.pk}, follow=True))


# --- The operator's view --------------------------------------------------------------------------------------------


def test_the_operator_reads_what_happened_and_changes_nothing(jaures, portal):
    jaures.subscription()
    successor = jaures.add_principal()
    portal.post_link(page_of(link(successor, jaures.school)), answers(instead=[jaures.principal]))
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = visible_text(portal.get("/admin/schools/principalevent/", {"q": jaures.school.pk.lower()}))
    for part in ("remplacé par un successeur", "direction vérifiée", str(successor)):
        assert part in page
    event = PrincipalEvent.objects.first()
    assert portal.post(f"/admin/schools/principalevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403
    assert portal.get("/admin/schools/principalevent/add/").status_code == 403

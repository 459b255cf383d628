"""The office's own pages, as members use them."""

import datetime
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_tenants.utils import schema_context
from PIL import Image

from accounts.models import User
from collectivities.capabilities import Role
from collectivities.models import AuditEntry, Invitation, Member, OfficeSettings, PortfolioSchool
from collectivities.operations import members as operations
from collectivities.operations.portfolio import MAX_CLASSES, check_contact
from tenants.models import OfficeRequest
from tests.factories.accounts import TeacherFactory, UserFactory, confirm_address
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.guide.scenario import page_text

REQUEST = {
    "name": "Ville d'Alès",
    "kind": "commune",
    "siren": "213 000 078",
    "applicant": "Awa Diop",
    "email": "awa@ales.example",
}


def messages_of(answer):
    return [str(message) for message in answer.context["messages"]]


# --- Refused pages ---------------------------------------------------------------------------------------------------


def test_a_member_without_the_role_reads_that_it_takes_another_role(office, nimes):
    viewer = MemberFactory(roles=[Role.VIEWER])
    refused = office("nimes", viewer.user).get("/reglages/")
    assert refused.status_code == 403
    assert "Votre rôle dans le bureau" in refused.content.decode()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", ["/nulle-part/", "/attributions/999/", "/ecoles/0300999Z/"])
def test_a_member_at_a_missing_page_stays_in_the_office(office, nimes, role, path):
    missing = office("nimes", MemberFactory(roles=[role]).user).get(path)
    assert missing.status_code == 404
    page = missing.content.decode()
    assert "Vous êtes toujours dans votre bureau" in page
    assert "pas membre" not in page
    assert 'href="/journal/"' in page


def test_an_outsider_does_not_learn_which_pages_exist(office, nimes):
    outsider = office("nimes", UserFactory())
    answers = [outsider.get(path) for path in ("/membres/", "/nulle-part/")]
    assert [answer.status_code for answer in answers] == [404, 404]
    pages = [re.sub(r'(value|content)="[^"]*"', "", answer.content.decode()) for answer in answers]
    assert pages[0] == pages[1]
    assert "n’en est pas membre" in pages[0]


# --- Members ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_manager_invites_and_withdraws(bureau):
    answer = bureau.post("/membres/inviter/", {"email": "awa@nimes.example", "roles": ["buyer", "viewer"]}, follow=True)
    assert "awa@nimes.example" in answer.content.decode()
    invitation = Invitation.objects.get()
    assert invitation.roles == ["buyer", "viewer"]
    bureau.post(f"/membres/invitations/{invitation.pk}/retirer/")
    assert "Aucune invitation" in bureau.get("/membres/").content.decode()


def test_an_invitation_without_role_says_so(bureau):
    answer = bureau.post("/membres/inviter/", {"email": "awa@nimes.example"})
    assert "Choisissez au moins un rôle." in answer.content.decode()
    assert not Invitation.objects.exists()


@pytest.mark.slow
def test_removing_the_last_manager_is_refused_with_the_reason(bureau, manager):
    answer = bureau.post(f"/membres/{manager.pk}/retirer/", follow=True)
    assert "dernier gestionnaire" in messages_of(answer)[0]
    answer = bureau.post(f"/membres/{manager.pk}/roles/", {"roles": ["viewer"]})
    assert "dernier gestionnaire" in answer.content.decode()


def test_a_viewer_sees_the_members_and_no_button(office, manager):
    viewer = MemberFactory(roles=[Role.VIEWER])
    page = office("nimes", viewer.user).get("/membres/").content.decode()
    assert str(manager.user) in page
    assert "Inviter une personne" not in page
    assert "Retirer" not in page


def test_members_are_listed_by_a_constant_number_of_queries(bureau, django_assert_max_num_queries):
    for member in MemberFactory.create_batch(12):
        confirm_address(member.user)
        invited = operations.invite(email=member.user.email, roles=[Role.BUYER], by=None, at=timezone.now())
        operations.accept_invitation(token=invited.link_token, by=member.user, at=timezone.now())
    with django_assert_max_num_queries(11):
        assert bureau.get("/membres/").status_code == 200


# --- The invitation's link -------------------------------------------------------------------------------------------


@pytest.fixture
def link(nimes):
    invitation = operations.invite(email="awa@nimes.example", roles=[Role.BUYER], by=None, at=timezone.now())
    return f"/invitation/#jeton={invitation.link_token}"


ACCOUNT = {
    "first_name": "Awa",
    "last_name": "Diop",
    "username": "awa",
    "password": "un mot de passe sûr",
    "password_again": "un mot de passe sûr",
}


@pytest.mark.slow
def test_an_invited_person_creates_an_account_and_is_in(office, link):
    browser = office("nimes")
    page = browser.open_link(link)
    assert "awa@nimes.example" in browser.get(page).content.decode()
    answer = browser.post(page, ACCOUNT, follow=True)
    assert answer.redirect_chain[-1][0] == "/"
    assert answer.status_code == 200
    assert Member.objects.get().user.username == "awa"
    assert (browser.follow_link(link).status_code, browser.get(page).status_code) == (410, 410)


@pytest.mark.slow
def test_an_invited_person_joins_with_the_account_signed_in(office, link):
    agent = confirm_address(UserFactory(), "awa@nimes.example")
    browser = office("nimes", agent)
    page = browser.open_link(link)
    assert agent.username in browser.get(page).content.decode()
    assert not Member.objects.exists()
    browser.post(page)
    assert Member.objects.get().user == agent


def test_another_account_reads_who_was_invited_and_signs_out_with_the_invitation_kept(office, link):
    """A teacher who was given the link of an agent."""
    browser = office("nimes", confirm_address(TeacherFactory()))
    page = browser.open_link(link)
    for answer, status in ((browser.get(page), 200), (browser.post(page), 409)):
        text = page_text(answer)
        assert answer.status_code == status
        assert "Cette invitation est adressée à a•••@nimes.example" in text
        assert "Déconnectez-vous" in text
        assert "awa@nimes.example" not in text
    assert not Member.objects.exists()
    answer = browser.post(f"/invitation/deconnexion/{Invitation.objects.get().pk}/", follow=True)
    assert "Créer mon compte et entrer" in page_text(answer)
    assert answer.redirect_chain[0][0] == page


def test_members_read_who_accepted_which_invitation_and_when(bureau, manager):
    agent = confirm_address(UserFactory(), "awa@nimes.example")
    at = datetime.datetime(2026, 11, 3, 8, 30, tzinfo=datetime.UTC)
    for email in ("awa@nimes.example", "avant@nimes.example"):
        token = operations.invite(email=email, roles=[Role.BUYER], by=manager.user, at=at).link_token
        if email == "awa@nimes.example":
            operations.accept_invitation(token=token, by=agent, at=at)
    # As 1.0.0 left it.
    Invitation.objects.filter(email="avant@nimes.example").update(accepted_at=at - datetime.timedelta(days=1))
    text = page_text(bureau.get("/membres/")).partition("Invitations acceptées")[2]
    assert f"awa@nimes.example {agent} {agent.username} Adresse actuelle de ce compte : {agent.email}" in text
    assert "3 novembre 2026 à 09:30" in text
    assert "avant@nimes.example Compte non noté à l'époque 2 novembre 2026" in text


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"password_again": "un autre mot de passe"}, "diffèrent"),
        ({"password": "0123456789", "password_again": "0123456789"}, "se devine vite"),
        ({"username": "deux mots"}, "invalid-feedback"),
        ({"username": "supprime-1"}, "ne peut pas être choisi"),
    ],
)
def test_an_invalid_account_is_reported_at_its_field(office, link, change, result):
    UserFactory(username="pris")
    browser = office("nimes")
    answer = browser.post(browser.open_link(link), ACCOUNT | change)
    assert answer.status_code == 200
    assert result in answer.content.decode()
    assert User.objects.count() == 1


def test_an_invitation_link_is_a_404_at_another_office(office, link, gard):
    assert office("gard").follow_link(link).status_code == 410


@pytest.mark.slow
def test_the_page_of_an_invitation_holds_no_token_and_opens_by_the_link_alone(office, link):
    token = link.partition("=")[2]
    browser = office("nimes")
    page = browser.open_link(link)
    assert token not in page
    assert token not in browser.get(page).content.decode()
    # Sealed, as a copy of the session table must not join an office.
    assert token not in str(dict(browser.session))
    other = office("nimes")
    answer = other.post(page, ACCOUNT)
    assert answer.status_code == 410
    assert "Ouvrez le lien de l’e-mail" in answer.content.decode()
    assert not Member.objects.exists()


def test_the_invitation_does_not_reveal_accounts_with_the_same_email(office, link):
    before = office("nimes").follow_link(link).content.decode()
    UserFactory(email="awa@nimes.example")
    after = office("nimes").follow_link(link).content.decode()
    token = re.compile(r'(name="csrfmiddlewaretoken" value|name="csrf-token" content)="\w+"')
    assert token.sub("", before) == token.sub("", after)


# --- Settings --------------------------------------------------------------------------------------------------------


CONTACT = {"contact_name": "Nora Delmas", "contact_phone": "+33 (0)4.66.00.00.00"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contact_name", ""),
        ("contact_phone", ""),
        ("contact_phone", "au standard"),
        ("contact_name", "www.exemple.fr"),
        ("sender_name", "Préfet <prefet@gouv.fr>"),
        ("sender_name", "=1+1"),
    ],
)
def test_the_settings_ask_whom_schools_may_call(bureau, field, value):
    answer = bureau.post("/reglages/", CONTACT | {"sender_name": "Ville de Nîmes", field: value})
    assert answer.context["form"].errors.keys() == {field}
    assert not OfficeSettings.objects.filter(contact_name="Nora Delmas").exists()


def test_the_number_is_stored_as_it_is_usually_written(bureau):
    bureau.post("/reglages/", CONTACT | {"sender_name": "Ville de Nîmes"})
    stored = OfficeSettings.objects.get()
    assert (stored.contact_name, stored.contact_phone) == ("Nora Delmas", "04 66 00 00 00")
    assert "personne à joindre, téléphone" in AuditEntry.objects.get(action="settings.changed").summary


def picture(size=(1200, 900), form="JPEG"):
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, form)
    return out.getvalue()


@pytest.mark.slow
def test_a_logo_is_reencoded_and_served_publicly(bureau, office):
    fields = CONTACT | {"sender_name": "Ville de Nîmes", "reply_to": "ecoles@nimes.example", "signature": "Le service"}
    bureau.post("/reglages/", fields | {"logo": SimpleUploadedFile("logo.jpg", picture())})
    stored = bytes(OfficeSettings.objects.get().logo)
    assert len(stored) <= 200 * 1024
    answer = office("nimes").get("/logo.png")
    assert (answer["Content-Type"], answer.content) == ("image/png", stored)
    assert Image.open(io.BytesIO(stored)).format == "PNG"
    again = office("nimes").get("/logo.png", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    bureau.post("/reglages/", fields | {"without_logo": "on"})
    assert office("nimes").get("/logo.png").status_code == 404
    assert AuditEntry.objects.filter(action="settings.changed").count() == 2


@pytest.mark.parametrize("upload", [b"<svg onload='alert(1)'/>", b"\x89PNG\r\n\x1a\n tronqu\xc3\xa9", picture()[:400]])
def test_an_invalid_image_is_refused_and_nothing_is_saved(bureau, upload):
    answer = bureau.post("/reglages/", CONTACT | {"sender_name": "N", "logo": SimpleUploadedFile("logo.png", upload)})
    assert "pas une image lisible" in answer.content.decode()
    assert not OfficeSettings.objects.filter(sender_name="N").exists()


# --- Portfolio -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_schools_are_searched_selected_and_added(bureau):
    jaures = SchoolFactory(name="École Jean Jaurès")
    assert "École Jean Jaurès" in bureau.get("/ecoles/ajouter/?q=jaures nimes").content.decode()
    bureau.post("/ecoles/ajouter/", {"uai": [jaures.uai]})
    assert PortfolioSchool.objects.get().school == jaures
    assert "déjà dans le périmètre" in bureau.get("/ecoles/ajouter/?q=jaures").content.decode()
    assert AuditEntry.objects.get(action="portfolio.added").school_id == jaures.uai


@pytest.mark.slow
def test_a_pasted_list_is_added_and_the_unknown_named(bureau):
    schools = SchoolFactory.create_batch(3)
    pasted = f"{schools[0].uai.lower()} ; {schools[1].uai}\n{schools[2].uai}\n0750001K"
    answer = bureau.post("/ecoles/ajouter/", {"uais": pasted}, follow=True)
    assert PortfolioSchool.objects.count() == 3
    assert any("0750001" in result for result in messages_of(answer)) or len(messages_of(answer)) == 1
    again = bureau.post("/ecoles/ajouter/", {"uais": schools[0].uai}, follow=True)
    assert messages_of(again) == ["déjà dans le périmètre : 1\u00a0école."]


def test_a_text_without_uai_is_refused(bureau):
    assert "Aucun UAI valable" in bureau.post("/ecoles/ajouter/", {"uais": "Jean Jaurès"}).content.decode()


@pytest.mark.slow
def test_a_contact_is_saved_and_can_be_filtered(bureau):
    row = PortfolioSchoolFactory(school__commune="Alès", school__commune_code="30007")
    PortfolioSchoolFactory(school__email="")
    bureau.post(
        f"/ecoles/{row.school_id}/contact/",
        {
            "contact_name": "Mme Roux",
            "contact_email": "roux@ales.example",
            "contact_phone": "04 66  00 00 01",
            "classes": "7",
        },
    )
    row.refresh_from_db()
    assert (row.contact_name, row.contact_email, row.classes) == ("Mme Roux", "roux@ales.example", 7)
    assert row.contact_phone == "04 66 00 00 01"
    assert "04 66 00 00 01" in bureau.get(f"/ecoles/{row.school_id}/").content.decode()
    count = lambda query: bureau.get(f"/ecoles/?{query}").context["page_obj"].paginator.count  # noqa: E731
    assert (count(""), count("contact=with"), count("contact=without"), count("contact=unreachable")) == (2, 1, 1, 1)
    assert (count("commune=30007"), count("text=ales"), count("text=ales nulle")) == (1, 1, 0)


@pytest.mark.slow
def test_a_contact_that_cannot_be_written_to_is_refused(bureau):
    row = PortfolioSchoolFactory()
    answer = bureau.post(f"/ecoles/{row.school_id}/contact/", {"contact_email": "roux", "classes": "101"})
    assert answer.status_code == 422
    assert 'value="roux"' in answer.content.decode()
    row.refresh_from_db()
    assert row.contact_email == ""


@pytest.mark.parametrize(
    ("classes", "fields"), [(None, []), (0, []), (MAX_CLASSES, []), (-1, ["classes"]), (MAX_CLASSES + 1, ["classes"])]
)
def test_a_number_of_classes_is_within_its_bounds_or_none(classes, fields):
    assert [field for field, _ in check_contact("", classes)] == fields


@pytest.mark.slow
def test_selected_schools_leave_the_portfolio(bureau):
    rows = PortfolioSchoolFactory.create_batch(3)
    bureau.post("/ecoles/retirer/", {"uai": [rows[0].school_id, rows[1].school_id]})
    assert list(PortfolioSchool.objects.values_list("pk", flat=True)) == [rows[2].pk]
    answer = bureau.post("/ecoles/retirer/", {}, follow=True)
    assert "aucune école n'était cochée" in messages_of(answer)[-1]


def test_an_empty_portfolio_says_what_to_do(bureau):
    assert "Aucune école dans votre périmètre" in bureau.get("/ecoles/").content.decode()


# --- A request for an office -----------------------------------------------------------------------------------------


def test_a_visitor_requests_an_office_and_sees_the_next_steps(portal):
    answer = portal.post("/collectivites/demande/", REQUEST, follow=True)
    page = page_text(answer)
    assert "Votre demande est envoyée" in page
    # The acknowledgement repeats nothing that was typed: the page does.
    assert f"Demande de bureau pour « {REQUEST['name']} », SIREN 213000078, envoyée à l'équipe de Pep's." in page
    assert OfficeRequest.objects.get().siren == "213000078"


def test_the_page_of_the_request_says_what_an_office_is_for_and_binds_to(portal):
    page = page_text(portal.get("/collectivites/demande/"))
    assert "le prix selon le volume, le devis et le bon de commande ; la facture passe par Chorus Pro" in page
    assert "Le bureau est gratuit et n'engage à rien" in page


def test_a_siret_is_taken_for_the_siren_that_it_begins_with(portal):
    portal.post("/collectivites/demande/", REQUEST | {"siren": "213 000 078 00015"})
    assert OfficeRequest.objects.get().siren == "213000078"


def test_the_answer_is_the_same_where_the_collectivity_has_an_office(portal, nimes):
    answer = portal.post("/collectivites/demande/", REQUEST | {"siren": nimes.siren})
    assert (answer.status_code, answer["Location"]) == (302, "/collectivites/demande/envoyee/")


def test_a_mistyped_siren_is_reported_as_such(portal):
    answer = portal.post("/collectivites/demande/", REQUEST | {"siren": "213000079"})
    assert "faute de frappe" in answer.content.decode()
    assert not OfficeRequest.objects.exists()


@pytest.mark.slow
def test_a_robot_is_slowed_down(portal):
    answers = [portal.post("/collectivites/demande/", REQUEST | {"email": f"robot{n}@ales.example"}) for n in range(11)]
    assert [answer.status_code for answer in answers] == [302] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 3000
    with schema_context("public"):
        assert OfficeRequest.objects.count() == 10

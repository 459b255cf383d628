"""« Réglages »: the note of the collectivity, and the reply address that is still to be given."""

import pytest
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from collectivities.models import AuditEntry, OfficeSettings
from licensing.orders import operations as orders
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.html import collapse

FIELDS = {
    "sender_name": "Ville de Nîmes",
    "contact_name": "Nora Delmas",
    "contact_phone": "04 66 00 00 00",
    "reply_to": "",
    "signature": "Le service",
}


def test_a_note_is_kept_on_one_line_and_the_journal_says_that_it_changed(bureau):
    bureau.post("/reglages/", FIELDS | {"letter_note": "  Bonne rentrée\r\n à toutes   et à tous. "})
    assert OfficeSettings.objects.get().letter_note == "Bonne rentrée à toutes et à tous."
    assert "mot de la collectivité" in AuditEntry.objects.get(action="settings.changed").summary


@pytest.mark.parametrize(
    "note",
    [
        "Voyez www.exemple.fr",
        "Voyez https://exemple.fr/",
        "Écrivez à voleur@exemple.example",
        "Un\x07mot",
        "Un mot\u202eàtneverà l'envers",
        "a" * 301,
    ],
)
def test_a_note_with_an_address_or_a_control_character_or_too_long_is_refused(bureau, note):
    page = bureau.post("/reglages/", FIELDS | {"letter_note": note})
    assert page.context["form"].errors.keys() == {"letter_note"}
    assert 'href="#id_letter_note"' in page.content.decode()
    assert not OfficeSettings.objects.filter(sender_name="Ville de Nîmes").exists()


@pytest.mark.slow
def test_the_reply_address_is_to_do_until_it_is_there(bureau, manager, nimes):
    orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)
    for path in ("/", "/reglages/"):
        page = collapse(bureau.get(path).content.decode())
        assert "Faute d’adresse de réponse, les réponses des écoles arrivent à" in page
        assert manager.user.email in page
        assert "#id_reply_to" in page
    OfficeSettings.objects.create(reply_to="ecoles@nimes.example")
    for path in ("/", "/reglages/"):
        assert "Faute d’adresse de réponse" not in bureau.get(path).content.decode()


@pytest.mark.slow
def test_the_contact_is_suggested_until_one_is_named(bureau, manager):
    def shown():
        return bureau.get("/reglages/").context["form"]["contact_name"].value()

    assert shown() == str(manager.user)
    OfficeSettings.objects.create(contact_name="Nora Delmas")
    assert shown() == "Nora Delmas"


def test_a_refused_form_does_not_hide_that_the_reply_address_is_missing(bureau):
    page = bureau.post("/reglages/", FIELDS | {"reply_to": "ecoles@nimes.example", "contact_name": ""})
    assert page.context["form"].errors
    assert "Faute d’adresse de réponse" in page.content.decode()


@pytest.mark.slow
def test_who_may_not_open_the_settings_is_not_asked_for_the_reply_address(office, nimes):
    orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)
    page = office("nimes", MemberFactory(roles=[Role.BUYER]).user).get("/").content.decode()
    assert "Faute d’adresse de réponse" not in page


# --- The letter beside the form --------------------------------------------------------------------------------------


def test_the_letter_is_the_real_one_with_a_key_that_is_none(bureau, nimes):
    OfficeSettings.objects.create(contact_name="Nora Delmas", contact_phone="04 66 00 00 00", signature="Le service")
    letter = bureau.get("/reglages/lettre/")
    words = collapse(letter.content.decode())
    assert "NIMES-••••-••••-••••" in words
    assert "La Ville de Nîmes attribue 5" in words.replace("\xa0", " ")
    assert "Nora Delmas (Ville de Nîmes) vous répond au 04 66 00 00 00" in words
    assert "sandbox" in letter["Content-Security-Policy"]
    assert letter["X-Frame-Options"] == "SAMEORIGIN"
    assert not Message.objects.exists()


def test_the_letter_shows_what_is_typed_and_stores_nothing(bureau):
    OfficeSettings.objects.create(contact_name="Nora Delmas", contact_phone="04 66 00 00 00", logo=b"png")
    typed = FIELDS | {"letter_note": "Bonne rentrée.", "contact_name": "www.exemple.fr", "without_logo": "on"}
    words = collapse(bureau.post("/reglages/lettre/", typed).content.decode())
    assert "Bonne rentrée." in words
    # Not what is refused.
    assert "www.exemple.fr" not in words
    assert "Nora Delmas" in words
    assert "data:image" in bureau.get("/reglages/lettre/").content.decode()
    assert "data:image" not in words
    stored = OfficeSettings.objects.get()
    assert (stored.letter_note, stored.signature, bytes(stored.logo)) == ("", "", b"png")
    assert not AuditEntry.objects.exists()


def test_a_letter_tells_nothing_of_another_office(bureau, office, gard):
    OfficeSettings.objects.create(contact_name="Nora Delmas", letter_note="Bonne rentrée.")
    with tenant_context(gard):
        stranger = MemberFactory(roles=[Role.MANAGER]).user
    words = office("gard", stranger).get("/reglages/lettre/").content.decode()
    assert "Département du Gard" in words
    assert "Nora Delmas" not in words
    assert "Bonne rentrée" not in words
    assert office("nimes", stranger).get("/reglages/lettre/").status_code == 404

"""What the sign-in library says after an act: sentences of ours, which follow « C’est fait : »."""

from pathlib import Path
from typing import Any

import allauth
import pytest
from django.template.loader import get_template, render_to_string

from accounts import apps
from tests.conftest import PASSWORD
from tests.factories.accounts import TeacherFactory

OURS = Path(apps.__file__).parent / "templates"
THEIRS = Path(allauth.__file__).parent / "templates"
#: Of acts that the site does not offer: codes by e-mail, telephones, several addresses, passwords of other providers.
NOT_OFFERED = {
    "account/messages/cannot_delete_primary_email.txt", "account/messages/email_confirmation_failed.txt",
    "account/messages/email_deleted.txt", "account/messages/login_code_sent.txt",
    "account/messages/phone_verification_sent.txt", "account/messages/phone_verified.txt",
    "account/messages/primary_email_set.txt", "account/messages/unverified_primary_email.txt",
}  # fmt: skip
MESSAGES = [
    str(path.relative_to(THEIRS))
    for app in ("account", "mfa")
    for path in sorted((THEIRS / app / "messages").glob("*"))
]


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - NOT_OFFERED))
def test_each_message_of_the_library_is_ours(name):
    template: Any = get_template(name)
    assert Path(template.origin.name).is_relative_to(OURS)
    sentence = render_to_string(name, {"email": "a@exemple.example"}).strip()
    assert sentence == "" or (sentence[0].islower() and sentence.endswith("."))
    assert "'" not in sentence


@pytest.mark.slow
def test_signing_in_is_not_announced_as_an_act(portal, can_sign_in):
    user = TeacherFactory()
    can_sign_in(user)
    page = portal.post("/connexion/", {"login": user.username, "password": PASSWORD}, follow=True).content.decode()
    assert "Déconnexion" in page
    assert "C’est fait" not in page


def test_the_sign_in_name_is_described_where_schools_sign_in_and_not_at_an_office(portal, office):
    chosen = "le plus souvent l’adresse qui a reçu la clé ou l’invitation"
    for browser, described in ((portal, True), (office("nimes"), False)):
        page = browser.get("/connexion/").content.decode()
        assert (chosen in page) == described
        assert "Ou votre adresse e-mail" in page

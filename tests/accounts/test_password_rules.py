"""A new password is neither the person's own words, nor guessable, nor known from a leak, wherever one is chosen."""

import re

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts.adapter import AccountAdapter
from accounts.forms import ChangePasswordForm, NewPasswordForm, PersonForm
from accounts.models import User
from accounts.passwords import PersonalWordsValidator, is_mostly_personal, list_personal_words
from collectivities.forms import NewAccountForm
from core import leaked_passwords
from sites.portal.key_start import KeyAccountForm
from tests.accounts.emails import PASSWORD
from tests.accounts.sign_up_fields import PERSON
from tests.factories.accounts import PrincipalFactory

REFUSAL = "tient presque tout entier dans votre nom"
HUGO = User(first_name="Hugo", last_name="Petit", username="h.petit85", email="direction@ecole-jaures.example")


def is_accepted(password, person=HUGO):
    try:
        validate_password(password, person)
    except ValidationError as error:
        return PersonalWordsValidator.code not in [one.code for one in error.error_list]
    return True


@pytest.mark.parametrize(
    "password",
    [
        *("hugopetit1", "Petit.Hugo.2026", "HUGO-petit-!!!!", "pétithugo12345", "directionecole", "jaurespetit85"),
        "petitpetitpetit",
    ],
)
def test_a_password_of_the_person_s_words_is_refused(password):
    assert not is_accepted(password)


@pytest.mark.parametrize(
    "password",
    ["trois-petits-chats-2026", "hugopetit-abc123", "Pomme-Cerise-2026", "!?!?!?!?!?!?", "h-u-g-o-p-e-t-i-t"],
)
def test_a_password_with_six_other_characters_is_accepted(password):
    assert is_accepted(password)


def test_words_are_taken_out_without_accents_or_capitals_the_longest_first():
    words = list_personal_words(["Cœur d’Été", "Petit-Petitjean", "li2026@x.example"])
    assert words == ["petitjean", "example", "coeur", "petit", "2026", "ete"]
    assert is_mostly_personal("PETITJEAN-coeur-12345", words)
    # Were « petit » taken out of « petitjean » first, « jean » would remain.
    assert is_mostly_personal("petitjean12345", words)


def test_without_a_person_there_is_nothing_to_compare():
    assert PersonalWordsValidator().validate("hugopetit1") is None


def refuse_at_sign_up(password, portal):
    fields = PERSON | {"first_name": "Hugo", "last_name": "Petit", "password1": password, "password2": password}
    return portal.post(reverse("account_signup"), fields).context["form"].errors.get("password1", [])


@pytest.mark.slow
def test_sign_up_compares_the_password_with_the_names_too(portal, db):
    assert [REFUSAL in sentence for sentence in refuse_at_sign_up("hugopetit-xq7z", portal)] == [True]
    # Username and address, which allauth compares: once.
    assert [REFUSAL in sentence for sentence in refuse_at_sign_up("testchefetab1", portal)] == [True]
    assert refuse_at_sign_up("trois-petits-chats-2026", portal) == []


def build_forms(password):
    """Return the other forms that set a password, filled in by Hugo Petit, and their field."""
    hugo = PrincipalFactory(first_name="Hugo", last_name="Petit", username="direction", email="ecole@x.example")
    twice = {"password1": password, "password2": password}
    names = {"first_name": "Hugo", "last_name": "Petit"}
    yield NewPasswordForm(data=twice, user=hugo, temp_key="x"), "password1"
    yield ChangePasswordForm(data=twice, user=hugo), "password1"
    # Who takes another name is still known by the old one.
    other = {"first_name": "Ugo", "last_name": "Grand", "email": hugo.email, "old_password": PASSWORD}
    yield PersonForm(other | {"new_password": password}, instance=hugo), "new_password"
    yield KeyAccountForm(names | {"password": password}, proven="ecole@x.example"), "password"
    yield NewAccountForm(names | {"password": password, "username": "direction"}, address="e@x.example"), "password"


@pytest.mark.parametrize(("password", "refused"), [("hugopetit1", True), ("trois-petits-chats-2026", False)])
def test_every_form_compares_the_password_with_the_names(password, refused, db, monkeypatch):
    monkeypatch.setattr(AccountAdapter, "reauthenticate", lambda *_: True)
    for form, field in build_forms(password):
        assert any(REFUSAL in sentence for sentence in form.errors.get(field, [])) is refused, type(form)


def test_every_list_of_rules_knows_the_person_as_the_server_does(db):
    known = [
        re.search(r'data-words="([^"]*)"', str(form.fields[field].help_text))[1].split()
        for form, field in build_forms("x")
    ]
    account = {"hugo", "petit", "direction", "ecole", "example"}
    assert [set(words) for words in known] == [account, account, account, {"ecole", "example"}, {"example"}]


@pytest.mark.parametrize("password", ["trente-9!", "q1w2e3r4t5y6"])
def test_a_password_of_nine_characters_or_among_the_most_used_is_refused(password):
    with pytest.raises(ValidationError):
        validate_password(password, HUGO)


@pytest.mark.slow
def test_a_password_signs_in_as_it_was_typed_and_in_no_other_form(portal, can_sign_in):
    long = " Été 日本 🙂 trois petits chats et une fin où l'on ne coupe pas, au-delà de 72 : a" + " "
    person = can_sign_in(PrincipalFactory())
    validate_password(long, person)
    person.set_password(long)
    person.save()
    for typed, is_right in [(long.strip(), False), (long[:72], False), (long.lower(), False), (long, True)]:
        portal.post("/connexion/", {"login": person.username, "password": typed})
        assert ("_auth_user_id" in portal.session) is is_right, typed


def list_codes(password):
    with pytest.raises(ValidationError) as refused:
        validate_password(password, HUGO)
    return [one.code for one in refused.value.error_list]


@pytest.mark.parametrize(
    "password",
    [
        # Of Django's list, of twenty thousand.
        *("azertyuiop", "marseille13", "1q2w3e4r5t", "telechargement"),
        # Of none: a word of a list with digits, a first name, a year, a row of keys.
        *("azerty1234", "motdepasse1", "MotDePasse123", "Marseille2026!", "doudou1234", "soleil12345", "chocolat123"),
        *("bonjour123", "jetaime123", "chouchou12", "nicolas123", "camille2012", "papillon12", "wxcvbn1234"),
        *("P@ssword2026", "motdepasse2026", "01/09/2015", "aaaaaaaaaaaa", "!?!?!?!?!?!?", "azertyuiop" * 8),
    ],
)
def test_a_password_that_others_try_first_is_refused_in_one_sentence(password):
    assert list_codes(password) == ["password_too_common"]


@pytest.mark.parametrize(
    "password",
    ["dix poules rousses", "bateau-soleil-pomme", "Pomme-Cerise-2026", "gv7Kp2mQxZ", "é" + "cheval agrafe pile " * 6],
)
def test_words_without_a_relation_and_drawn_letters_are_accepted(password):
    assert validate_password(password, HUGO) is None


def test_an_empty_password_is_only_too_short():
    assert list_codes("") == ["password_too_short"]


@pytest.fixture
def asked(monkeypatch, settings):
    """Name a file and a service of leaks that know « trois-petits-chats-2026 »; keep who was asked."""
    asked = []

    def answer(source, password):
        asked.append(source)
        return password == "trois-petits-chats-2026" and source == settings.PASSWORD_LEAKS_URL

    settings.PASSWORD_LEAKS_FILE, settings.PASSWORD_LEAKS_URL = "leaks.txt", "https://leaks.example/"
    monkeypatch.setattr(leaked_passwords, "is_in_file", answer)
    monkeypatch.setattr(leaked_passwords, "is_known_to_service", answer)
    return asked


LEAKED = "volés sur d’autres sites"


def test_every_form_refuses_a_leaked_password_and_asks_once(asked, db, monkeypatch):
    monkeypatch.setattr(AccountAdapter, "reauthenticate", lambda *_: True)
    for form, field in build_forms("trois-petits-chats-2026"):
        assert sum(LEAKED in sentence for sentence in form.errors[field]) == 1, type(form)
        assert asked == ["leaks.txt", "https://leaks.example/"], type(form)
        asked.clear()


@pytest.mark.slow
def test_sign_up_refuses_a_leaked_password_and_asks_once(asked, portal, db):
    assert sum(LEAKED in sentence for sentence in refuse_at_sign_up("trois-petits-chats-2026", portal)) == 1
    assert asked == ["leaks.txt", "https://leaks.example/"]


def test_who_is_in_the_file_is_not_asked_about_elsewhere(asked, monkeypatch):
    monkeypatch.setattr(leaked_passwords, "is_in_file", lambda *_: True)
    assert list_codes("bateau-soleil-pomme") == ["password_leaked"]
    assert asked == []


def test_without_a_file_or_a_service_nobody_is_asked(asked, settings):
    settings.PASSWORD_LEAKS_FILE, settings.PASSWORD_LEAKS_URL = None, ""
    assert validate_password("trois-petits-chats-2026", HUGO) is None
    assert asked == []

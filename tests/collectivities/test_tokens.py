"""The office's page « API »: tokens are created, shown once, listed, revoked, and recorded in the audit log."""

import datetime
import logging
import re
import uuid

import pytest
from django.contrib.messages import get_messages
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts.models import Profile, User
from api.models import SCOPE_DESCRIPTIONS, Token, TokenScope
from api.tokens import InvalidTokenSettings, TokenAlreadyCreated
from collectivities.capabilities import Role
from collectivities.models import AuditEntry, Member, OfficeSettings
from collectivities.operations import tokens as operations
from collectivities.operations.offices import set_presentation
from collectivities.operations.tokens import get_last_day
from core.calendar import date_in_paris, end_of_day
from core.formatting import long_date
from tests.api.client import ApiClient, assert_problem, create_client, create_token
from tests.conftest import TERM
from tests.factories.accounts import UserFactory, set_operator
from tests.factories.collectivities import MemberFactory
from tests.races import run_concurrently
from tests.refusals import refuses

LIST, NEW = "/reglages/api/", "/reglages/api/creer/"
SECRET = re.compile(r"peps_api_[\w-]{43}")


@pytest.fixture
def manager(nimes):
    return MemberFactory(roles=[Role.MANAGER], user__first_name="Awa", user__last_name="Diop").user


@pytest.fixture
def browser(manager, office):
    return office("nimes", manager)


def filled(**other):
    """Return the fields of the form, with a fresh idempotency key."""
    last_day = timezone.localdate() + datetime.timedelta(days=90)
    return {
        "name": "SI de la ville",
        "scopes": ["read", "allocate"],
        "last_day": last_day.isoformat(),
        "networks": "",
        "form": str(uuid.uuid4()),
    } | other


def created_by(browser, **other):
    """Create a token through the page and return the secret it shows."""
    answer = browser.post(NEW, filled(**other))
    assert answer.status_code == 200
    return SECRET.search(answer.content.decode()).group()


def shown(browser, path=LIST):
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


# --- Creating a token -------------------------------------------------------------------------------------------------


def test_a_new_token_opens_the_api_with_exactly_its_scopes(browser):
    secret = created_by(browser, scopes=["read"])
    assert ApiClient(secret).get("/schools").status_code == 200
    assert Token.objects.get().scopes == ["read"]


def test_the_form_explains_each_scope(browser):
    page = shown(browser, NEW)
    for scope in TokenScope:
        assert scope.label in page
        assert SCOPE_DESCRIPTIONS[scope].replace("'", "’") in page


@pytest.mark.slow
def test_the_secret_appears_in_the_response_only(browser, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = browser.post(NEW, filled())
    secret = SECRET.search(answer.content.decode()).group()
    assert "no-store" in answer["Cache-Control"]
    assert "ne sera plus jamais affiché" in answer.content.decode()
    kept = [*map(str, get_messages(answer.wsgi_request)), *browser.session.values(), caplog.text, *browser.cookies]
    kept += [str(row) for row in (*Token.objects.values(), *AuditEntry.objects.values())]
    kept.append(shown(browser))
    # Only its prefix is shown.
    assert not [text for text in kept if secret[15:] in str(text)]
    assert secret[:15] in shown(browser)


def test_a_form_that_is_sent_twice_makes_one_token_and_shows_it_no_more(browser):
    sent = filled()
    first = browser.post(NEW, sent)
    again = browser.post(NEW, sent, follow=True)
    assert Token.objects.count() == AuditEntry.objects.filter(action="api.token_created").count() == 1
    assert again.redirect_chain == [(LIST, 302)]
    assert "Ce formulaire a déjà créé un jeton" in again.content.decode()
    assert SECRET.search(first.content.decode())
    assert not SECRET.search(again.content.decode())


@pytest.mark.slow
def test_each_form_has_its_own_idempotency_key(browser):
    numbers = {re.search(r'name="form" value="([^"]+)"', shown(browser, NEW)).group(1) for _ in range(2)}
    assert len(numbers) == 2
    page = browser.post(NEW, filled(form="x")).content.decode()
    assert "Rechargez la page" in page
    assert not Token.objects.exists()


def test_forms_that_arrive_together_make_one_token(committing):
    by = MemberFactory(roles=[Role.MANAGER]).user
    number = uuid.uuid4()

    def make():
        return operations.create_token(
            name="SI", scopes=["read"], expires_at=TERM + datetime.timedelta(days=9), networks=[], form=number, by=by,
            at=TERM,
        )  # fmt: skip

    outcomes = run_concurrently(committing.schema_name, [make] * 4, expected_errors=TokenAlreadyCreated)
    assert sum(isinstance(outcome, TokenAlreadyCreated) for outcome in outcomes) == 3
    assert Token.objects.count() == 1
    with schema_context("public"):
        # Refused forms leave no account behind.
        assert User.objects.filter(profile=Profile.PROGRAM).count() == 1


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"name": " "}, "name", "obligatoire"),
        ({"name": "a" * 81}, "name", "80"),
        ({"scopes": []}, "scopes", "Cochez au moins un droit."),
        ({"scopes": ["tout"]}, "scopes", "Sélectionnez un choix valide"),
        ({"last_day": "2020-01-01"}, "last_day", "Choisissez un dernier jour à venir, dans deux ans au plus."),
        ({"last_day": "2999-01-01"}, "last_day", "Choisissez un dernier jour à venir, dans deux ans au plus."),
        ({"last_day": "demain"}, "last_day", "date valide"),
        ({"networks": "203.0.113.7\nbureau"}, "networks", "« bureau » n'est ni une adresse IP ni un réseau"),
    ],
)
def test_an_invalid_field_is_named_and_no_token_is_created(browser, wrong, field, sentence):
    answer = browser.post(NEW, filled(**wrong))
    assert sentence in " ".join(answer.context["form"].errors[field])
    assert not Token.objects.exists()
    with schema_context("public"):
        assert not User.objects.filter(profile=Profile.PROGRAM).exists()


@pytest.mark.slow
def test_an_invalid_form_may_be_corrected_and_sent_again(browser):
    sent = filled(networks="x")
    browser.post(NEW, sent)
    assert SECRET.search(browser.post(NEW, sent | {"networks": ""}).content.decode())


def test_the_last_day_is_included(browser):
    today = timezone.localdate()
    created_by(browser, last_day=today.isoformat())
    made = Token.objects.get()
    assert get_last_day(made) == today
    ends = timezone.localtime(made.expires_at)
    assert (ends.date(), ends.time()) == (today + datetime.timedelta(days=1), datetime.time.min)


def test_networks_are_written_one_a_line(browser):
    created_by(browser, networks="203.0.113.7\n\n  2001:db8::/32 \n203.0.113.7")
    assert Token.objects.get().networks == ["203.0.113.7/32", "2001:db8::/32"]


# --- The list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_explains_what_tokens_are_for(browser):
    page = shown(browser)
    assert "Aucun programme n’entre dans ce bureau" in page
    assert "créez un jeton" in page


@pytest.mark.slow
def test_the_list_describes_each_token_in_words(browser, manager):
    secret = created_by(browser, networks="127.0.0.1")
    page = shown(browser)
    assert "Attribuer, reprendre, renvoyer" in page
    assert "127.0.0.1/32" in page
    assert "Awa Diop" in page
    assert "jamais" in page
    ApiClient(secret).get("/schools")
    assert "depuis 127.0.0.1" in shown(browser)


@pytest.mark.parametrize(
    ("days", "result"), [(31, ""), (30, "plus que 29\u00a0jours"), (2, "plus que 1\u00a0jour"), (1, "à ce soir")]
)
def test_a_token_that_ends_within_thirty_days_says_so(browser, days, result):
    midnight = end_of_day(timezone.localdate() - datetime.timedelta(days=1))
    create_token(expires_at=midnight + datetime.timedelta(days=days))
    page = shown(browser)
    assert ("À remplacer" in page) == bool(result)
    assert result in page


def test_tokens_that_ended_say_how(browser, manager):
    revoked, expired = create_token(name="Ancien"), create_token(name="Oublié")
    operations.revoke_token(token_id=revoked.token.pk, by=manager, at=timezone.now())
    Token.objects.filter(pk=expired.token.pk).update(created_at=TERM, expires_at=TERM + datetime.timedelta(seconds=1))
    page = shown(browser)
    assert "révoqué le" in page
    assert "par Awa Diop" in page
    assert "expiré depuis le 24\u00a0novembre 2026" in page
    assert "Aucun programme n’entre dans ce bureau" in page


@pytest.mark.slow
def test_the_list_costs_as_many_queries_whatever_its_length(browser, manager, django_assert_num_queries):
    def some():
        for made in (create_token(), create_token()):
            Token.objects.filter(pk=made.token.pk).update(created_by_id=UserFactory().pk)
        operations.revoke_token(token_id=made.token.pk, by=UserFactory(), at=timezone.now())

    some()
    browser.get(LIST)
    for _ in range(2):
        some()
        # The host, its schema, the session with the account, the member; twice: the tokens with creator and revoker.
        with django_assert_num_queries(9):
            browser.get(LIST)


def test_the_menu_links_to_the_page_and_marks_it_as_current(browser):
    page = shown(browser)
    assert re.findall(r'<a href="([^"]+)" aria-current="page">([^<]+)</a>', page) == [(LIST, "API")] * 2


# --- Revoking----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_token_is_revoked_at_once_after_a_page_that_says_what_happens(browser):
    secret = created_by(browser)
    path = f"{LIST}{Token.objects.get().pk}/revoquer/"
    assert "n’obtient plus de réponse, dès maintenant" in shown(browser, path)
    assert ApiClient(secret).get("/schools").status_code == 200
    assert "est révoqué" in browser.post(path, follow=True).content.decode()
    assert_problem(ApiClient(secret).get("/schools"), 401, "token_revoked")
    assert "est déjà révoqué" in browser.post(path, follow=True).content.decode()
    assert AuditEntry.objects.filter(action="api.token_revoked").count() == 1


def test_an_unknown_token_cannot_be_revoked(browser, manager):
    assert browser.get(f"{LIST}12345678/revoquer/").status_code == 404
    with refuses("unknown_token"):
        operations.revoke_token(token_id=12345678, by=manager, at=TERM)


# --- The journal ------------------------------------------------------------------------------------------------------


def test_the_journal_says_who_made_and_revoked_which(browser, manager):
    last_day = date_in_paris(timezone.now() + datetime.timedelta(days=200))
    secret = created_by(browser, networks="203.0.113.0/24", last_day=last_day.isoformat())
    made = Token.objects.get()
    browser.post(f"{LIST}{made.pk}/revoquer/")
    lines = AuditEntry.objects.filter(action__startswith="api.").order_by("pk")
    named = f"Jeton « SI de la ville » ({secret[:15]}…)"
    made_line = (
        f"{named} créé, valable jusqu'au {long_date(last_day)}, depuis 203.0.113.0/24. "
        "Droits : lire, attribuer, reprendre, renvoyer."
    )
    assert [line.summary for line in lines] == [made_line, f"{named} révoqué."]
    assert {(line.actor_name, line.object_id) for line in lines} == {("Awa Diop", made.pk)}
    assert '<option value="api.token_created">Jetons créés</option>' in shown(browser, "/journal/")


def test_the_journal_names_a_token_as_the_author_of_what_it_does(browser):
    by = create_token(name="SI de la ville").token.account
    set_presentation(sender_name="Ville", reply_to="", signature="", by=by, at=timezone.now())
    assert "Jeton « SI de la ville »" in shown(browser, "/journal/?text=SI+de+la+ville")


# --- Their creators --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_removing_a_member_lists_the_tokens_they_created(browser, office, nimes):
    member = MemberFactory(roles=[Role.MANAGER])
    path = f"/membres/{member.pk}/retirer/"
    assert "jeton" not in shown(browser, path)
    for _ in range(2):
        created_by(office("nimes", member.user))
    assert "a créé 2 jetons de l’API qui servent encore" in shown(browser, path)
    operations.revoke_token(token_id=Token.objects.first().pk, by=member.user, at=timezone.now())
    assert "a créé 1 jeton de l’API qui sert encore" in shown(browser, path)


@pytest.mark.slow
def test_the_home_names_a_token_that_ends_soon_to_managers(browser, office):
    create_token(name="SI", expires_at=timezone.now() + datetime.timedelta(days=40))
    assert "Jeton «" not in shown(browser, "/")
    Token.objects.update(expires_at=timezone.now() + datetime.timedelta(days=12))
    page = shown(browser, "/")
    assert "Jeton «\u00a0SI\u00a0» de l’API" in page
    assert "le programme qui s’en sert s’arrêtera" in page
    assert "Jeton «" not in shown(office("nimes", MemberFactory(roles=[Role.VIEWER]).user), "/")
    Token.objects.update(revoked_at=timezone.now())
    assert "Jeton «" not in shown(browser, "/")


def test_the_page_requires_the_second_factor_of_managers(browser, nimes):
    OfficeSettings.objects.create(second_factor_required=True)
    Member.objects.update(joined_at=timezone.now() - datetime.timedelta(days=8))
    assert browser.post(NEW, filled())["Location"].startswith("/securite/?next=")
    assert not Token.objects.exists()


# --- The accounts behind tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"is_active": True}, {"email": "a@b.fr"}, {"password": "x"}])
def test_the_database_refuses_to_make_a_person_of_a_token_account(nimes, change):
    account = create_token().token.account
    with schema_context("public"), pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=account.pk).update(**change)


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_the_database_refuses_to_make_an_operator_of_a_token_account(nimes, power):
    account = create_token().token.account
    with schema_context("public"), pytest.raises(IntegrityError), transaction.atomic():
        set_operator(account, **{"is_staff": False, "is_superuser": False, power: True})


@pytest.mark.slow
def test_the_operators_account_list_excludes_token_accounts(nimes, portal):
    account = create_token(name="SI de la ville").token.account
    with schema_context("public"):
        portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = shown(portal, "/admin/accounts/user/?q=jeton")
    assert account.username not in page
    assert "?profile=program" not in page
    assert portal.get(f"/admin/accounts/user/{account.pk}/change/").status_code == 302
    assert portal.get(f"/admin/accounts/user/{account.pk}/double-authentification/").status_code == 404


def test_a_wrong_setting_is_refused_before_anything_is_written(nimes, manager):
    with pytest.raises(InvalidTokenSettings):
        operations.create_token(name="", scopes=["read"], expires_at=TERM + datetime.timedelta(days=1), networks=[],
                              form=None, by=manager, at=TERM)  # fmt: skip
    assert not AuditEntry.objects.exists()


def test_a_token_needs_no_membership(nimes):
    """A token's account has no membership: its rights are its scopes."""
    assert create_client(scopes=["read"]).get("/schools").status_code == 200

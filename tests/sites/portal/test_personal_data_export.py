"""« Télécharger mes données »: everything about oneself, nothing about anybody else, no key, no password."""

import json

import pytest
from django.db import connection
from django_tenants.utils import get_public_schema_name, schema_context

from licensing.entitlements import keys, operations
from mailing import personal_data
from mailing.models import Message
from schools.models import Affiliation
from tests.cluster import one_server
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.sites.portal import identifiable_person

FILE = "/mon-compte/mes-donnees/"


def data_of(browser):
    return json.loads(browser.get(FILE).content)


@pytest.mark.slow
def test_the_export_is_a_readable_file_that_no_cache_stores(jaures, as_):
    answer = as_(jaures.principal).get(FILE)
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="mes-donnees-peps-2')
    assert "no-store" in answer["Cache-Control"]
    text = answer.content.decode()
    assert '\n    "prénom": ' in text
    assert "École Jean Jaurès" in text


def test_a_visitor_gets_no_file(portal):
    assert portal.get(FILE)["Location"].startswith("/connexion/?next=")


@pytest.mark.slow
def test_every_app_contributes_its_data(jaures, nimes, as_):
    user = identifiable_person.create_person_with_all_data(jaures, nimes)
    data = data_of(as_(user))
    assert data["compte"]["identifiant"] == "zquenouille"
    assert data["compte"]["téléphone"] == "0699887766"
    assert data["compte"]["adresses e-mail du compte"] == [
        {"adresse": "zquenouille@exemple.example", "confirmée": True, "principale": True}
    ]
    assert data["compte"]["double authentification"][0]["moyen"] == "application d'authentification"
    assert data["compte"]["sessions ouvertes"]
    assert data["établissements"][0]["UAI"] == jaures.school.uai
    assert data["direction d'établissement"]
    assert data["demandes à l'adresse officielle"][0]["établissement"] == "École Jean Jaurès (Nîmes)"
    assert data["licences détenues"][0]["valable jusqu'au"] == "2027-08-31"
    assert [one["mouvement"] for one in data["mouvements de licences"]] == ["attribuée"]
    [accepted] = data["invitations acceptées"]
    assert (accepted["établissement"], accepted["issue"]) == ("École Jean Jaurès (Nîmes)", "acceptée")
    assert {(one["nom"], one["rôle"], one["comptes élèves"]) for one in data["classes"]} == {
        ("CE1 B", "titulaire", 1),
        ("CE1 B", "second enseignant", 1),
    }
    assert data["certificats d'effacement"][0]["numéro"] == "EFF-1"
    assert data["bureaux de collectivités"][0] == {
        "bureau": "Ville de Nîmes",
        "rôles": "gestionnaire",
        "depuis le": "2026-11-24 10:00",
        "parti le": None,
        "lettres que vous voulez": [],
        "lettres que vous ne voulez pas": [],
    }
    assert [one["état"] for one in data["e-mails qui vous ont été écrits"]][-1] == "En attente"


@pytest.mark.slow
def test_a_principal_gets_the_keys_they_activated_without_codes(jaures, as_):
    code, subscription = jaures.subscription()
    text = as_(jaures.principal).get(FILE).content.decode()
    data = json.loads(text)
    assert data["clés activées"][0]["provenance"] == "Ville de Nîmes"
    assert data["clés activées"][0]["licences"] == 3
    assert data["abonnements crédités au compte"][0]["abonnement n°"] == subscription.pk
    assert code not in text
    assert keys.display("NIMES", code) not in text


@pytest.mark.slow
def test_nobody_else_is_named_and_no_pupil_login_is_exported(jaures, as_):
    _, subscription = jaures.subscription()
    Affiliation.objects.filter(user=jaures.principal).update(verified_at=TERM, verified_by="key")
    teacher = identifiable_person.create_person()
    identifiable_person.attach_to_school(jaures.school, teacher)
    seat = operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    identifiable_person.create_classroom(seat)
    principal = as_(jaures.principal).get(FILE).content.decode()
    assert json.loads(principal)["mouvements de licences"][0]["vous étiez"] == "la personne qui agit"
    for other in ("Quenouille", "Zéphirine", teacher.email, teacher.username):
        assert other not in principal
    own = as_(teacher).get(FILE).content.decode()
    assert jaures.principal.email not in own
    assert jaures.principal.username not in own
    assert "lapin" not in own
    assert "tulipe" not in own


@pytest.mark.slow
def test_messages_to_other_accounts_at_the_same_address_are_not_exported(jaures, as_):
    other = PrincipalFactory(email=jaures.principal.email)
    with schema_context(get_public_schema_name()):
        for user in (jaures.principal, other):
            Message.objects.create(
                kind="seat.assigned", recipient=user.email, context={"user": user.pk}, created_at=TERM, due_at=TERM
            )
    assert len(data_of(as_(other))["e-mails qui vous ont été écrits"]) == 1


@pytest.mark.slow
def test_a_typed_school_is_exported_as_typed(elsewhere, as_, nimes):
    principal = elsewhere(PrincipalFactory)
    payload = data_of(as_(principal))["établissements"][0]
    assert (payload["nom"], payload["choisi"]) == ("Ecole J. Jaurès", "saisi à la main")


@pytest.mark.slow
def test_the_export_takes_a_constant_number_of_queries(jaures, as_, django_assert_num_queries):
    browser = as_(jaures.principal)
    browser.get(FILE)
    with connection.execute_wrapper(asked := identifiable_person.StatementCounter()):
        browser.get(FILE)
    for number in range(3):
        _, subscription = jaures.subscription()
        seat = operations.assign(
            subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM
        )
        identifiable_person.create_classroom(seat, f"tulipe-000{number}")
        identifiable_person.attach_to_school(SchoolFactory(), jaures.principal)
    with django_assert_num_queries(asked.times):
        browser.get(FILE)


@one_server  # a node plans for itself
def test_messages_to_an_account_are_found_by_their_index(nimes):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Message.objects.filter(personal_data.filter_by_user(1)).explain()
    assert "message_to_an_account" in plan

"""« Mes abonnements »: the tables, assigning seats, key vouchers, and the page that refreshes itself."""

import datetime
import re

import pytest

from licensing.entitlements import operations, queries
from licensing.entitlements.keys import grow_many
from licensing.entitlements.models import Seat
from schools.models import Affiliation
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.licensing import EntitlementFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.sites.portal.my_account_page import HTMX, LICENCES, PAGE, get_page, get_version, visible_text

pytestmark = pytest.mark.slow


def give(browser, subscription, teachers, **more):
    asked = {"abonnement": subscription.pk, "enseignants": [teacher.pk for teacher in teachers]}
    return browser.post(f"{PAGE}attribuer/", asked, **more)


def boxes(answer):
    """Return the ids of the teachers who can be selected, and of those who are."""
    found = re.findall(r'name="enseignants" value="(\d+)"( checked)?', answer.content.decode())
    return [int(number) for number, _ in found], [int(number) for number, ticked in found if ticked]


def headings(answer):
    tables = re.findall(r"<thead>(.*?)</thead>", answer.content.decode(), flags=re.DOTALL)
    return [re.findall(r"<th[^>]*>(?:<span[^>]*>)?([^<]+)", table) for table in tables]


# --- The guide's tables ---------------------------------------------------------------------------------------------


def test_the_principal_s_tables_are_those_of_the_guide(jaures, as_):
    _, subscription = jaures.subscription()
    served, waiting = jaures.teacher(), jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=served, by=jaures.principal, at=TERM)
    browser = as_(jaures.principal)
    answer = browser.get(LICENCES)
    assert headings(answer) == [
        ["Licence", "Classes", "Élèves", "Reçue le", "Date d’expiration", "Clé d’activation", "Licences données"],
    ]
    page = visible_text(answer)
    assert "Ajouter une licence avec un code d’activation" in page
    assert re.search(r"Licence Pep’s TOUS NIVEAUX 3 90 \d\d/\d\d/\d{4} 31/08/2027 NIMES-\S+ Copier .* 1 sur 3", page)
    page = visible_text(browser.get(PAGE))
    key = queries.unseal_key(subscription.key)
    assert f"{served} {served.email} licence active classe à ouvrir {key}" in page
    assert f"{waiting} {waiting.email} sans licence Donner une licence" in page


def test_the_teacher_s_table_is_that_of_the_guide(jaures, as_):
    code, subscription = jaures.subscription()
    teacher = TeacherFactory()
    operations.claim(code=code, by=teacher, at=TERM)
    answer = as_(teacher).get(PAGE)
    assert headings(answer) == [
        ["Licence", "Reçue le", "Date d’expiration", "Clé d’activation", "Compte de rattachement"]
    ]
    key = queries.unseal_key(subscription.key)
    assert re.search(rf"Active \d\d/\d\d/\d{{4}} 31/08/2027 {key} École Jean Jaurès", visible_text(answer))


def test_a_teacher_who_was_given_a_licence_reads_no_key(jaures, as_):
    """It opens the licences of colleagues too; who typed it knows it."""
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    page = visible_text(as_(teacher).get(PAGE))
    assert queries.unseal_key(subscription.key) not in page
    assert "donnée par votre direction" in page


def test_provisional_rights_show_both_dates_to_both(jaures, as_):
    code, _ = jaures.subscription()
    teacher = TeacherFactory()
    operations.claim(code=code, by=teacher, at=TERM)
    jaures.entitlement.provisional_until = datetime.date(2027, 1, 15)
    jaures.entitlement.save()
    for reader, path in ((jaures.principal, LICENCES), (teacher, PAGE)):
        assert "15/01/2027 (droits temporaires), puis 31/08/2027 dès règlement" in visible_text(as_(reader).get(path))


def test_once_provisional_rights_have_run_out_the_page_says_so_and_gives_nothing(jaures, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    jaures.entitlement.provisional_until = datetime.date(2020, 1, 15)
    jaures.entitlement.save()
    browser = as_(jaures.principal)
    page = visible_text(browser.get(PAGE))
    assert "Suspendu" in page
    assert "faute de bon de commande signé" in page
    assert "Donner une licence" not in page
    assert "ont pris fin" in visible_text(give(browser, subscription, [teacher]))


def test_a_teacher_of_last_year_waits_for_this_year_s_key(jaures, as_):
    """An expired seat does not count: the teacher is listed without a licence, with the button."""
    _, past = jaures.subscription()
    teacher = jaures.teacher()
    operations.assign(subscription_id=past.pk, teacher=teacher, by=jaures.principal, at=TERM)
    jaures.entitlement.last_day = datetime.date(2020, 8, 31)
    jaures.entitlement.save()
    jaures.entitlement = EntitlementFactory()
    _, current = jaures.subscription()
    browser = as_(jaures.principal)
    page = visible_text(browser.get(PAGE))
    assert f"Donner une licence à {teacher}" in page
    assert "Années passées Année 2019-2020" in visible_text(browser.get(LICENCES))
    give(browser, current, [teacher])
    assert teacher.seats.count() == 2


@pytest.mark.parametrize("count", [1, 10])
def test_an_unverified_principal_takes_a_constant_number_of_queries(jaures, as_, count, django_assert_max_num_queries):
    for _ in range(count):
        code, _ = jaures.subscription(exposed_at=TERM)
        operations.claim(code=code, by=TeacherFactory(), at=TERM)
    browser = as_(jaures.principal)
    for path in (PAGE, LICENCES):
        with django_assert_max_num_queries(16):
            answer = browser.get(path)
        assert visible_text(answer).count("NIMES-") >= count


# --- Several at once ------------------------------------------------------------------------------------------------


def test_selected_teachers_get_seats_in_one_request(jaures, as_):
    _, subscription = jaures.subscription(units=5)
    teachers = [jaures.teacher() for _ in range(3)]
    browser = as_(jaures.principal)
    assert sorted(boxes(browser.get(PAGE))[0]) == sorted(teacher.pk for teacher in teachers)
    answer = give(browser, subscription, teachers[:2], headers=HTMX)
    assert "2 licences sont données, actives" in visible_text(answer)
    assert "2 sur 5" in visible_text(answer)
    assert boxes(answer)[0] == []  # one is left: its row button is enough
    assert f"Donner une licence à {teachers[2]}" in visible_text(answer)


def test_too_many_selected_teachers_stay_selected(jaures, as_):
    _, subscription = jaures.subscription(units=2)
    teachers = [jaures.teacher() for _ in range(4)]
    for headers in ({}, HTMX):
        answer = give(as_(jaures.principal), subscription, teachers[:3], headers=headers)
        assert answer.status_code == 409
        assert "décochez-en 1" in visible_text(answer)
        assert sorted(boxes(answer)[1]) == sorted(teacher.pk for teacher in teachers[:3])
    assert not Seat.objects.held().exists()


def test_an_empty_selection_is_reported(jaures, as_):
    _, subscription = jaures.subscription()
    assert "Cochez au moins une personne" in visible_text(give(as_(jaures.principal), subscription, []))


@pytest.mark.small
def test_a_row_button_assigns_to_that_teacher_only(jaures, as_):
    _, subscription = jaures.subscription()
    one, other = jaures.teacher(), jaures.teacher()
    as_(jaures.principal).post(
        f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignants": [other.pk], "enseignant": one.pk}
    )
    assert [seat.holder for seat in Seat.objects.held()] == [one]


def test_with_several_subscriptions_one_list_says_whose_key_each_holds(jaures, as_):
    _, first = jaures.subscription()
    _, second = jaures.subscription()
    served, waiting = jaures.teacher(), jaures.teacher()
    browser = as_(jaures.principal)
    give(browser, second, [served])
    page = visible_text(browser.get(PAGE))
    assert f"{served.email} licence active classe à ouvrir {queries.unseal_key(second.key)}" in page
    for subscription, count in ((first, 0), (second, 1)):
        assert f"{queries.unseal_key(subscription.key)} – {count} donnée sur 3" in page
    assert f"Donner une licence à {waiting}" in page
    give(browser, second, [waiting])
    assert waiting.seats.get().subscription == second
    assert f"{waiting.email} licence active classe à ouvrir {queries.unseal_key(second.key)}" in visible_text(
        browser.get(PAGE)
    )


def test_the_only_key_with_seats_left_is_named(jaures, as_):
    _, full = jaures.subscription(units=1)
    _, left = jaures.subscription()
    teachers = [jaures.teacher() for _ in range(2)]
    browser = as_(jaures.principal)
    give(browser, full, teachers[:1])
    assert f"La prochaine licence donnée sera prise sur : {queries.unseal_key(left.key)}" in visible_text(
        browser.get(PAGE)
    )


def test_teacher_ids_get_the_same_answer_whether_they_exist_or_not(jaures, as_):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    answers = {
        visible_text(
            browser.post(f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": number}, headers=HTMX)
        )
        for number in (10**9, TeacherFactory().pk, PrincipalFactory().pk)
    }
    assert len(answers) == 1


def test_joining_answers_alike_for_teachers_who_are_no_proposal_and_for_nobody(jaures, as_):
    jaures.subscription()
    far = AffiliationFactory(user=TeacherFactory(), school=SchoolFactory(postal_code="48000", commune="Mende")).user
    browser = as_(jaures.principal)
    answers = {
        visible_text(browser.post(f"{PAGE}enseignants/", {"ajouter": number, "uai": jaures.school.uai}, headers=HTMX))
        for number in (10**9, far.pk, PrincipalFactory().pk)
    }
    assert len(answers) == 1
    schools = {
        visible_text(browser.post(f"{PAGE}enseignants/", {"ajouter": far.pk, "uai": uai}, headers=HTMX))
        for uai in (SchoolFactory().uai, "0000000A", "")
    }
    assert len(schools) == 1


# --- From one to the next -------------------------------------------------------------------------------------------


def test_a_licence_is_withdrawn_and_given_to_another_on_one_page(jaures, as_):
    _, subscription = jaures.subscription()
    leaving, successor = jaures.teacher(), jaures.teacher()
    browser = as_(jaures.principal)
    give(browser, subscription, [leaving])
    seat = Seat.objects.get(holder=leaving)
    page = browser.get(f"{PAGE}retirer/{seat.pk}/")
    assert f"{successor} ({successor.email})" in visible_text(page)
    answer = browser.post(
        f"{PAGE}retirer/{seat.pk}/", {"enseignant": leaving.pk, "successeur": successor.pk}, follow=True
    )
    assert f"La licence passe à {successor}" in visible_text(answer)
    seat.refresh_from_db()
    assert seat.holder == successor


def test_a_principal_who_is_not_verified_is_offered_no_successor(jaures, as_):
    code, _ = jaures.subscription(exposed_at=TERM)
    listed = jaures.teacher()
    seat = operations.claim(code=code, by=TeacherFactory(), at=TERM)
    page = visible_text(as_(jaures.principal).get(f"{PAGE}retirer/{seat.pk}/"))
    assert listed.email not in page
    assert "aussitôt" not in page


def test_releasing_ones_own_seat_uses_the_second_person(jaures, as_):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    give(browser, subscription, [jaures.principal])
    seat = Seat.objects.get(holder=jaures.principal)
    assert "(vous)" in visible_text(browser.get(PAGE))
    page = visible_text(browser.get(f"{PAGE}retirer/{seat.pk}/"))
    assert "Vous n’aurez plus accès" in page
    assert "Un e-mail l’en informe" not in page


# --- Vouchers -------------------------------------------------------------------------------------------------------


def get_vouchers(browser, subscription):
    return browser.get(f"{PAGE}bons/{subscription.pk}/")


def test_a_slip_is_printed_for_each_free_seat_and_not_stored(jaures, as_):
    _, subscription = jaures.subscription(units=6)
    answer = get_vouchers(as_(jaures.principal), subscription)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Cache-Control"] == "no-store"
    assert answer.content.startswith(b"%PDF")
    assert answer.content.count(b"/Type /Page\n") == 2  # six vouchers, four to a sheet
    assert queries.unseal_key(subscription.key) not in answer["Content-Disposition"]


def test_the_key_of_a_slip_is_in_the_url_fragment(jaures, as_, monkeypatch):
    _, subscription = jaures.subscription(units=1)
    drawn = []
    monkeypatch.setattr("core.documents.PdfDocument.qr", lambda _self, content, **_place: drawn.append(content))
    get_vouchers(as_(jaures.principal), subscription)
    [link] = drawn
    address, _, fragment = link.partition("#")
    assert address.endswith("/mon-compte/")
    assert fragment == f"cle={queries.unseal_key(subscription.key)}"


def test_vouchers_are_for_whoever_administers_the_subscription(jaures, as_):
    _, subscription = jaures.subscription()
    for stranger in (TeacherFactory(), jaures.teacher(), jaures.add_principal(), PrincipalFactory()):
        assert get_vouchers(as_(stranger), subscription).status_code == 404
    assert get_vouchers(as_(jaures.add_principal(verified=True)), subscription).status_code == 200


def test_no_slip_is_printed_that_would_be_refused(jaures, as_):
    _, subscription = jaures.subscription(units=1)
    browser = as_(jaures.principal)
    give(browser, subscription, [jaures.principal])
    answer = get_vouchers(browser, subscription)
    assert (answer.status_code, "Un bon ne servirait à personne" in visible_text(answer)) == (409, True)
    jaures.entitlement.suspended_at = TERM
    jaures.entitlement.save()
    assert "Les licences de Ville de Nîmes sont suspendues" in visible_text(get_vouchers(browser, subscription))


# --- Refreshing the page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["principal", "teacher"])
def test_an_unchanged_page_is_a_304_in_one_query(jaures, as_, reader, django_assert_num_queries):
    code, _ = jaures.subscription()
    teacher = TeacherFactory()
    operations.claim(code=code, by=teacher, at=TERM)
    browser = as_(jaures.principal if reader == "principal" else teacher)
    version = get_version(browser.get(PAGE))
    with django_assert_num_queries(2):  # the session with the person; and one
        answer = get_page(browser, version)
    assert (answer.status_code, answer.content) == (304, b"")


def test_the_principal_sees_at_once_what_others_did(jaures, as_):
    code, subscription = jaures.subscription()
    teacher = jaures.teacher()
    browser = as_(jaures.principal)
    seen = [get_version(browser.get(PAGE))]

    def changed():
        answer = get_page(browser, seen[-1])
        assert answer.status_code == 200
        assert answer.content.decode().startswith('<div id="licences" ')
        seen.append(get_version(answer))
        return visible_text(answer)

    seat = operations.claim(code=code, by=teacher, at=TERM)
    assert "1 sur 3" in changed()
    operations.release(seat_id=seat.pk, by=jaures.add_principal(verified=True), at=TERM + datetime.timedelta(hours=1))
    assert "0 sur 3" in changed()
    newcomer = jaures.teacher()
    assert newcomer.email in changed()
    grow_many({subscription.key_id: 2})
    assert "0 sur 5" in changed()
    jaures.entitlement.suspended_at = TERM
    jaures.entitlement.save()
    assert "Suspendu" in changed()
    Affiliation.objects.filter(user=newcomer).delete()
    assert newcomer.email not in changed()
    assert len(set(seen)) == len(seen)


def test_the_teacher_sees_a_licence_given_and_withdrawn_at_once(jaures, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    browser = as_(teacher)
    before = get_version(browser.get(PAGE))
    seat = operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    given = get_page(browser, before)
    assert "Active" in visible_text(given)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=TERM + datetime.timedelta(hours=1))
    assert "Aucune licence pour le moment" in visible_text(get_page(browser, get_version(given)))


def test_a_teacher_who_moves_keeps_the_seat_and_the_principal_sees_it(jaures, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    as_(teacher).post(f"{PAGE}etablissement/", {"uai": SchoolFactory().uai})
    assert teacher.seats.count() == 1
    page = visible_text(as_(jaures.principal).get(PAGE))
    assert teacher.email in page
    assert "1 sur 3" in page

"""« Mon compte » in a real browser: typing a key, key links, live updates, the page without scripts."""

import re

import pytest
from playwright.sync_api import expect

from licensing.entitlements import keys, operations
from tests.conftest import PASSWORD, TERM
from tests.e2e.page_checks import find_overflow, find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory


@pytest.fixture
def jaures(committing):
    return SchoolScenario()


def shown(code):
    return keys.display("NIMES", code)


def test_a_full_page_has_no_problems(jaures, site):
    code, subscription = jaures.subscription(units=5)
    _, _ = jaures.subscription()
    # Provisional rights show the most: both dates, the countdown, the choice of a key.
    jaures.entitlement.provisional_until = jaures.entitlement.last_day
    jaures.entitlement.save()
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    seat = operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    for _ in range(2):
        jaures.teacher()
    visit = site.person(session=create_session(site, jaures.principal))
    tabs = ("/mon-compte/", "/mon-compte/licences/", "/mon-compte/etablissement/", "/mon-compte/informations/")
    for path in (*tabs, f"/mon-compte/retirer/{seat.pk}/"):
        visit.open(path)
        assert find_problems_at_both_widths(visit) == []
    teacher = site.person(session=create_session(site, seat.holder))
    teacher.open("/mon-compte/")
    assert find_problems_at_both_widths(teacher) == []


def test_a_teacher_is_given_the_key_in_one_click_without_leaving_the_page(jaures, site):
    jaures.subscription()
    teacher = jaures.teacher()
    page = site.person(session=create_session(site, jaures.principal)).open("/mon-compte/")
    page.get_by_role("button", name=f"Donner une licence à {teacher}").click()
    expect(page.locator("#licences")).to_contain_text("1 sur 3")
    assert teacher.seats.count() == 1


@pytest.mark.journey
def test_licences_are_given_and_taken_back_by_keyboard_alone(jaures, site):
    _, subscription = jaures.subscription()
    first, second = sorted((jaures.teacher(), jaures.teacher()), key=lambda one: (one.last_name, one.first_name))
    visit = site.person(session=create_session(site, jaures.principal))
    page = visit.open("/mon-compte/")
    page.get_by_role("button", name=f"Donner une licence à {first}").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#licences")).to_contain_text("1 sur 3")
    # The keyboard goes on with the next teacher.
    expect(page.get_by_role("button", name=f"Donner une licence à {second}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#licences")).to_contain_text("2 sur 3")
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name=re.compile("^Annuler")).press("Enter")
    expect(page.locator("#licences")).to_contain_text("1 sur 3")
    assert subscription.seats.held().get().holder == first


def test_the_dashboard_holds_text_of_twice_the_size(jaures, site):
    _, subscription = jaures.subscription(units=5)
    operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    jaures.teacher()
    visit = site.person(width="phone", session=create_session(site, jaures.principal))
    for path in ("", "licences/", "etablissement/", "informations/"):
        page = visit.open(f"/mon-compte/{path}")
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert find_overflow(page) == [], path


def test_all_are_selected_at_once_and_the_page_refreshes_itself(jaures, site):
    code, _ = jaures.subscription(units=5)
    for _ in range(3):
        jaures.teacher()
    page = site.person(session=create_session(site, jaures.principal)).open("/mon-compte/")
    page.get_by_label("Tout cocher").check()
    page.get_by_role("button", name="Donner une licence aux personnes cochées (3)").click()
    expect(page.locator("#licences")).to_contain_text("3 licences sont données")
    stranger = TeacherFactory()
    operations.claim(code=code, by=stranger, at=TERM)
    # The page does not refresh while an assignment can be undone, or while someone types; on focus it does.
    page.evaluate("document.querySelector('[data-undo]').remove()")
    page.get_by_text("Inviter des enseignants par leur adresse").click()
    field = page.get_by_label("Adresses e-mail")
    field.fill("lea.martin@")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(field).to_have_value("lea.martin@")
    field.fill("")
    page.get_by_text("Inviter des enseignants par leur adresse").click()
    page.get_by_role("link", name=re.compile("^Retirer")).last.focus()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator("#licences")).to_contain_text("4 sur 5")
    expect(page.locator("#licences")).to_contain_text(stranger.email)
    # What had the focus has it still.
    expect(page.locator(":focus")).to_have_text(re.compile("^Retirer"))


def test_the_key_of_a_link_survives_sign_in_and_never_appears_in_a_url(jaures, site):
    code, _ = jaures.key()
    jaures.principal.set_password(PASSWORD)
    jaures.principal.save()
    jaures.principal.emailaddress_set.create(email=jaures.principal.email, verified=True, primary=True)
    visit = site.person()
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url + str(request.headers.get("referer"))))
    page = visit.open(f"/mon-compte/#cle={shown(code)}")
    main = page.locator("main")
    main.get_by_label("Identifiant").fill(jaures.principal.username)
    main.get_by_label("Mot de passe", exact=False).first.fill(PASSWORD)
    main.get_by_role("button", name="Connexion").click()
    expect(page.get_by_label("Clé d’activation", exact=True)).to_have_value(shown(code))
    assert code[:4] not in page.url
    assert all(code[:4] not in address.partition("#")[0] for address in asked)


@pytest.mark.journey
def test_the_main_path_without_scripts(jaures, site):
    code, _ = jaures.key()
    teacher = jaures.teacher()
    page = site.person(scripts=False, session=create_session(site, jaures.principal)).open("/mon-compte/")
    page.get_by_label("Clé d’activation", exact=True).fill(shown(code).lower())
    page.get_by_role("button", name="Activer la clé").click()
    page.get_by_role("button", name=f"Donner une licence à {teacher}").click()
    expect(page.locator("#licences")).to_contain_text("1 sur 3")
    page.get_by_role("link", name=re.compile(rf"Retirer la licence d(e |’){teacher}")).click()
    page.get_by_role("button", name="Retirer la licence").click()
    expect(page.locator("#licences")).to_contain_text("0 sur 3")

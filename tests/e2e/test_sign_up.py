"""The sign-up form accuses nobody: fields that open when they are needed, rules that are ticked as they are met."""

import random
import re

import pytest
from playwright.sync_api import expect

from accounts.passwords import is_mostly_personal, list_personal_words
from tests.conftest import PASSWORD
from tests.e2e.page_checks import find_problems_at_both_widths

NAMES = "Hugo Petit Élise Cœur Grande-Rue Æther Straße Łukasz Ольга Δήμος Li d’Été"
#: Parts of passwords that are no word of the person, but may hold one.
OTHERS = "trois petits chats 2026 x é ! - ’ 🦊 1234 abcde SOLEIL"


@pytest.mark.journey
def test_ticking_that_the_school_is_not_listed_opens_its_fields(site, db):
    visit = site.person(width="phone")
    page = visit.open("/inscription/")
    expect(page.locator("[name=school_name]")).to_be_hidden()
    page.get_by_label("Mon établissement n").check()
    for name in ("school_name", "address", "postal_code", "city", "country"):
        expect(page.locator(f"[name={name}]")).to_be_visible()
    assert find_problems_at_both_widths(visit) == []


def test_without_scripts_the_fields_of_a_school_stand_open(site, db):
    page = site.person(scripts=False).open("/inscription/")
    expect(page.locator("[name=school_name]")).to_be_visible()


@pytest.mark.parametrize(
    ("password", "met"),
    [
        ("court", ["pas seulement des chiffres", "pas seulement votre nom"]),
        ("12345678901", ["10 caractères", "pas seulement votre nom"]),
    ],
)
def test_the_rules_of_a_password_are_ticked_as_they_are_met(site, db, password, met):
    page = site.person().open("/inscription/")
    rules = page.locator(".password-rules li")
    page.locator("[name=password1]").press_sequentially(password)
    for rule in ("10 caractères", "pas seulement des chiffres", "pas seulement votre nom"):
        ticked = rules.filter(has_text=rule).and_(page.locator(".is-met"))
        expect(ticked).to_have_count(int(rule in met))
    page.locator("[name=password1]").fill(PASSWORD)
    expect(page.locator(".password-rules .is-met")).to_have_count(3)
    page.locator("[name=last_name]").fill(PASSWORD)
    expect(page.locator(".password-rules .is-met")).to_have_count(2)


def draw_cases(count):
    """Return persons and passwords made of their words, of other words, and of signs; half of the cases are close."""
    rng = random.Random(20261127)  # noqa: S311 - to be drawn again, not guessed
    names = NAMES.split()
    addresses = ["ecole-jaures@ville.example", "hugo1985@x.example", ""]
    others = [*OTHERS.split(), " "]
    spellings = ("lower", "upper", "title")
    for _ in range(count):
        person = {
            "first_name": rng.choice(names),
            "last_name": " ".join(rng.sample(names, 2)),
            "username": rng.choice(["hugo.petit1", "direction", "h-petit85"]),
            "email": rng.choice(addresses),
        }
        own = [word for value in person.values() for word in re.split(r"[\W_]+", value) if word]
        parts = [rng.choice(rng.choice([own, own, others])) for _ in range(rng.randint(1, 5))]
        yield person, "".join(getattr(part, rng.choice(spellings))() for part in parts)


def test_the_script_ticks_what_the_server_accepts(site, db):
    page = site.person().open("/inscription/")
    cases = list(draw_cases(400))
    ticks = page.evaluate(
        """(cases) => {
            const form = document.querySelector("[data-password-rules]").closest("form");
            const rule = form.querySelector("[data-rule=names]");
            return cases.map(([person, password]) => {
                for (const [name, value] of Object.entries(person)) form.elements[name].value = value;
                form.elements.password1.value = password;
                form.elements.password1.dispatchEvent(new Event("input", {bubbles: true}));
                return rule.classList.contains("is-met");
            });
        }""",
        cases,
    )
    accepted = [not is_mostly_personal(password, list_personal_words(person.values())) for person, password in cases]
    assert 100 < sum(accepted) < 300
    differing = [case for case, tick, accept in zip(cases, ticks, accepted, strict=True) if tick is not accept]
    assert differing == []

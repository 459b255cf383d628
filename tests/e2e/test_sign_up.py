"""The sign-up form accuses nobody: fields that open when they are needed, rules that are ticked as they are met."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.e2e.page_checks import find_problems_at_both_widths


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
    [("court", ["pas seulement des chiffres", "sans votre nom"]), ("12345678901", ["10 caractères", "sans votre nom"])],
)
def test_the_rules_of_a_password_are_ticked_as_they_are_met(site, db, password, met):
    page = site.person().open("/inscription/")
    rules = page.locator(".password-rules li")
    page.locator("[name=password1]").press_sequentially(password)
    for rule in ("10 caractères", "pas seulement des chiffres", "sans votre nom"):
        ticked = rules.filter(has_text=rule).and_(page.locator(".is-met"))
        expect(ticked).to_have_count(int(rule in met))
    page.locator("[name=password1]").fill(PASSWORD)
    expect(page.locator(".password-rules .is-met")).to_have_count(3)
    page.locator("[name=last_name]").fill(PASSWORD[:5])
    expect(page.locator(".password-rules .is-met")).to_have_count(2)

"""The menu of an office: five sections, by role, nothing that answers 403."""

import re

import pytest

from collectivities.capabilities import Role
from tests.factories.collectivities import MemberFactory
from tests.html import collapse
from web.frame import build_menu


def labels(entries):
    return [entry.label for entry in entries]


def test_a_manager_has_five_sections_and_the_office_apart():
    menu = build_menu("/", [Role.MANAGER])
    assert labels(menu.sections) == ["Accueil", "Écoles", "Distribuer", "Achats", "Suivi"]
    assert labels(menu.office_pages) == ["Membres", "Réglages", "API", "Webhooks", "Mes e-mails", "Sécurité du compte"]
    assert menu.tabs == []


def test_who_may_not_buy_has_the_lots_in_place_of_purchases():
    menu = build_menu("/lots/", [Role.VIEWER])
    assert labels(menu.sections) == ["Accueil", "Écoles", "Distribuer", "Lots", "Suivi"]
    assert labels(menu.office_pages) == ["Membres", "Mes e-mails", "Sécurité du compte"]
    assert menu.tabs == []


@pytest.mark.parametrize(
    ("path", "section", "tab"),
    [
        ("/distribuer/", "Distribuer", "Distribuer"),
        ("/imports/12/", "Distribuer", "Imports"),
        ("/attributions/attribuer/", "Distribuer", "Attributions"),
        ("/achats/", "Achats", "Commandes"),
        ("/reconduire/attribuer/", "Achats", "Reconduire"),
        ("/lots/", "Achats", "Lots"),
        ("/messages/3/", "Suivi", "Messages"),
        ("/journal/", "Suivi", "Journal"),
    ],
)
def test_the_pages_of_a_section_are_its_tabs(path, section, tab):
    menu = build_menu(path, [Role.MANAGER])
    assert labels(entry for entry in menu.sections if entry.current) == [section]
    assert labels(entry for entry in menu.tabs if entry.current) == [tab]
    assert menu.tabs_label == section
    assert not menu.is_at_office_page


def test_a_page_below_the_settings_is_its_own_entry():
    menu = build_menu("/reglages/api/creer/", [Role.MANAGER])
    assert labels(entry for entry in menu.office_pages if entry.current) == ["API"]
    assert not any(entry.current for entry in menu.sections)


@pytest.mark.slow
@pytest.mark.parametrize("role", Role)
def test_nothing_in_the_menu_is_refused(office, nimes, role):
    browser = office("nimes", MemberFactory(roles=[role]).user)
    page = collapse(browser.get("/distribuer/").content.decode())
    header = page[page.index("<header") : page.index('class="page-head"')]
    links = set(re.findall(r'href="(/[^"#]*)"', header))
    assert len(links) > 6
    assert {link: status for link in links if (status := browser.get(link).status_code) not in {200, 302}} == {}

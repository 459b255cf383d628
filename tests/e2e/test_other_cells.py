"""Pages that lead to the site of another region: axe, both widths; the key stands in the link's fragment alone."""

from playwright.sync_api import expect

from core.cells import Cell, CellMap
from licensing.entitlements import keys
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.rgaa_checks import find_keyboard_faults

_KEY = keys.display("BRRENNES", keys.generate())


def test_a_key_of_another_region_is_led_there(committing, site, settings):
    settings.CELLS = CellMap(
        Cell("OC", "peps.localhost", "Occitanie"),
        (Cell("BR", "bretagne.example", "Bretagne"), Cell("NA", "aquitaine.example", "Nouvelle-Aquitaine")),
    )
    visit = site.person()
    page = visit.open("/connexion/")
    expect(page.get_by_role("link", name="Nouvelle-Aquitaine")).to_be_visible()
    found = {"sign in": [*find_problems_at_both_widths(visit), *find_keyboard_faults(page)]}
    page = visit.open("/cle/")
    page.get_by_label("Clé d’activation").fill(_KEY)
    page.get_by_role("button", name="Continuer").click()
    link = page.get_by_role("link", name="L’activer sur le site")
    expect(link).to_be_visible()
    assert link.get_attribute("href").endswith(f"://bretagne.example:{site.port}/cle/#cle={_KEY}")
    visit.complaints.clear()
    found["key"] = [*find_problems_at_both_widths(visit), *find_keyboard_faults(page)]
    visit.complaints.clear()
    assert_no_problems(found)

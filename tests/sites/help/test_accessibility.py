"""The accessibility declaration and its grid say what was checked, no more."""

import pytest

from sites.help.views import COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE, THEMES, read_grid

#: Criteria of each theme of the RGAA 4.1.
COUNTS = (9, 2, 3, 13, 8, 2, 5, 10, 4, 14, 13, 11, 12)


def test_the_grid_has_the_106_criteria_each_with_a_state_and_a_method():
    grid = read_grid()
    numbers = [f"{theme}.{number}" for theme, count in enumerate(COUNTS, start=1) for number in range(1, count + 1)]
    assert [criterion.number for criterion in grid.criteria] == numbers
    assert len(numbers) == 106
    assert [len(theme.criteria) for theme in grid.themes] == list(COUNTS)
    assert len(THEMES) == 13
    assert {criterion.state for criterion in grid.criteria} == {COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE}
    assert all(criterion.text.endswith("?") and criterion.method for criterion in grid.criteria)
    assert all(criterion.note for criterion in grid.criteria if criterion.state != COMPLIANT)


def test_without_an_audit_the_portal_declares_itself_not_compliant(portal, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = portal.get("/accessibilite/").content.decode()
    grid = read_grid()
    assert page.index("Ce qui marche") < page.index("Ce qui ne marche pas encore") < page.index("État de conformité")
    assert "est <strong>non conforme</strong>" in page
    assert "Accessibilité&nbsp;: non conforme" in portal.get("/").content.decode()
    assert f"{grid.rate}&nbsp;%" in page
    for criterion in grid.failures:
        assert f"Critère {criterion.number}. {criterion.note}" in page
    for legal_part in ("Retour d’information", "Voies de recours", "Libre réponse 71120", "Technologies", "Établie le"):
        assert legal_part in page


def test_the_grid_shows_every_criterion(portal):
    page = portal.get("/accessibilite/grille/").content.decode()
    assert page.count('<th scope="row">') == 106
    assert page.count('<td data-label="État">Non conforme</td>') == read_grid().count(NON_COMPLIANT)


@pytest.mark.slow
def test_the_site_map_leads_to_pages_that_exist(portal):
    page = portal.get("/plan-du-site/").content.decode()
    main = page.partition("<main")[2].partition("</main>")[0]
    addresses = {part.partition('"')[0] for part in main.split('href="/')[1:]}
    assert len(addresses) > 25
    assert [address for address in addresses if portal.get(f"/{address}").status_code >= 400] == []

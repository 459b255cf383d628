"""With several cells: a host, a key and an account of another are said to be there, and numbers meet nowhere."""

import pytest
from django.utils import timezone

from core.cells import Cell, CellMap
from licensing.books.bank.books import find_invoice_numbers
from licensing.books.billing import queries, snapshots
from licensing.entitlements import keys
from tenants import provisioning
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.sites.portal.key_letter import send_key

OCCITANIE = Cell("OC", "peps.localhost", "Occitanie")
BRETAGNE = Cell("BR", "bretagne.example", "Bretagne")
CODE = keys.generate()
ELSEWHERE = keys.display("BRRENNES", CODE)


@pytest.fixture
def cells(settings):
    settings.CELLS = CellMap(OCCITANIE, (BRETAGNE,))
    return settings.CELLS


def read(answer):
    return answer.content.decode().replace("\u00a0", " ").replace("&nbsp;", " ").replace("&#x27;", "'")


@pytest.mark.usefixtures("cells")
@pytest.mark.parametrize("host", ["bretagne.example", "rennes.bretagne.example", "RENNES.bretagne.example:443"])
def test_a_request_that_the_proxy_sent_to_the_wrong_cell_is_misdirected(client, db, host):
    assert client.get("/", headers={"Host": host}).status_code == 421
    assert client.post("/connexion/", headers={"Host": host}).status_code == 421


@pytest.mark.usefixtures("cells")
def test_a_host_of_nobody_is_no_other_cell(client, db):
    assert client.get("/", headers={"Host": "exemple.example"}).status_code in (400, 404)


@pytest.mark.usefixtures("cells")
@pytest.mark.parametrize("typed", [ELSEWHERE, ELSEWHERE.lower().replace("-", " ")], ids=["copied", "typed"])
def test_a_key_of_another_cell_is_activated_there_by_a_fragment(portal, typed):
    answer = portal.post("/cle/ouvrir/", {"cle": typed})
    text = read(answer)
    assert answer.status_code == 409
    assert "elle vient du site « Bretagne »" in text
    assert "bretagne.example/cle/#cle=brrennes" in text.lower()
    assert "?cle=" not in text


@pytest.mark.slow
@pytest.mark.usefixtures("cells")
def test_in_my_account_as_well(portal):
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=SchoolFactory())
    portal.force_login(principal)
    answer = portal.post("/mon-compte/cle/", {"cle": ELSEWHERE})
    assert answer.status_code == 409
    assert f"bretagne.example/cle/#cle={ELSEWHERE}" in read(answer)


@pytest.mark.slow
@pytest.mark.usefixtures("cells")
def test_guessing_with_the_letters_of_another_cell_is_limited_as_well(portal):
    answers = [portal.post("/cle/ouvrir/", {"cle": keys.display("BR", keys.generate())}) for _ in range(31)]
    assert answers[-1].status_code == 429


@pytest.mark.usefixtures("cells")
def test_a_key_that_is_here_is_never_elsewhere_whatever_its_prefix(portal, nimes):
    _, link = send_key(nimes, SchoolFactory())
    symbols = keys.parse(link.code)
    answer = portal.post("/cle/ouvrir/", {"cle": keys.display("BREST", symbols)})
    assert (answer.status_code, answer.url) == (302, "/cle/")


def test_without_cells_an_unknown_key_is_unknown(portal):
    text = read(portal.post("/cle/ouvrir/", {"cle": ELSEWHERE}))
    assert "Cette clé n'existe pas." in text.replace("’", "'")
    assert "bretagne.example" not in text


def test_the_page_of_signing_in_names_the_other_cells_to_everybody(portal, office, nimes, cells):
    link = "bretagne.example/connexion/"
    page = read(portal.get("/connexion/"))
    assert link in page
    # The same whoever tries, so that it tells nobody whether an account exists.
    refused = portal.post("/connexion/", {"login": "personne", "password": "un mot de passe"})
    assert link in read(refused)
    assert link not in read(office("nimes").get("/connexion/"))


def test_without_cells_the_page_of_signing_in_names_none(portal):
    assert "autre région" not in read(portal.get("/connexion/"))


@pytest.mark.django_db
def test_two_cells_never_give_one_invoice_number(settings):
    day = timezone.localdate()
    alone = snapshots.allocate_number(day)
    settings.CELLS = CellMap(OCCITANIE, (BRETAGNE,))
    here = snapshots.allocate_number(day)
    settings.CELLS = CellMap(BRETAGNE, (OCCITANIE,))
    there = snapshots.allocate_number(day)
    assert alone.number == f"P{day.year}-000001"
    assert (here.number, there.number) == (f"OC-P{day.year}-000002", f"BR-P{day.year}-000003")


@pytest.mark.usefixtures("cells")
def test_a_number_of_another_cell_is_none_of_ours():
    assert find_invoice_numbers("VIR OC-P2026-000010") == [(2026, 10)]
    assert find_invoice_numbers("VIR P2026000010") == [(2026, 10)]
    assert find_invoice_numbers("VIR BR-P2026-000010 ET OC-P2026-000011") == [(2026, 11)]
    assert find_invoice_numbers("VIR BRP2026000010") == []
    assert queries.find_numbers("br-p2026-000010") == []


def test_without_cells_letters_before_a_number_say_nothing():
    assert find_invoice_numbers("VIR BR-P2026-000010") == [(2026, 10)]


@pytest.mark.usefixtures("cells")
@pytest.mark.django_db
def test_the_keys_of_a_new_office_begin_with_the_letters_of_its_cell():
    planned = provisioning.plan(name="Ville de Brest", kind="commune", siren="212900195")
    assert planned.key_prefix == "OCBREST"
    assert provisioning.derive_key_prefix("saint-denis-93210", "OC") == "OCSAINTDEN"
    with pytest.raises(provisioning.OpeningRefused, match="doit commencer par « OC »"):
        provisioning.plan(name="Ville de Brest", kind="commune", siren="212900195", key_prefix="BREST")
    assert provisioning.check_key_prefix("OC", "OC") is not None

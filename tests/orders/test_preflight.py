"""Checks before the invoice: Chorus Pro's requirements; a public école never pays, its commune does."""

import pytest

from licensing.orders import card, operations, preflight
from licensing.orders.card.exceptions import NotToPay
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Payer, PublicBody
from schools.models import School
from tests.conftest import TERM
from tests.orders import lifecycle

COMMUNE = "21940022300018"
OF_THE_SCHOOL = "21940022300083"
OF_A_COLLEGE = "19300001500019"


def ecole(**fields):
    defaults = {"uai": "0940001X", "name": "École Jean Jaurès", "type": "Ecole", "sector": "Public", "changed_at": TERM}
    return School(**defaults | {"siret": OF_THE_SCHOOL} | fields)


def body(**fields):
    return PublicBody(siret=COMMUNE, name="COMMUNE D'ESSAI", changed_at=TERM, **fields)


def judge(**fields):
    defaults = {"payer": Payer.TOWN_HALL, "siret": COMMUNE, "service_code": "", "engagement_number": ""}
    return preflight.missing(**defaults | fields)


def test_the_sample_sirets_are_valid():
    assert [preflight.fault_of(one) for one in (COMMUNE, OF_THE_SCHOOL, OF_A_COLLEGE)] == ["", "", ""]
    assert preflight.head_office(OF_THE_SCHOOL) == COMMUNE


@pytest.mark.parametrize(
    ("payer", "needed"),
    [
        (Payer.COLLECTIVITY, True),
        (Payer.TOWN_HALL, True),
        (Payer.COOPERATIVE, False),
        (Payer.OTHER, False),
    ],
)
def test_public_payers_need_a_siret_and_may_give_it_later(payer, needed):
    found = judge(payer=payer, siret="")

    assert [(one.field, one.wrong) for one in found] == ([("siret", False)] if needed else [])


@pytest.mark.parametrize("siret", ["2194002230001", "219400223000181", "2194002230001A", "21940022300017"])
@pytest.mark.parametrize("payer", [Payer.TOWN_HALL, Payer.COOPERATIVE])
def test_a_mistyped_siret_is_wrong_whoever_pays(siret, payer):
    (fault,) = judge(payer=payer, siret=siret)

    assert (fault.field, fault.wrong) == ("siret", True)


@pytest.mark.parametrize("payer", [Payer.TOWN_HALL, Payer.COOPERATIVE])
def test_the_siret_of_a_public_ecole_is_refused_with_the_communes_in_its_place(payer):
    (fault,) = judge(payer=payer, siret=OF_THE_SCHOOL, school=ecole())

    assert fault.wrong
    assert "pas de personnalité juridique" in fault.sentence
    assert preflight.spelled(COMMUNE) in fault.sentence


def test_a_commune_may_have_its_head_office_in_the_directory_as_its_schools():
    assert judge(siret=COMMUNE, school=ecole(siret=COMMUNE)) == []


def test_a_public_ecole_cannot_pay_while_a_college_or_private_school_can():
    (fault,) = judge(payer=Payer.SCHOOL, siret="", school=ecole())
    assert (fault.field, fault.wrong) == ("payer", True)

    college = ecole(type="Collège", siret=OF_A_COLLEGE)
    assert judge(payer=Payer.SCHOOL, siret=OF_A_COLLEGE, school=college) == []
    assert [one.field for one in judge(payer=Payer.SCHOOL, siret="", school=college)] == ["siret"]
    assert judge(payer=Payer.SCHOOL, siret="", school=ecole(sector="Privé")) == []


def test_a_body_asks_for_what_its_entry_in_chorus_pro_says():
    asks = {"service_required": True, "engagement_required": True}
    services = [{"code": "EDUC", "name": "Éducation"}]

    assert [one.field for one in judge(body=body(**asks))] == ["service_code", "engagement_number"]
    assert judge(body=body(**asks, services=services), service_code="EDUC", engagement_number="2026-118") == []
    (unknown,) = judge(body=body(services=services), service_code="EDUX")
    assert (unknown.field, unknown.wrong) == ("service_code", False)
    assert "EDUC (Éducation)" in unknown.sentence


def test_one_of_the_two_is_enough_where_the_body_says_so():
    either = body(service_or_engagement_required=True)

    assert [one.field for one in judge(body=either)] == ["service_code"]
    assert judge(body=either, service_code="EDUC") == []
    assert judge(body=either, engagement_number="2026-118") == []


def test_a_public_body_is_public_whatever_was_ticked():
    assert [one.field for one in judge(payer=Payer.OTHER, body=body(service_required=True))] == ["service_code"]


@pytest.mark.django_db
def test_what_is_looked_up_finds_the_body_and_the_school_that_a_collectivity_copied():
    ecole().save()
    body(service_required=True).save()
    fields = {"payer": Payer.COLLECTIVITY, "service_code": "", "engagement_number": "", "school": None}

    known = preflight.of(siret="219 400 223 00018", **fields)
    copied = preflight.of(siret=OF_THE_SCHOOL, **fields)
    unknown = preflight.of(siret="21300189400012", **fields)

    assert ([one.field for one in known.missing], known.note, known.wrong) == (["service_code"], "", [])
    assert "celui de l'école" in copied.wrong[0].sentence
    assert unknown.missing == []
    assert "Nous ne savons pas" in unknown.note


@pytest.mark.django_db
def test_what_is_proposed_is_the_communes_never_the_ecoles_own():
    assert preflight.proposed_siret(ecole()) == COMMUNE
    assert preflight.proposed_siret(ecole(), payer=Payer.SCHOOL) == ""
    assert preflight.proposed_siret(ecole(siret="")) == ""
    # In the directory one has an association's SIRET, and some are mistyped.
    assert preflight.proposed_siret(ecole(siret="77670213600016")) == ""
    assert preflight.proposed_siret(ecole(siret="21940022300082")) == ""
    assert preflight.proposed_siret(ecole(type="Collège", siret=OF_A_COLLEGE), payer=Payer.SCHOOL) == OF_A_COLLEGE
    assert preflight.proposed_siret(None) == ""


@pytest.mark.django_db
def test_a_head_office_that_has_moved_is_proposed_as_chorus_pro_knows_it():
    PublicBody.objects.create(siret="21940022300034", name="COMMUNE D'ESSAI", changed_at=TERM)

    assert preflight.proposed_siret(ecole()) == "21940022300034"


@pytest.mark.django_db
def test_a_card_pays_nothing_before_its_invoice_which_follows_at_once_lacks_nothing():
    no_siret, no_engagement = (lifecycle.but(lifecycle.MAIRIE, siret=siret) for siret in ("", COMMUNE))
    order = lifecycle.draft()
    with pytest.raises(BadBilling, match="Indiquez le SIRET de la commune") as refusal:
        lifecycle.choose(order, billing=no_siret)
    assert refusal.value.field == "siret"
    body(engagement_required=True).save()
    with pytest.raises(BadBilling, match="demande un numéro d'engagement") as refusal:
        lifecycle.choose(order, billing=no_engagement)
    assert refusal.value.field == "engagement_number"
    # By mandat administratif it can wait; by card it cannot.
    placed = lifecycle.put(order, billing=no_engagement)
    with pytest.raises(NotToPay, match="demande un numéro d'engagement"):
        card.start(order_id=placed.pk, by=placed.placed_by, at=TERM)
    operations.complete(
        order_id=placed.pk, siret=COMMUNE, service_code="", engagement_number="E 1", by=placed.placed_by, at=TERM
    )
    assert card.start(order_id=placed.pk, by=placed.placed_by, at=TERM).total == placed.total_ttc

"""`manage.py load_public_bodies`: Chorus Pro's directory, as a file."""

import pytest
from django.core.management import CommandError, call_command

from licensing.orders.models import PublicBody

pytestmark = pytest.mark.django_db

ONE_A_SERVICE = """\
SIRET;Nom;Service requis;Engagement requis;Service ou engagement;Code service;Nom service
219 400 223 00018;COMMUNE D'ESSAI;oui;non;;EDUC;Éducation
21940022300018;COMMUNE D'ESSAI;;;;CULT;Culture
21300189400012;COMMUNE DE NIMES;non;oui;non;;
21300189400013;COMMUNE FAUTIVE;non;oui;non;;
22300001900016;DEPARTEMENT;peut-être;;;;
"""


def load(tmp_path, content, capsys):
    (tmp_path / "organismes.csv").write_bytes(content)
    call_command("load_public_bodies", str(tmp_path / "organismes.csv"))
    return capsys.readouterr().out


def test_bodies_and_services_are_loaded_and_unreadable_lines_reported(tmp_path, capsys):
    for _ in range(2):  # loading twice changes nothing
        output = load(tmp_path, ONE_A_SERVICE.encode("utf-8-sig"), capsys)

    assert "2\xa0organismes chargés, 2\xa0lignes refusées" in output
    assert "ligne 5 : Ce SIRET comporte une faute" in output
    assert "ligne 6 : Une obligation" in output
    town, nimes = PublicBody.objects.order_by("-pk")
    assert (town.service_required, town.engagement_required) == (True, False)
    assert town.services == [{"code": "EDUC", "name": "Éducation"}, {"code": "CULT", "name": "Culture"}]
    assert (nimes.service_required, nimes.engagement_required, nimes.services) == (False, True, [])


def test_the_columns_of_chorus_pros_own_interface_are_read_and_other_bodies_stay(tmp_path, capsys):
    load(tmp_path, ONE_A_SERVICE.encode(), capsys)
    chorus = (
        "identifiantStructure,raisonSociale,codeServiceDoitEtreRenseigne,numeroEJDoitEtreRenseigne,"
        "gestionNumeroEJOuCodeService\n21940022300018,Commune d'Été,false,false,true\n"
    )

    load(tmp_path, chorus.encode("cp1252"), capsys)

    town = PublicBody.objects.get(pk="21940022300018")
    assert (town.name, town.service_or_engagement_required, town.service_required) == ("Commune d'Été", True, False)
    # Fields without a column in this file are kept.
    assert [one["code"] for one in town.services] == ["EDUC", "CULT"]
    assert PublicBody.objects.count() == 2


def test_a_file_that_is_no_such_list_changes_nothing(tmp_path, capsys):
    with pytest.raises(CommandError, match="rien n'a été changé"):
        load(tmp_path, b"a;b\n1;2\n", capsys)


@pytest.mark.parametrize("rows", [1, 8000])
def test_an_unclosed_quotation_mark_is_reported_and_changes_nothing(rows, tmp_path, capsys):
    swallowed = "siret;nom\n21940022300018;\"Commune d'Été\n" + "21940022300018;Commune\n" * rows
    with pytest.raises(CommandError, match="guillemet"):
        load(tmp_path, swallowed.encode(), capsys)
    assert not PublicBody.objects.exists()

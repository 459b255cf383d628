"""`/renewal`: the list of the next school year, read and written."""

import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from api.fields import BulkRowsSerializer, RowSerializer, StrictIntegerField, StrictSerializer
from api.models import TokenScope
from api.viewsets import ApiViewSet, operation, refuses, sends
from core.calendar import date_in_paris
from core.exceptions import Refusal
from licensing.plans.renewals import operations, queries
from licensing.plans.renewals.models import MAX_UNITS, RenewalState
from licensing.plans.renewals.queries import read_list
from schools.api import UaiField


class RenewalLineSerializer(serializers.Serializer[Any]):
    """Une école, ce qu'elle a eu cette année, et ce qu'elle aura."""

    uai = serializers.CharField(help_text="Son UAI.")
    name = serializers.CharField(help_text="Son nom.")
    commune = serializers.CharField(source="use.commune", help_text="Sa commune.")
    given = serializers.IntegerField(help_text="Licences de cette année.")
    peak = serializers.IntegerField(
        source="use.peak", help_text="Le plus que ses enseignants en aient tenu un même soir."
    )
    used = serializers.IntegerField(source="use.used", help_text="Celles qu'ils tiennent aujourd'hui.")
    proposed = serializers.IntegerField(help_text="Le nombre proposé pour l'année prochaine.")
    reason = serializers.CharField(help_text="Pourquoi, en français.")
    units = serializers.IntegerField(help_text="Le nombre de la liste.")
    typed = serializers.BooleanField(help_text="Si quelqu'un a choisi ce nombre ; sinon il suit la proposition.")


class RenewalSerializer(serializers.Serializer[Any]):
    """La reconduction de l'année scolaire qui vient."""

    year = serializers.IntegerField(help_text="L'année préparée, par celle où elle finit : 2028 pour 2027-2028.")
    opens_on = serializers.DateField(help_text="Depuis quand elle se prépare ; avant ce jour, `lines` est vide.")
    state = serializers.ChoiceField(
        choices=RenewalState.choices,
        help_text="`open` : à décider. `quoted` : un devis tient le prix de la liste. `ordered` : commandée. `applied` "
        ": attribuée aux écoles. `declined` : sans suite.",
    )
    version = serializers.IntegerField(help_text="À renvoyer pour écrire : la liste que vous avez lue.")
    total = serializers.IntegerField(help_text="Licences de la liste.")
    given = serializers.IntegerField(help_text="Licences de cette année.")
    to_order = serializers.IntegerField(
        help_text="Ce qu'il reste à commander tant qu'elle est à décider, déduction faite de ce que les écoles et les "
        "lots ont déjà de l'année ; 0 ensuite."
    )
    order = serializers.IntegerField(allow_null=True, help_text="Le numéro de la commande, s'il y en a une.")
    lines = RenewalLineSerializer(many=True, help_text="Les écoles de la liste, par commune puis par nom.")


class RenewalUnitsSerializer(RowSerializer):
    """Une école, et son nombre."""

    uai = UaiField(help_text="Son UAI.")
    units = StrictIntegerField(
        min_value=0,
        max_value=MAX_UNITS,
        allow_null=True,
        help_text="Le nombre de licences ; null : celui qui est proposé.",
    )


class RenewalLinesSerializer(StrictSerializer):
    """Les nombres à changer ; les autres écoles gardent le leur."""

    version = StrictIntegerField(min_value=0, help_text="Celle que `GET /renewal` a rendue.")
    lines = BulkRowsSerializer(child=RenewalUnitsSerializer(), help_text="Une école n'y figure qu'une fois.")


_EXAMPLE = {
    "year": 2028,
    "opens_on": "2027-04-01",
    "state": "open",
    "version": 4,
    "total": 6,
    "given": 8,
    "to_order": 6,
    "order": None,
    "lines": [
        {
            "uai": "0300123W",
            "name": "École élémentaire Jean Jaurès",
            "commune": "Nîmes",
            "given": 8,
            "peak": 6,
            "used": 5,
            "proposed": 6,
            "reason": "6 tenues au plus",
            "units": 6,
            "typed": False,
        }
    ],
}


class RenewalViewSet(ApiViewSet):
    """`/renewal`."""

    tag = "Reconduction"
    write_scope = TokenScope.ALLOCATE
    serializer_class = RenewalSerializer
    examples = {"Une liste d'une école": _EXAMPLE}

    @operation("GET renewal", "renewal", "getRenewal", "Lire la reconduction")
    def retrieve(self) -> dict[str, Any]:
        """La liste de l'année prochaine, école par école, avec ce qui est proposé et pourquoi.

        De septembre à mars, celle de l'année qui court si elle a été commencée, sinon l'annonce de la suivante.
        """
        return _read(timezone.now())

    @operation("PUT renewal/lines", "renewal_lines", "putRenewalLines", "Écrire des nombres de la reconduction")
    @sends(
        RenewalLinesSerializer,
        {
            "Une école, et une autre comme proposé": {
                "version": 4,
                "lines": [{"uai": "0300123W", "units": 6}, {"uai": "0300124X", "units": None}],
            }
        },
    )
    @refuses("renewal_changed", "renewal_not_open", "wrong_renewal_state", "invalid_renewal_line")
    def write_lines(self) -> dict[str, Any]:
        """Écrit ces nombres, tous ou aucun, et rend la liste. Rien n'est commandé ni donné.

        Recommencer la même requête après un succès est un refus `renewal_changed` : lisez la liste de nouveau.
        """
        data, now = self.read_body(), timezone.now()
        operations.edit_lines(
            year=_find_year(now), version=data["version"], units=_collect(data["lines"]), by=self.actor(), at=now
        )
        return _read(now)


def _collect(lines: list[dict[str, Any]]) -> dict[str, int | None]:
    units: dict[str, int | None] = {}
    for line in lines:
        uai = line["uai"]
        if uai in units:
            raise Refusal("invalid_renewal_line", f"{uai} : une école ne figure qu'une fois dans la liste.")
        units[uai] = line["units"]
    return units


def _find_year(now: datetime.datetime) -> int:
    day = date_in_paris(now)
    return next(iter(queries.list_years(day)), queries.get_renewed_year(day))


def _read(now: datetime.datetime) -> dict[str, Any]:
    year = _find_year(now)
    found = read_list(year, now)
    opening = queries.get_opening_day(year)
    is_begun = date_in_paris(now) >= opening
    lines = [row for row in found.rows if row.is_concerned] if is_begun else []
    return {
        "year": year,
        "opens_on": opening.isoformat(),
        "state": found.state.value,
        "version": found.version,
        "total": found.total if is_begun else 0,
        "given": found.given,
        "to_order": found.to_order if is_begun and found.state == RenewalState.OPEN else 0,
        "order": found.order.pk if found.order is not None else None,
        "lines": RenewalLineSerializer(lines, many=True).data,
    }

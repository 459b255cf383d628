"""`/report`: the figures of « Rapport pour le conseil »."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from api.fields import MAX_INTEGER
from api.filters import read_integer
from api.viewsets import ApiViewSet, operation
from core.calendar import date_in_paris
from licensing.entitlements.queries import get_school_year
from licensing.pools.year_use import list_bought_years
from sites.office.year_report import MIN_LICENCES, YearReport, choose_year, read_report

_YEAR = OpenApiParameter(
    "year",
    {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER},
    description="L'année où finit l'année scolaire, 2027 pour 2026-2027. Sans elle : celle qui court, ou "
    "la dernière dont vous avez des licences.",
)


class ReportFiguresSerializer(serializers.Serializer[Any]):
    """Les licences d'une année scolaire un certain jour."""

    bought = serializers.IntegerField(help_text="Licences achetées, offertes comprises.")
    granted = serializers.IntegerField(help_text="Celles qui sont offertes.")
    given = serializers.IntegerField(help_text="Données aux écoles.")
    redeemed = serializers.IntegerField(help_text="Des clés activées.")
    used = serializers.IntegerField(
        allow_null=True,
        help_text=f"Tenues par un enseignant ce jour-là ; null si moins de {MIN_LICENCES} licences sont données.",
    )
    schools = serializers.IntegerField(help_text="Écoles qui ont des licences.")


class ReportAmountField(serializers.CharField):
    """Euros with their cents."""

    def to_representation(self, value: Any) -> str:
        """Return « 1080.00 »."""
        return f"{value:.2f}"


class ReportCostSerializer(serializers.Serializer[Any]):
    """Le prix des licences de l'année, en euros ; null s'il n'y en a pas."""

    total_ht = ReportAmountField(allow_null=True, help_text="Prix des commandes HT, avoirs déduits.")
    total_ttc = ReportAmountField(allow_null=True, help_text="Le même, TTC.")
    used_class_ht = ReportAmountField(
        source="ht", allow_null=True, help_text="Ce prix HT, partagé entre les licences utilisées."
    )
    used_class_ttc = ReportAmountField(source="ttc", allow_null=True, help_text="Le même, TTC.")


class SchoolsByUseSerializer(serializers.Serializer[Any]):
    """Combien d'écoles se servent de leurs licences."""

    all_used = serializers.IntegerField(help_text="Utilisent toutes leurs licences.")
    some_used = serializers.IntegerField(help_text="En utilisent une partie.")
    none_used = serializers.IntegerField(help_text="Ont activé une clé, sans rien utiliser.")
    not_redeemed = serializers.IntegerField(help_text="N'ont activé aucune clé.")


class ReportedSchoolSerializer(serializers.Serializer[Any]):
    """Une école, et ce qu'elle a des licences de l'année."""

    uai = serializers.CharField(help_text="Son UAI.")
    name = serializers.CharField(help_text="Son nom.")
    commune = serializers.CharField(help_text="Sa commune.")
    given = serializers.IntegerField(source="use.given", help_text="Licences données.")
    redeemed = serializers.IntegerField(source="use.redeemed", help_text="Activées.")
    used = serializers.IntegerField(source="use.used", help_text="Utilisées.")


class GroupedSchoolsSerializer(serializers.Serializer[Any]):
    """Les écoles trop petites pour être nommées sans qu'une classe s'y reconnaisse, ensemble."""

    count = serializers.IntegerField(source="schools", help_text="Combien d'écoles.")
    given = serializers.IntegerField(source="use.given", help_text="Licences données.")
    redeemed = serializers.IntegerField(source="use.redeemed", help_text="Activées.")
    used = serializers.IntegerField(source="use.used", help_text="Utilisées.")


class ReportWeekSerializer(serializers.Serializer[Any]):
    """Une semaine, du lundi au dimanche à Paris."""

    monday = serializers.DateField(help_text="Son lundi.")
    keys_sent = serializers.IntegerField(
        source="counts.sent", help_text="Clés envoyées ; les e-mails sont gardés trois ans."
    )
    reminders_sent = serializers.IntegerField(source="counts.reminded", help_text="Relances envoyées.")
    keys_redeemed = serializers.IntegerField(source="counts.activated", help_text="Clés activées.")
    redeemed = serializers.IntegerField(help_text="Licences activées depuis le début, à la fin de la semaine.")
    used = serializers.IntegerField(help_text="Licences utilisées à la fin de la semaine.")


class YearReportSerializer(serializers.Serializer[Any]):
    """Le rapport d'une année scolaire."""

    year = serializers.IntegerField(help_text="L'année où elle finit : 2027 pour 2026-2027.")
    counted_on = serializers.DateField(
        source="day",
        help_text="Le jour jusqu'auquel tout est compté, inclus : aujourd'hui, ou le dernier jour de l'année.",
    )
    figures = ReportFiguresSerializer(help_text="Ce jour-là.")
    same_day_last_year = ReportFiguresSerializer(
        source="same_day",
        allow_null=True,
        help_text="L'année d'avant, à la même date, dans les volumes que les écoles ont eus ensuite ; null si l'année "
        "est finie, ou s'il n'y en a pas avant.",
    )
    last_year = ReportFiguresSerializer(
        allow_null=True, help_text="L'année d'avant, à sa fin ; null s'il n'y en a pas."
    )
    cost = ReportCostSerializer(help_text="Ce que les licences ont coûté.")
    last_year_cost = ReportCostSerializer(source="last_cost", help_text="Ce que celles de l'année d'avant ont coûté.")
    schools_by_use = SchoolsByUseSerializer(
        source="by_use", allow_null=True, help_text=f"Null si moins de {MIN_LICENCES} licences sont données."
    )
    schools = ReportedSchoolSerializer(
        many=True,
        help_text=f"Les écoles de {MIN_LICENCES} licences ou plus, celles où le plus de classes s'en servent d'abord.",
    )
    grouped_schools = GroupedSchoolsSerializer(
        source="grouped",
        allow_null=True,
        help_text="Les autres ; null s'il n'y en a pas, ou si les dire ferait reconnaître une classe.",
    )
    weeks = ReportWeekSerializer(many=True, help_text="De la première clé envoyée à ce jour, sans trou.")


_FIGURES = {"bought": 30, "granted": 0, "given": 15, "redeemed": 14, "used": 12, "schools": 4}
_COST = {"total_ht": "1080.00", "total_ttc": "1296.00", "used_class_ht": "90.00", "used_class_ttc": "108.00"}
_NO_COST = dict.fromkeys(_COST)
_EXAMPLE = {
    "year": 2027,
    "counted_on": "2026-11-27",
    "figures": _FIGURES,
    "same_day_last_year": None,
    "last_year": None,
    "cost": _COST,
    "last_year_cost": _NO_COST,
    "schools_by_use": {"all_used": 1, "some_used": 2, "none_used": 0, "not_redeemed": 1},
    "schools": [
        {
            "uai": "0300123W",
            "name": "École élémentaire Jean Jaurès",
            "commune": "Nîmes",
            "given": 8,
            "redeemed": 8,
            "used": 8,
        },
    ],
    "grouped_schools": {"count": 3, "given": 7, "redeemed": 6, "used": 4},
    "weeks": [
        {
            "monday": "2026-11-23",
            "keys_sent": 1,
            "reminders_sent": 2,
            "keys_redeemed": 1,
            "redeemed": 14,
            "used": 12,
        },
    ],
}


class ReportViewSet(ApiViewSet):
    """`/report`."""

    tag = "Rapport"
    serializer_class = YearReportSerializer
    examples = {"Une année qui court": _EXAMPLE}

    @operation("GET report", "report", "getReport", "Lire le rapport d'une année scolaire", parameters=[_YEAR])
    def retrieve(self) -> YearReport:
        """Les chiffres du « Rapport pour le conseil » : licences, prix, écoles par usage, semaines, année d'avant.

        Une école de peu de licences n'est pas nommée. Une année sans licences est un 404.
        """
        today = date_in_paris(timezone.now())
        years, asked = list_bought_years(), read_integer(self.request, _YEAR.name)
        if asked is not None and asked not in years:
            raise Http404
        year = asked or choose_year(years, today) or get_school_year(today)
        return read_report(year, today)

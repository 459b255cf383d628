"""Members in the API: the staff of the office and their roles, for access reviews."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import UtcDateTimeField
from api.viewsets import ApiViewSet, listing
from collectivities.capabilities import Role
from collectivities.models import Member

_EXAMPLE = {
    "id": 12,
    "first_name": "Camille",
    "last_name": "Roussel",
    "email": "c.roussel@ville.example",
    "roles": ["manager"],
    "joined_at": "2026-09-01T08:00:00Z",
}


class MemberSerializer(serializers.ModelSerializer[Member]):
    """Un membre du bureau : un agent de votre collectivité, tel que votre annuaire le reconnaît."""

    first_name = serializers.CharField(source="user.first_name", help_text="Son prénom.")
    last_name = serializers.CharField(source="user.last_name", help_text="Son nom de famille.")
    # The collectivity's own directory identifies its staff by it: names alone are ambiguous.
    email = serializers.CharField(
        source="user.email", help_text="Son adresse e-mail au bureau : celle à laquelle votre annuaire le reconnaît."
    )
    roles: Any = serializers.ListField(
        child=serializers.ChoiceField(choices=Role.choices),
        help_text="Ce qu'il est au bureau, au moins un : acheteur (`buyer`), gestionnaire (`manager`), référent "
        "données (`data_officer`), lecteur (`viewer`).",
    )
    joined_at = UtcDateTimeField(help_text="Depuis quand il est membre.")

    class Meta:
        model = Member
        fields = tuple(_EXAMPLE)
        extra_kwargs = {"id": {"help_text": "Le numéro du membre : il ne change pas."}}


class MemberFilter(django_filters.FilterSet):
    """Filter members by role."""

    role = django_filters.ChoiceFilter(
        choices=Role.choices, method="by_role", help_text="Ceux qui ont ce rôle, seul ou avec d'autres."
    )

    def by_role(self, members: QuerySet[Member], name: str, role: str) -> QuerySet[Member]:
        """Keep the members who have the role."""
        return members.filter(roles__contains=[role])


class MemberViewSet(ApiViewSet):
    """`/members`."""

    tag = "Membres"
    queryset = Member.objects.active().prefetch_related("user")
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    cursor_field = "pk"
    examples = {"Une gestionnaire": _EXAMPLE}

    @listing("members", "members", "listMembers", "Lire les membres du bureau")
    def list(self) -> Response:
        """Qui travaille au bureau, avec quels rôles, depuis quand. Qui l'a quitté n'y est pas."""
        return self.list_response()

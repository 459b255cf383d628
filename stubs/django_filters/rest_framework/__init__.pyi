from typing import Any

from django.db.models import QuerySet
from django_filters import FilterSet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

class DjangoFilterBackend(BaseFilterBackend):
    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> FilterSet | None: ...

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.forms.utils import ErrorDict
from django.http import HttpRequest

class Filter:
    field_class: ClassVar[type[forms.Field]]
    field: forms.Field
    field_name: str | None
    lookup_expr: str
    extra: dict[str, Any]
    parent: FilterSet

    def __init__(
        self,
        field_name: str | None = None,
        lookup_expr: str | None = None,
        *,
        label: str | None = None,
        method: str | Callable[..., Any] | None = None,
        distinct: bool = False,
        exclude: bool = False,
        **kwargs: Any,
    ) -> None: ...

class CharFilter(Filter): ...
class BooleanFilter(Filter): ...
class NumberFilter(Filter): ...
class DateFilter(Filter): ...
class IsoDateTimeFilter(Filter): ...
class ChoiceFilter(Filter): ...
class MultipleChoiceFilter(Filter): ...
class ModelChoiceFilter(Filter): ...

class FilterSet:
    base_filters: ClassVar[dict[str, Filter]]
    filters: dict[str, Filter]
    form: forms.Form
    data: Any
    queryset: QuerySet[Any]
    request: HttpRequest | None

    def __init__(
        self,
        data: Any = None,
        queryset: QuerySet[Any] | None = None,
        *,
        request: HttpRequest | None = None,
        prefix: str | None = None,
    ) -> None: ...
    @property
    def qs(self) -> QuerySet[Any]: ...
    @property
    def errors(self) -> ErrorDict: ...
    def is_valid(self) -> bool: ...
    @classmethod
    def get_filters(cls) -> dict[str, Filter]: ...
    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]: ...

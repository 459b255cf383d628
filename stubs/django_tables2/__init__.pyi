from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

class Column:
    verbose_name: Any

    def __init__(
        self,
        verbose_name: str | None = None,
        accessor: str | Callable[..., object] | None = None,
        default: object = None,
        visible: bool = True,
        orderable: bool | None = None,
        attrs: Mapping[str, Any] | None = None,
        order_by: str | Iterable[str] | None = None,
        empty_values: Iterable[object] | None = None,
        localize: bool | None = None,
        footer: Any = None,
        exclude_from_export: bool = False,
        linkify: Any = False,
        initial_sort_descending: bool = False,
    ) -> None: ...

class TemplateColumn(Column):
    def __init__(
        self,
        template_code: str | None = None,
        template_name: str | None = None,
        context_object_name: str = "record",
        extra_context: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> None: ...

class DateColumn(TemplateColumn):
    def __init__(self, format: str | None = None, short: bool = True, *args: Any, **kwargs: Any) -> None: ...

class DateTimeColumn(TemplateColumn):
    def __init__(self, format: str | None = None, short: bool = True, *args: Any, **kwargs: Any) -> None: ...

class Table:
    base_columns: ClassVar[dict[str, Column]]
    data: Any
    page: Page[Any]
    paginator: Paginator[Any]
    request: HttpRequest
    columns: Any
    # Of the same name, a table's own column replaces it: « rows = Column() ».
    rows: Any

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None: ...
    @property
    def paginated_rows(self) -> Any: ...
    def as_html(self, request: HttpRequest) -> str: ...

class RequestConfig:
    def __init__(
        self, request: HttpRequest, paginate: bool | Mapping[str, Any] = True, silent: bool = True
    ) -> None: ...
    def configure[T: Table](self, table: T) -> T: ...

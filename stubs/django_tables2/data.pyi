from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

class TableData:
    data: Any

    def __init__(self, data: Any) -> None: ...
    def __len__(self) -> int: ...
    def order_by(self, aliases: Iterable[str]) -> None: ...

class TableQuerysetData(TableData):
    data: QuerySet[Any]

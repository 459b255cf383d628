from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest

class BaseAdapter:
    error_messages: dict[str, Any]
    request: HttpRequest

    def __init__(self, request: HttpRequest | None = None) -> None: ...
    def validation_error(self, code: str, *args: Any) -> ValidationError: ...

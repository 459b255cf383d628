from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

class WhiteNoiseMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse], settings: Any = ...) -> None: ...
    def add_files_from_finders(self) -> None: ...

"""What is read of a form with a file: so many bytes, each field once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser

from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bytes of a form besides its file: its fields, the lines between its parts.
_BESIDES = 64 * 1024


class BoundedForm(MultiPartParser):
    """A form whose file has at most so many bytes. A subclass says how many, and what to say of more."""

    most: int
    too_big: str

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the form's data and files. Raises `ParseError`, `Problem`: nothing of what is too big is read."""
        request = (parser_context or {})["request"]
        # The server reads no further than what is announced here.
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.most + _BESIDES:
            raise self.refusal()
        try:
            parsed = super().parse(stream, media_type, dict(parser_context or {}))
        except (ParseError, SuspiciousOperation):
            raise ParseError(
                "Le corps de la requête n'est pas un formulaire « multipart/form-data » lisible : un champ qui n'est "
                "pas un fichier a une valeur courte."
            ) from None
        try:
            self._check(parsed)
        except Exception:
            # Nobody else knows of what was put aside on the disk.
            for _, files in parsed.files.lists():
                for file in files:
                    file.close()
            raise
        return parsed

    def _check(self, parsed: Any) -> None:
        if any((file.size or 0) > self.most for _, files in parsed.files.lists() for file in files):
            raise self.refusal()
        names = [name for held in (parsed.data, parsed.files) for name, values in held.lists() for _ in values]
        if len(names) != len(set(names)):
            raise ParseError("Un champ du formulaire y figure plusieurs fois.")

    def refusal(self) -> Problem:
        """Return what is said of a file that is too big."""
        return Problem("body_too_large", self.too_big, status_code=413)

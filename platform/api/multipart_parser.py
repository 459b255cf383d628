"""Multipart parser with a size limit and no repeated fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser

from api.problem_details import ApiProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Allowance in bytes for everything but the file: other fields, boundaries.
_FORM_OVERHEAD = 64 * 1024


class LimitedMultiPartParser(MultiPartParser):
    """Multipart parser with a file size limit. A subclass sets the limit and the error message."""

    max_bytes: int
    too_large_message: str

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the form's data and files. Raises `ParseError`, `ApiProblem` (413, before reading the body)."""
        request = (parser_context or {})["request"]
        # The server reads no more bytes than this header announces.
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_bytes + _FORM_OVERHEAD:
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
            # Temporary files of the upload: no one else would close them.
            for _, files in parsed.files.lists():
                for file in files:
                    file.close()
            raise
        return parsed

    def _check(self, parsed: Any) -> None:
        if any((file.size or 0) > self.max_bytes for _, files in parsed.files.lists() for file in files):
            raise self.refusal()
        names = [name for fields in (parsed.data, parsed.files) for name, values in fields.lists() for _ in values]
        if len(names) != len(set(names)):
            raise ParseError("Un champ du formulaire y figure plusieurs fois.")

    def refusal(self) -> ApiProblem:
        """Return the error for a file over the limit."""
        return ApiProblem("body_too_large", self.too_large_message, status_code=413)

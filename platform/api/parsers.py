"""Strict request parsers, bounded in size: JSON and multipart forms, without repeated names."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

from api.problem_details import ApiProblem, FieldError, InvalidRequest
from core.foreign_values import MAX_DEPTH, JsonTooLarge, NulInJson, UnreadableJson, parse_json
from core.formatting import number

#: Characters of a query parameter, where its filter has no lower limit.
MAX_PARAMETER_LENGTH = 1_000
#: Characters of a refused name that the error repeats.
_SHOWN_NAME_LENGTH = 100


def iter_nul_errors(value: object, path: tuple[str, ...] = (), row: int | None = None) -> Iterator[FieldError]:
    """Yield an error for each text or name with NUL in a decoded body, however deep, with its field and row."""
    if isinstance(value, str):
        if "\x00" in value:
            yield _nul_error(".".join(path), row)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\x00" in name:
                yield _nul_error(".".join((*path, name)), row)
            else:
                yield from iter_nul_errors(inner, (*path, name), row)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from iter_nul_errors(inner, path, index)


def check_parameter(name: str, value: str, max_length: int = MAX_PARAMETER_LENGTH) -> FieldError | None:
    """Return the error of a parameter whose name or value holds NUL or is too long; None if there is none."""
    if "\x00" in name or "\x00" in value:
        return _nul_error(name, None)
    if len(name) > MAX_PARAMETER_LENGTH or len(value) > max_length:
        detail = f"{number(max_length)} caractères au plus."
        return FieldError("max_length", detail, name[:_SHOWN_NAME_LENGTH])
    return None


def _nul_error(name: str, row: int | None) -> FieldError:
    shown = name.replace("\x00", "\\u0000")[:_SHOWN_NAME_LENGTH]
    return FieldError("null_characters_not_allowed", "Le caractère nul n'est pas autorisé.", shown or None, row)


#: Allowance in bytes for everything but the file: other fields, boundaries.
_FORM_OVERHEAD = 64 * 1024
_UNREADABLE = (
    "Le corps de la requête n'est pas du JSON lisible, en UTF-8, sans nom répété ; il a au plus "
    f"{MAX_DEPTH} niveaux, et ses nombres au plus 64 bits."
)


class BodyTooLarge(ApiProblem):
    """The request body exceeds `API_MAX_BODY_BYTES`."""

    status_code = 413

    def __init__(self) -> None:
        max_megabytes = settings.API_MAX_BODY_BYTES // (1024 * 1024)
        super().__init__("body_too_large", f"La requête dépasse {max_megabytes} Mo : partagez-la en plusieurs.")


class StrictJsonParser(JSONParser):
    """Parses RFC 8259 JSON: UTF-8, no duplicate names, no NaN, no lone surrogates, no NUL, bounded nesting."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the decoded body. Raises `ParseError`, `BodyTooLarge`, `InvalidRequest`."""
        max_bytes = settings.API_MAX_BODY_BYTES
        try:
            return parse_json(stream.read(max_bytes + 1), max_bytes=max_bytes)
        except JsonTooLarge:
            raise BodyTooLarge from None
        except NulInJson as refused:
            raise InvalidRequest(list(iter_nul_errors(refused.parsed))) from None
        except UnreadableJson:
            raise ParseError(_UNREADABLE) from None


class LimitedMultiPartParser(MultiPartParser):
    """Multipart parser with a file size limit. A subclass sets the limit and the error message.

    `max_lengths`: characters of the values that may be longer than others, by name.
    """

    max_bytes: int
    too_large_message: str
    max_lengths: Mapping[str, int] = {}

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the form's data and files. Raises `ParseError`, `ApiProblem` (413, before reading the body)."""
        request = (parser_context or {})["request"]
        # The server reads no more bytes than this header announces.
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_bytes + _FORM_OVERHEAD:
            raise self.too_large_error()
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
            raise self.too_large_error()
        names = [name for fields in (parsed.data, parsed.files) for name, values in fields.lists() for _ in values]
        if len(names) != len(set(names)):
            raise ParseError("Un champ du formulaire y figure plusieurs fois.")
        values = ((name, value) for name, value in parsed.data.items() if isinstance(value, str))
        limits = self.max_lengths
        found = (check_parameter(name, value, limits.get(name, MAX_PARAMETER_LENGTH)) for name, value in values)
        errors = [error for error in found if error is not None]
        if errors:
            raise InvalidRequest(errors)

    def too_large_error(self) -> ApiProblem:
        """Return the error for a file over the limit."""
        return ApiProblem("body_too_large", self.too_large_message, status_code=413)

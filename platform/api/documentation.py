"""The documentation of the API: its French texts, its pages, and the OpenAPI description."""

import functools
import hashlib
import itertools
import json
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from api import filters
from api.models import SCOPE_DESCRIPTIONS, TokenScope
from api.problem_details import list_families
from core import formatting
from web.access import public_page

# Turns the OpenAPI document into the content of the documentation pages, one resource per page. Pure.
#
# Everything is derived from the document: a new operation of the API appears in the documentation by itself.

Schema = Mapping[str, Any]


_METHODS = ("get", "post", "put", "patch", "delete")
_LOCATIONS = {"path": "adresse", "query": "paramètre", "header": "en-tête"}
_TYPES = {
    "string": "texte",
    "integer": "nombre entier",
    "number": "nombre",
    "boolean": "true ou false",
    "object": "objet",
    "null": "null",
}
_FORMATS = {
    "date-time": "moment, en UTC",
    "date": "jour, AAAA-MM-JJ",
    "email": "adresse e-mail",
    "uri": "adresse web",
    "uuid": "UUID",
    "binary": "fichier",
}
_BOUNDS = {
    "minimum": "au moins {}",
    "exclusiveMinimum": "plus de {}",
    "maximum": "au plus {}",
    "minLength": "{} caractères au moins",
    "maxLength": "{} caractères au plus",
    "minItems": "{} éléments au moins",
    "maxItems": "{} éléments au plus",
    "default": "sinon {}",
}
#: Bounds that are not worth showing: the limits of PostgreSQL's `integer`, non-empty texts and lists.
_HIDDEN_BOUNDS = {("minimum", -2147483648), ("maximum", 2147483647), ("minLength", 1), ("minItems", 1)}
_MAX_DEPTH = 6
_PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """A parameter, or a field of a body: one row of a table."""

    name: str
    type: str
    description: str
    required: bool
    location: str = ""


@dataclass(frozen=True, slots=True)
class ExampleDoc:
    """An example of a request or response body."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class BodyDoc:
    """A request or response body of one content type."""

    content_type: str
    fields: list[FieldDoc]
    examples: list[ExampleDoc]


@dataclass(frozen=True, slots=True)
class ResponseDoc:
    """A response: one status with its bodies."""

    status: str
    description: str
    bodies: list[BodyDoc]


@dataclass(frozen=True, slots=True)
class OperationDoc:
    """One HTTP method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[FieldDoc]
    bodies: list[BodyDoc]
    responses: list[ResponseDoc]
    request: str

    @property
    def successful(self) -> list[ResponseDoc]:
        """Return the successful responses."""
        return [answer for answer in self.responses if answer.status.startswith("2")]


@dataclass(slots=True)
class ResourceDoc:
    """An OpenAPI tag: one page of the documentation."""

    name: str
    slug: str
    description: str
    operations: list[OperationDoc] = field(default_factory=list)


def build_resources(description: Schema, server: str) -> list[ResourceDoc]:
    """Return the resources with their operations, in the order of the document's tags."""
    found = {
        tag["name"]: ResourceDoc(tag["name"], slugify(tag["name"]), tag["description"]) for tag in description["tags"]
    }
    reader = OpenApiReader(description, server)
    for path, item in description["paths"].items():
        for verb in _METHODS:
            if verb in item:
                found[item[verb]["tags"][0]].operations.append(reader.operation(path, verb, item[verb]))
    return [resource for resource in found.values() if resource.operations]


class OpenApiReader:
    """Reads the parts of one OpenAPI document and resolves its references."""

    def __init__(self, description: Schema, server: str) -> None:
        self.description = description
        self.server = server

    def operation(self, path: str, verb: str, spec: Schema) -> OperationDoc:
        """Return the documentation of one operation."""
        bodies = self._bodies(spec.get("requestBody", {}).get("content", {}))
        return OperationDoc(
            anchor=spec["operationId"],
            method=verb.upper(),
            path=path,
            summary=spec["summary"],
            description=spec["description"],
            parameters=[self._parameter(parameter) for parameter in spec.get("parameters", ())],
            bodies=bodies,
            responses=[self._response(status, answer) for status, answer in spec["responses"].items()],
            request=self._curl_command(path, verb, spec, bodies),
        )

    def _parameter(self, spec: Schema) -> FieldDoc:
        description = spec.get("description") or self._describe(spec["schema"])
        location = _LOCATIONS[spec["in"]]
        return FieldDoc(spec["name"], self._type(spec["schema"]), description, bool(spec.get("required")), location)

    def _response(self, status: str, spec: Schema) -> ResponseDoc:
        content = spec.get("content", {})
        bodies = [] if _PROBLEM_TYPE in content else self._bodies(content)
        return ResponseDoc(status, spec.get("description", ""), bodies)

    def _bodies(self, content: Schema) -> list[BodyDoc]:
        return [
            BodyDoc(kind, list(self._iter_fields(spec.get("schema", {}))), list(_iter_examples(spec)))
            for kind, spec in content.items()
        ]

    def _curl_command(self, path: str, verb: str, spec: Schema, bodies: list[BodyDoc]) -> str:
        """Return the operation as a curl command."""
        words = ["curl", shlex.quote(f"{self.server}{path}") if "{" in path else f"{self.server}{path}"]
        if verb != "get":
            words[1:1] = ["-X", verb.upper()]
        lines = [" ".join(words), '-H "Authorization: Bearer $PEPS_TOKEN"']
        if any(one["name"] == "Idempotency-Key" for one in spec.get("parameters", ())):
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        for body in bodies[:1]:
            if body.content_type.startswith("multipart/"):
                lines += [f"-F {one.name}={'@tableau.xlsx' if one.type == 'fichier' else '…'}" for one in body.fields]
            elif body.examples or not body.fields:
                sent = body.examples[0].text if body.examples else "{}"
                lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(sent)}"]
        return " \\\n  ".join(lines)

    def _resolve(self, schema: Schema) -> dict[str, Any]:
        """Resolve `$ref` and `allOf`; keys beside a reference override the referenced ones."""
        found = dict(schema)
        while (reference := found.pop("$ref", None)) is not None:
            inner: Any = self.description
            for part in reference.removeprefix("#/").split("/"):
                inner = inner[part]
            found = {**inner, **found}
        for part in found.pop("allOf", ()):
            found = {**self._resolve(part), **found}
        return found

    def _alternatives(self, schema: Schema) -> list[dict[str, Any]]:
        """Return the alternatives of a schema (`oneOf`, `anyOf`), or the schema itself."""
        found = self._resolve(schema)
        alternatives = [*found.get("oneOf", ()), *found.get("anyOf", ())]
        return [one for part in alternatives for one in self._alternatives(part)] if alternatives else [found]

    def _describe(self, schema: Schema) -> str:
        return str(self._resolve(schema).get("description", ""))

    def _iter_fields(self, schema: Schema, prefix: str = "", depth: int = 0) -> Iterator[FieldDoc]:
        """Yield the fields of a schema, recursively through lists and objects."""
        visited: set[str] = set()
        for form in self._alternatives(schema):
            if "items" in form:
                yield from self._iter_fields(form["items"], f"{prefix}[]" if prefix else "[]", depth)
            required = set(form.get("required", ()))
            for name, inner in form.get("properties", {}).items():
                if name in visited:
                    continue
                visited.add(name)
                path = f"{prefix}.{name}" if prefix else name
                yield FieldDoc(path, self._type(inner), self._describe(inner), name in required)
                if depth < _MAX_DEPTH:
                    yield from self._iter_fields(inner, path, depth + 1)

    def _type(self, schema: Schema) -> str:
        words: list[str] = []
        for form in self._alternatives(schema):
            words += [word for word in self._type_words(form) if word not in words]
        if "null" in words:
            words = [*(word for word in words if word != "null"), "null"]
        return " ou ".join(words)

    def _type_words(self, form: Schema) -> Iterator[str]:
        if "enum" in form or "const" in form:
            allowed = form.get("enum", [form.get("const")])
            yield from (json.dumps(value, ensure_ascii=False) for value in allowed if value is not None)
            if None in allowed:
                yield "null"
            return
        kinds = form.get("type", "object" if "properties" in form else "")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind == "array":
                yield self._with_bounds(f"liste de : {self._type(form.get('items', {})) or 'valeurs'}", form)
            elif kind == "null":
                yield "null"
            elif kind:
                word = _FORMATS.get(form.get("format", ""), _TYPES[kind]) if kind == "string" else _TYPES[kind]
                yield self._with_bounds(word, form)

    def _with_bounds(self, word: str, form: Schema) -> str:
        bounds = [
            description.format(json.dumps(form[name], ensure_ascii=False))
            for name, description in _BOUNDS.items()
            if name in form and (name, form[name]) not in _HIDDEN_BOUNDS
        ]
        return f"{word} ({', '.join(bounds)})" if bounds else word


def _iter_examples(spec: Schema) -> Iterator[ExampleDoc]:
    """Yield the examples of a body as indented JSON."""
    for name, example in spec.get("examples", {}).items():
        title = example.get("summary") or example.get("description") or name
        yield ExampleDoc(title, json.dumps(example["value"], ensure_ascii=False, indent=2))
    if "example" in spec:
        yield ExampleDoc("Exemple", json.dumps(spec["example"], ensure_ascii=False, indent=2))


# The API documentation: public pages at the tenant's host, without JavaScript.
#
# Resource pages are generated from the OpenAPI document; « Prise en main » is docs/api.md, whose code the tests
# execute.

# The OpenAPI document of the API. It holds nothing specific to a tenant and is public.
#
# Built once per process from the endpoints; only `servers` depends on the requested host.

# drf-spectacular resolves its extensions in place: two threads that build at once break each other.
_building = threading.Lock()


def get_openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document, cached for the process. Callers must not modify it."""
    with _building:
        return _build_document()


@functools.cache
def _build_document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def _serialized(request: HttpRequest) -> bytes:
    server = {"url": _server_url(request), "description": "Ce bureau."}
    return json.dumps(get_openapi_document() | {"servers": [server]}, ensure_ascii=False, indent=1).encode()


def _etag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(_serialized(request)).hexdigest()[:32]}"'


@public_page
@require_safe
@condition(etag_func=_etag)
def openapi_json(request: HttpRequest) -> HttpResponse:
    """Serve the OpenAPI document as JSON."""
    response = HttpResponse(_serialized(request), content_type="application/vnd.oai.openapi+json")
    response["Cache-Control"] = "no-cache"
    return response


# Renders the Markdown of the API documentation as HTML, with markdown-it-py.
#
# Headings, paragraphs, lists, fenced blocks, `code`, **strong** and [links](/a/path). Anything else is escaped and
# shown as written; HTML in the source is never interpreted.

#: Output of an example, labelled for screen readers as well.
_OUTPUT_FIGURE = '<figure class="printed"><figcaption>Ce qui s’affiche :</figcaption>{}</figure>\n'


def _render_text(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    """Escape text outside of code, with French non-breaking spaces."""
    return escape(formatting.add_nonbreaking_spaces(tokens[index].content))


def _render_line_break(
    _renderer: RendererProtocol, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: Any
) -> str:
    """Join the lines of a paragraph: a non-breaking space is looked for after joining."""
    return " "


def _render_fence(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    """Render a fenced block; one of `text` is what an example prints."""
    token = tokens[index]
    sample = format_html('<pre class="sample"><code>{}</code></pre>', token.content.removesuffix("\n"))
    return format_html(_OUTPUT_FIGURE, sample) if token.info == "text" else f"{sample}\n"


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False})
    parser.enable(["heading", "list", "fence", "backticks", "emphasis", "link", "newline"])
    parser.add_render_rule("text", _render_text)
    parser.add_render_rule("softbreak", _render_line_break)
    parser.add_render_rule("fence", _render_fence)
    return parser


_PARSER = _build_parser()


def render_inline(text: str) -> SafeString:
    """Render one paragraph without its `<p>`."""
    # The parser escapes HTML, as the text rule above does.
    return SafeString(_PARSER.renderInline(text))


def render_blocks(text: str) -> SafeString:
    """Render a text of several blocks; each heading gets an anchor."""
    tokens = _PARSER.parse(text)
    for opening, content in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", slugify(content.content))
    return SafeString(_PARSER.renderer.render(tokens, _PARSER.options, {}).strip())


def list_headings(text: str) -> list[tuple[str, str]]:
    """Return the anchor and text of each level 2 heading."""
    tokens = _PARSER.parse(text)
    return [
        (slugify(content.content), content.content)
        for opening, content in itertools.pairwise(tokens)
        if opening.type == "heading_open" and opening.tag == "h2"
    ]


GETTING_STARTED = settings.ROOT / "docs" / "api.md"
#: Host written in docs/api.md; replaced by the tenant's own host when the page is rendered.
_SAMPLE_HOST = "https://nimes.peps.example"


@public_page
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Render the start page: what all endpoints have in common."""
    limits = {
        "requests": settings.API_REQUESTS_PER_MINUTE,
        "megabytes": settings.API_MAX_BODY_BYTES // (1024 * 1024),
        "usual": filters.DEFAULT_PAGE_SIZE,
        "most": filters.MAX_PAGE_SIZE,
    }
    scopes = [(scope, SCOPE_DESCRIPTIONS[scope]) for scope in TokenScope]
    return _render_page(request, "api/documentation/index.html", "index", scopes=scopes, **limits)


@public_page
@require_safe
def getting_started(request: HttpRequest) -> HttpResponse:
    """Render « Prise en main » with the URL of the current tenant."""
    text = _getting_started().replace(_SAMPLE_HOST, _server_url(request))
    title, _, body = text.partition("\n")
    content = {"title": title.removeprefix("# "), "contents": list_headings(body), "text": body}
    return _render_page(request, "api/documentation/getting_started.html", "getting_started", **content)


@public_page
@require_safe
def resource(request: HttpRequest, slug: str) -> HttpResponse:
    """Render one resource: its operations with their parameters, fields, responses and examples."""
    for documented in _resources(_server_url(request)):
        if documented.slug == slug:
            return _render_page(request, "api/documentation/resource.html", slug, resource=documented)
    raise Http404("No such resource.")


@public_page
@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Render the list of error codes, each with its meaning and its fix."""
    return _render_page(request, "api/documentation/errors.html", "errors", families=list_families())


def _render_page(request: HttpRequest, template: str, here: str, **context: object) -> HttpResponse:
    server = _server_url(request)
    common_context = {"here": here, "server": server, "resources": _resources(server)}
    response = render(request, template, common_context | context)
    response["Cache-Control"] = "no-cache"
    return response


def _server_url(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _resources(server: str) -> list[ResourceDoc]:
    return build_resources(get_openapi_document(), server)


@functools.cache
def _getting_started() -> str:
    return GETTING_STARTED.read_text(encoding="utf-8")

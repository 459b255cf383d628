"""The OpenAPI description, laid out as people read it: a resource at a time, with tables and examples. Pure.

What is here follows from the description alone: an operation that is added to the API is added to its pages.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.text import slugify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Schema = Mapping[str, Any]

_VERBS = ("get", "post", "put", "patch", "delete")
_WHERE = {"path": "adresse", "query": "paramètre", "header": "en-tête"}
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
#: What no bound says: the least that a column of PostgreSQL holds, a text that is not empty.
_OBVIOUS = {("minimum", -2147483648), ("maximum", 2147483647), ("minLength", 1), ("minItems", 1)}
_DEEPEST = 6
_PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: a parameter, or a field of a body."""

    name: str
    type: str
    says: str
    required: bool
    where: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """Something that is sent or answered."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent, or answered, in one form."""

    content_type: str
    fields: list[Line]
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Answer:
    """One status, with what comes with it."""

    status: str
    says: str
    bodies: list[Body]
    is_problem: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    says: str
    scope: str
    parameters: list[Line]
    bodies: list[Body]
    answers: list[Answer]
    request: str

    @property
    def good(self) -> list[Answer]:
        """Return the answers that say something of the resource."""
        return [answer for answer in self.answers if answer.status.startswith("2")]


@dataclass(slots=True)
class Resource:
    """What the description calls a tag: one page of the documentation."""

    name: str
    slug: str
    says: str
    operations: list[Operation] = field(default_factory=list)


def resources(description: Schema, server: str) -> list[Resource]:
    """Return the resources, in the description's order, each with its operations."""
    found = {
        tag["name"]: Resource(tag["name"], slugify(tag["name"]), tag["description"]) for tag in description["tags"]
    }
    reader = Reader(description, server)
    for path, item in description["paths"].items():
        for verb in _VERBS:
            if verb in item:
                found[item[verb]["tags"][0]].operations.append(reader.operation(path, verb, item[verb]))
    return [resource for resource in found.values() if resource.operations]


class Reader:
    """Reads the parts of one description, whose references it follows."""

    def __init__(self, description: Schema, server: str) -> None:
        self.description = description
        self.server = server

    def operation(self, path: str, verb: str, told: Schema) -> Operation:
        """Return one operation."""
        bodies = self._bodies(told.get("requestBody", {}).get("content", {}))
        return Operation(
            anchor=told["operationId"],
            method=verb.upper(),
            path=path,
            summary=told["summary"],
            says=told["description"],
            scope=told.get("x-scope", ""),
            parameters=[self._parameter(one) for one in told.get("parameters", ())],
            bodies=bodies,
            answers=[self._answer(status, answer) for status, answer in told["responses"].items()],
            request=self._request(path, verb, told, bodies),
        )

    def _parameter(self, told: Schema) -> Line:
        says = told.get("description") or self._says(told["schema"])
        where = _WHERE[told["in"]]
        return Line(told["name"], self._type(told["schema"]), says, bool(told.get("required")), where)

    def _answer(self, status: str, told: Schema) -> Answer:
        content = told.get("content", {})
        is_problem = _PROBLEM in content
        bodies = [] if is_problem else self._bodies(content)
        return Answer(status, told.get("description", ""), bodies, is_problem)

    def _bodies(self, content: Schema) -> list[Body]:
        return [
            Body(kind, list(self._fields(told.get("schema", {}))), list(_examples(told)))
            for kind, told in content.items()
        ]

    def _request(self, path: str, verb: str, told: Schema, bodies: list[Body]) -> str:
        """Return the operation as curl asks it."""
        words = ["curl", shlex.quote(f"{self.server}{path}") if "{" in path else f"{self.server}{path}"]
        if verb != "get":
            words[1:1] = ["-X", verb.upper()]
        lines = [" ".join(words), '-H "Authorization: Bearer $PEPS_JETON"']
        if any(one["name"] == "Idempotency-Key" for one in told.get("parameters", ())):
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        for body in bodies[:1]:
            if body.content_type.startswith("multipart/"):
                lines += [f"-F {one.name}={'@tableau.xlsx' if one.type == 'fichier' else '…'}" for one in body.fields]
            elif body.examples or not body.fields:
                sent = body.examples[0].text if body.examples else "{}"
                lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(sent)}"]
        return " \\\n  ".join(lines)

    def _followed(self, schema: Schema) -> dict[str, Any]:
        """Return the schema with what it refers to; what stands beside a reference has the last word."""
        found = dict(schema)
        while (reference := found.pop("$ref", None)) is not None:
            inner: Any = self.description
            for part in reference.removeprefix("#/").split("/"):
                inner = inner[part]
            found = {**inner, **found}
        for part in found.pop("allOf", ()):
            found = {**self._followed(part), **found}
        return found

    def _choices(self, schema: Schema) -> list[dict[str, Any]]:
        """Return the forms that the schema allows: itself, or each of its alternatives."""
        found = self._followed(schema)
        alternatives = [*found.get("oneOf", ()), *found.get("anyOf", ())]
        return [one for part in alternatives for one in self._choices(part)] if alternatives else [found]

    def _says(self, schema: Schema) -> str:
        return str(self._followed(schema).get("description", ""))

    def _fields(self, schema: Schema, prefix: str = "", depth: int = 0) -> Iterator[Line]:
        """Yield the fields of an object, of the objects in a list, and of those in its fields."""
        seen: set[str] = set()
        for form in self._choices(schema):
            if "items" in form:
                yield from self._fields(form["items"], f"{prefix}[]" if prefix else "[]", depth)
            required = set(form.get("required", ()))
            for name, inner in form.get("properties", {}).items():
                if name in seen:
                    continue
                seen.add(name)
                path = f"{prefix}.{name}" if prefix else name
                yield Line(path, self._type(inner), self._says(inner), name in required)
                if depth < _DEEPEST:
                    yield from self._fields(inner, path, depth + 1)

    def _type(self, schema: Schema) -> str:
        words: list[str] = []
        for form in self._choices(schema):
            words += [word for word in self._words(form) if word not in words]
        if "null" in words:
            words = [*(word for word in words if word != "null"), "null"]
        return " ou ".join(words)

    def _words(self, form: Schema) -> Iterator[str]:
        if "enum" in form or "const" in form:
            allowed = form.get("enum", [form.get("const")])
            yield from (json.dumps(value, ensure_ascii=False) for value in allowed if value is not None)
            if None in allowed:
                yield "null"
            return
        kinds = form.get("type", "object" if "properties" in form else "")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind == "array":
                yield self._bounded(f"liste de : {self._type(form.get('items', {})) or 'valeurs'}", form)
            elif kind == "null":
                yield "null"
            elif kind:
                word = _FORMATS.get(form.get("format", ""), _TYPES[kind]) if kind == "string" else _TYPES[kind]
                yield self._bounded(word, form)

    def _bounded(self, word: str, form: Schema) -> str:
        bounds = [
            says.format(json.dumps(form[name], ensure_ascii=False))
            for name, says in _BOUNDS.items()
            if name in form and (name, form[name]) not in _OBVIOUS
        ]
        return f"{word} ({', '.join(bounds)})" if bounds else word


def _examples(told: Schema) -> Iterator[Example]:
    """Yield the examples of a body, as JSON that is laid out."""
    for name, example in told.get("examples", {}).items():
        title = example.get("summary") or example.get("description") or name
        yield Example(title, json.dumps(example["value"], ensure_ascii=False, indent=2))
    if "example" in told:
        yield Example("Exemple", json.dumps(told["example"], ensure_ascii=False, indent=2))

"""The API's documentation: a valid and complete description, pages for all of it, every error code explained."""

import functools
import itertools
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.urls import reverse
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from api import documentation
from api.documentation import build_resources, get_openapi_document
from api.models import TokenScope
from api.problem_details import FIELDS, TYPE_URL, list_families
from config.urls_api import VIEWSETS
from tests.access import routes
from tests.api import error_codes
from tests.api.client import assert_problem
from tests.tiers import sampled

SERVER = "https://nimes.peps.example"
VERBS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def visitor(nimes, office):
    return office("nimes")


def address(name, **kwargs):
    return reverse(f"api:{name}", urlconf=routes.OFFICE, kwargs=kwargs or None)


def page(browser, name, **kwargs):
    answer = browser.get(address(name, **kwargs))
    assert answer.status_code == 200
    return answer.content.decode()


def operations():
    for path, item in get_openapi_document()["paths"].items():
        for verb in VERBS:
            if verb in item:
                yield f"{verb.upper()} {path}", item[verb]


def has_fields(schema):
    name = schema.get("$ref", "").rpartition("/")[2]
    return bool(get_openapi_document()["components"]["schemas"].get(name, schema).get("properties"))


OPERATIONS = dict(operations())
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


# --- The description --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_description_is_valid():
    validate(get_openapi_document(), cls=OpenAPIV31SpecValidator)


def test_the_description_says_what_it_is_and_where():
    data = get_openapi_document()
    assert data["openapi"].startswith("3.1")
    assert data["info"]["title"]
    assert data["info"]["description"]
    assert data["externalDocs"]["url"] == "/api/v1/documentation/"
    assert [server["url"] for server in data["servers"]] == [f"https://{{office}}.{settings.BASE_DOMAIN}"]


@every_operation
def test_an_operation_says_what_it_does_and_shows_it(operation):
    assert operation["summary"]
    assert operation["description"].partition("**Droit**")[0].strip()
    assert operation["x-scope"] in TokenScope.values
    assert len(operation["tags"]) == 1
    answered = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    assert answered
    for answer in answered:
        assert answer["description"]
        for content in answer.get("content", {}).values():
            assert content.get("examples"), "an example of what is answered"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content.get("examples") or not has_fields(content["schema"]), "an example of what is sent"


@every_operation
def test_each_parameter_and_each_answer_is_described(operation):
    assert not [one["name"] for one in operation.get("parameters", ()) if not one.get("description")]
    assert not [status for status, answer in operation["responses"].items() if not answer.get("description")]


def test_operation_ids_are_unique():
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))


def test_each_resource_is_described():
    described = {tag["name"] for tag in get_openapi_document()["tags"] if tag["description"]}
    assert {tag for operation in OPERATIONS.values() for tag in operation["tags"]} <= described


def test_each_field_is_described():
    schemas = get_openapi_document()["components"]["schemas"]

    def says(data):
        reference = data.get("$ref") or next((part["$ref"] for part in data.get("allOf", ()) if "$ref" in part), "")
        return data.get("description") or schemas.get(reference.rpartition("/")[2], {}).get("description")

    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, data in schema.get("properties", {}).items()
        if not says(data)
    ]
    assert silent == []


@pytest.mark.slow
def test_the_description_is_served_with_the_office_s_own_address(visitor, office, gard):
    answer = visitor.get(address("openapi"))
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json"
    assert answer.json() == get_openapi_document() | {
        "servers": [{"url": f"http://nimes.{settings.BASE_DOMAIN}", "description": "Ce bureau."}]
    }
    assert office("gard").get(address("openapi")).json()["servers"][0]["url"].startswith("http://gard.")
    assert visitor.get(address("openapi"), headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert visitor.post(address("openapi")).status_code == 405


# --- The pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["documentation", "getting_started", "errors"])
def test_the_pages_are_public_and_have_no_scripts(visitor, name):
    data = page(visitor, name)
    assert "<script" not in data
    assert "style=" not in data
    headings = [int(level) for level in re.findall(r"<h([1-6])", data.partition("<main")[2].partition("</main>")[0])]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


@pytest.mark.slow
def test_the_links_of_a_table_of_contents_resolve(visitor):
    for name in ("documentation", "getting_started", "errors"):
        data = page(visitor, name)
        anchors = re.findall(r'href="#([^"]+)"', data)
        assert set(anchors) - set(re.findall(r'id="([^"]+)"', data)) == set()


RESOURCES = build_resources(get_openapi_document(), SERVER)


def test_each_operation_is_of_a_resource():
    assert sum(len(resource.operations) for resource in RESOURCES) == len(OPERATIONS)


@pytest.mark.parametrize("resource", sampled(RESOURCES, fast=3), ids=lambda resource: resource.slug)
def test_each_resource_page_documents_every_operation(visitor, resource):
    data = page(visitor, "resource", slug=resource.slug)
    assert "<script" not in data
    for operation in resource.operations:
        assert f'<h2 id="{operation.anchor}">' in data
        assert operation.path in data
        for line in operation.parameters:
            assert f"<code>{line.name}</code>" in data
        for body in (*operation.bodies, *(body for answer in operation.successful for body in answer.bodies)):
            for line in body.fields:
                assert f"<code>{line.name}</code>" in data
                assert line.description


def test_an_unknown_resource_is_a_404(visitor):
    assert visitor.get(address("resource", slug="rien")).status_code == 404


def test_the_first_page_lists_every_scope_and_the_limits(visitor):
    data = page(visitor, "documentation")
    for scope in TokenScope:
        assert f"<code>{scope.value}</code>" in data
    assert f"{settings.API_REQUESTS_PER_MINUTE} requêtes par minute" in data
    assert f"http://nimes.{settings.BASE_DOMAIN}/api/v1" in data


def test_the_getting_started_page_uses_the_offices_own_url(visitor):
    data = page(visitor, "getting_started")
    assert f"http://nimes.{settings.BASE_DOMAIN}/api/v1/schools" in data
    assert SERVER not in data


# --- The errors -------------------------------------------------------------------------------------------------------


def documented_codes():
    return [error.code for family in list_families() for error in family.errors]


@pytest.mark.slow
def test_every_error_code_in_the_source_is_documented():
    can = error_codes.api_rule_codes() | error_codes.framework_codes() | error_codes.field_codes()
    assert can - error_codes.PAGE_ONLY_CODES - set(documented_codes()) == set()


@pytest.mark.slow
def test_every_documented_error_code_exists():
    assert len(documented_codes()) == len(set(documented_codes()))
    # Field errors are the frameworks' own: they exist with the fields that raise them.
    of_fields = {error.code for error in FIELDS.errors}
    assert set(documented_codes()) - of_fields - error_codes.all_rule_codes() - error_codes.framework_codes() == set()
    assert error_codes.PAGE_ONLY_CODES - error_codes.all_rule_codes() == set()
    assert error_codes.PAGE_ONLY_CODES & set(documented_codes()) == set()


@pytest.mark.slow
def test_a_problem_type_links_to_its_explanation(api, visitor):
    result = assert_problem(api.get("/schools?limit=0"), 400, "invalid_request")
    path, _, anchor = result["type"].partition("#")
    assert path == address("errors") == TYPE_URL.partition("#")[0]
    data = page(visitor, "errors")
    for code in (anchor, *(fault["code"] for fault in result["errors"])):
        assert f'id="{code}"' in data


def test_the_codes_that_an_operation_declares_are_explained():
    declared = {
        error.partition(" ")[0]
        for viewset in VIEWSETS
        for _, operation in viewset.iter_operations()
        for error in (*operation.errors, *operation.row_errors)
    }
    assert len(declared) > 20
    assert declared - set(documented_codes()) == set()


PRINTED = '<figure class="printed"><figcaption>Ce qui s’affiche\u00a0:</figcaption>'


# --- Texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Un\nparagraphe.\n\nDeux.", "<p>Un paragraphe.</p>\n<p>Deux.</p>"),
        ("## Le début", '<h2 id="le-debut">Le début</h2>'),
        ("### Plus bas", '<h3 id="plus-bas">Plus bas</h3>'),
        ("- un\n  et demi\n- deux", "<ul>\n<li>un et demi</li>\n<li>deux</li>\n</ul>"),
        ("Soit :\n1. un\n2. deux", "<p>Soit\u00a0:</p>\n<ol>\n<li>un</li>\n<li>deux</li>\n</ol>"),
        ("```python\na < b\n    ## non\n```", '<pre class="sample"><code>a &lt; b\n    ## non</code></pre>'),
        (
            "```text\nc'est dit\n```",
            f'{PRINTED}<pre class="sample"><code>c&#x27;est dit</code></pre></figure>',
        ),
        ("« a » : `b : c` **d !**", "<p>«\u00a0a\u00a0»\u00a0: <code>b : c</code> <strong>d\u00a0!</strong></p>"),
        ("[ici](/la) <b>&", '<p><a href="/la">ici</a> &lt;b&gt;&amp;</p>'),
        ('[x](" onclick=1)', "<p>[x](&quot; onclick=1)</p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown_is_rendered(written, shown):
    assert documentation.render_blocks(written) == shown


def test_the_table_of_contents_lists_the_headings():
    assert documentation.list_headings("# T\n## Un\n```\n## non\n```\n### non plus\n## Deux") == [
        ("un", "Un"),
        ("deux", "Deux"),
    ]


def test_threads_that_ask_first_at_once_get_one_document(monkeypatch):
    built = []

    class SlowGenerator:
        def get_schema(self, **_options):
            built.append(threading.current_thread())
            time.sleep(0.05)
            return {"paths": {}}

    monkeypatch.setitem(documentation.get_openapi_document.__globals__, "SchemaGenerator", SlowGenerator)
    monkeypatch.setattr("api.documentation._build_document", functools.cache(documentation._build_document.__wrapped__))  # noqa: SLF001
    with ThreadPoolExecutor(8) as threads:
        documents = list(threads.map(lambda _: documentation.get_openapi_document(), range(8)))
    assert len(built) == 1
    assert all(one is documents[0] for one in documents)

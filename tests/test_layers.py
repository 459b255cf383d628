"""The schema points the way imports do: foreign keys, tables named in SQL and migrations refer only to apps below.

The layers are those of the import-linter contracts in `pyproject.toml`, so that they are written once.
"""

# ruff: noqa: SLF001 - `_meta` is Django's documented access to a model's fields

import ast
import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parent.parent
_LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
#: Of each contract, the layers from the top; a layer is the modules that share it, and whether they may meet.
CONTRACTS = [
    [(re.split(r"\s*[|:]\s*", layer), ":" in layer) for layer in contract["layers"]]
    for contract in _LINTER["contracts"]
    if contract["type"] == "layers"
]
#: References that point up, each with its reason: « from → to ».
EXCEPTIONS: dict[str, str] = {}


def points_up(module: str, target: str) -> bool:
    """Whether a contract puts `target` above `module`, or beside it as an independent module."""
    for contract in CONTRACTS:
        here, there = _find_layer(contract, module), _find_layer(contract, target)
        if here is None or there is None or here == there:
            continue
        if there[0] < here[0] or (there[0] == here[0] and not contract[here[0]][1]):
            return True
    return False


def _find_layer(contract, module):
    """Return the index of the layer and the module of it that holds `module`; None where the contract has none."""
    for index, (members, _) in enumerate(contract):
        for member in members:
            if module == member or module.startswith(f"{member}."):
                return index, member
    return None


def _app_module(model) -> str:
    return apps.get_app_config(model._meta.app_label).name


def list_foreign_keys():
    """Return « Model.field → Model » with the apps of both, for all relations that models declare."""
    return [
        (f"{model._meta.label}.{field.name} → {field.related_model._meta.label}", _app_module(model), target)
        for model in apps.get_models(include_auto_created=True)
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many)
        if field.is_relation and field.related_model and (target := _app_module(field.related_model))
    ]


TABLES = {model._meta.db_table: _app_module(model) for model in apps.get_models(include_auto_created=True)}
_TABLE = re.compile(rf"\b({'|'.join(sorted(TABLES, key=len, reverse=True))})\b")


def find_tables(source: str) -> set[str]:
    """Return the tables that the string literals of a Python module name, docstrings aside."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return {
        table
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        for table in _TABLE.findall(node.value)
    }


def list_modules():
    """Return the dotted name and path of each module of the project."""
    for package in _LINTER["root_packages"]:
        [root] = [base for base in (ROOT, ROOT / "platform") if (base / package).is_dir()]
        for path in sorted((root / package).rglob("*.py")):
            yield ".".join(path.relative_to(root).with_suffix("").parts), path


def list_sql_references():
    """Return « module → table » with the module and the app of the table, for all tables named in strings."""
    return [
        (f"{module} → {table}", module, TABLES[table])
        for module, path in list_modules()
        for table in sorted(find_tables(Path(path).read_text()))
    ] + [
        (f"sites.audit → {table}", "sites.audit", TABLES[table])
        for path in sorted((ROOT / "sites" / "audit").rglob("*.sql"))
        for table in sorted(set(_TABLE.findall(path.read_text())))
    ]


def list_migration_dependencies():
    """Return « app.migration → app.migration » with the apps of both."""
    names = {config.label: config.name for config in apps.get_app_configs()}
    return [
        (f"{label}.{name} → {other}.{parent}", names[label], names[other])
        for (label, name), migration in MigrationLoader(None).disk_migrations.items()
        for other, parent in migration.dependencies
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("list_references", "at_least"),
    [(list_foreign_keys, 80), (list_sql_references, 100), (list_migration_dependencies, 40)],
    ids=["foreign keys", "tables in SQL", "migrations"],
)
def test_references_point_down(list_references, at_least):
    references = list_references()
    assert len(references) >= at_least
    upward = {name for name, module, target in references if points_up(module, target)}
    assert upward - EXCEPTIONS.keys() == set()


@pytest.mark.slow
def test_exceptions_are_still_needed():
    found = [*list_foreign_keys(), *list_sql_references(), *list_migration_dependencies()]
    assert EXCEPTIONS.keys() <= {name for name, module, target in found if points_up(module, target)}


@pytest.mark.parametrize(
    ("module", "target", "expected"),
    [
        ("licensing.entitlements.models", "licensing.orders", True),
        ("licensing.orders", "licensing.entitlements", False),
        ("licensing.pools.queries", "licensing.classes", True),
        ("licensing.orders.rights", "licensing.orders", False),
        ("schools.directory", "licensing.pools", True),
        ("sites.audit.checks", "imports", False),
        ("core.money", "django.contrib.auth", False),
    ],
)
def test_the_order_of_the_layers_is_that_of_the_contracts(module, target, expected):
    assert points_up(module, target) is expected


def test_tables_are_found_in_all_strings_but_docstrings():
    module = '"""Not orders_order."""\nSQL = f"SELECT {x} FROM public.orders_orderline"\nBY = "schools_school.uai"'
    assert find_tables(module) == {"orders_orderline", "schools_school"}


def test_no_two_modules_import_each_other():
    # What is imported within a function or for types alone is among them.
    graph = grimp.build_graph(*_LINTER["root_packages"], cache_dir=None)
    assert graph.count_imports() > 3000
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))

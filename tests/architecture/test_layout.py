"""A folder holds one concept, and a class name stands for one thing."""

import ast
from collections import defaultdict
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "carvalue"
MAX_MODULES = 12
MAX_IMPORTS_IN_PRICING = 35
"""Between packages of `carvalue.pricing`, counted once for each pair."""


def test_no_folder_holds_more_than_twelve_modules() -> None:
    modules = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        if not path.name.startswith("__"):
            modules[path.parent.relative_to(PACKAGE).as_posix()].append(path.name)

    assert modules
    assert {folder: names for folder, names in modules.items() if len(names) > MAX_MODULES} == {}


def test_every_package_has_a_docstring() -> None:
    packages = list(PACKAGE.rglob("__init__.py"))

    undocumented = [path for path in packages if not ast.get_docstring(ast.parse(path.read_text()))]

    assert packages
    assert undocumented == []


def test_public_class_names_are_unique() -> None:
    found = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(PACKAGE).as_posix())

    assert found
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_the_packages_of_pricing_depend_on_few_others() -> None:
    graph = grimp.build_graph("carvalue", cache_dir=None)
    modules = [name for name in graph.modules if name.startswith("carvalue.pricing.")]
    imports = {
        (name.split(".")[2], imported.split(".")[2])
        for name in modules
        for imported in graph.find_modules_directly_imported_by(name)
        if imported.startswith("carvalue.pricing.")
    }
    between = sorted(f"{importer} -> {imported}" for importer, imported in imports if importer != imported)

    assert between
    assert len(between) <= MAX_IMPORTS_IN_PRICING, between

"""Check Google-style docstrings: `python tests/architecture/docstrings.py [PATH]` lists what is missing."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from griffe import Docstring, DocstringSectionKind, Parser

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "carvalue"
Function = ast.FunctionDef | ast.AsyncFunctionDef
# their docstrings are shown to users: command help, API documentation, task documentation
SHOWN = {"carvalue/cli/": "command", "carvalue/serving/routes.py": "route"}
UNDOCUMENTED_BASES = {"Protocol"}
GIVEN_PARAMETERS = {"self", "cls", "_"}
NOTHING = {"None", "NoReturn", "Never"}


def problems(path: Path) -> Iterator[str]:
    """Name each public function and field of a module whose docstring is incomplete."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _class_problems(node)
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield from _function_problems(node, node.name)


def checked_files(paths: list[Path]) -> list[Path]:
    """List the modules to check below these paths."""
    files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
    return sorted(file for file in files if not any(shown in file.as_posix() for shown in SHOWN))


def _class_problems(node: ast.ClassDef) -> Iterator[str]:
    if not ast.get_docstring(node):
        yield f"{node.lineno} class {node.name}: no docstring"
        return
    documented = _documented(node, DocstringSectionKind.attributes)
    for item, following in zip(node.body, [*node.body[1:], None], strict=True):
        match item:
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith(
                "_"
            ) and not _is_class_variable(item):
                if name not in documented and not _is_text(following):
                    yield f"{item.lineno} {node.name}.{name}: field is not documented"
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not item.name.startswith("_"):
                yield from _function_problems(item, f"{node.name}.{item.name}")
            case ast.FunctionDef(name="__init__") if (
                _parameters(item)
                - _documented(node, DocstringSectionKind.parameters)
                - _documented(item, DocstringSectionKind.parameters)
            ):
                yield f"{item.lineno} {node.name}: the class docstring has no Args for __init__"


def _function_problems(node: Function, name: str) -> Iterator[str]:
    decorators = {ast.unparse(item).partition("(")[0] for item in node.decorator_list}
    if decorators & {"override", "overload", "typing.override"}:
        return
    if not ast.get_docstring(node):
        yield f"{node.lineno} {name}: no docstring"
        return
    if missing := _parameters(node) - _documented(node, DocstringSectionKind.parameters):
        yield f"{node.lineno} {name}: Args lacks {', '.join(sorted(missing))}"
    if _gives_something(node) and not decorators & {
        "property",
        "cached_property",
        "functools.cached_property",
    }:
        kinds = {section.kind for section in _sections(node)}
        if not kinds & {DocstringSectionKind.returns, DocstringSectionKind.yields}:
            yield f"{node.lineno} {name}: no Returns or Yields"
    if missing := _raised(node) - _documented_errors(node):
        yield f"{node.lineno} {name}: Raises lacks {', '.join(sorted(missing))}"


def _parameters(node: Function) -> set[str]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    names = {item.arg for item in every if item is not None}
    return {name for name in names if name not in GIVEN_PARAMETERS and not name.startswith("_")}


def _gives_something(node: Function) -> bool:
    return node.returns is not None and ast.unparse(node.returns).strip("'\"") not in NOTHING


def _raised(node: ast.AST) -> set[str]:
    """Name the classes that a function raises itself, without functions inside it."""
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = ast.unparse(raised).rpartition(".")[2]
        return {name} if name[0].isupper() else set()
    inner = (child for child in ast.iter_child_nodes(node) if not isinstance(child, Function | ast.Lambda))
    return {name for child in inner for name in _raised(child)}


def _documented_errors(node: ast.AST) -> set[str]:
    errors = (section for section in _sections(node) if section.kind is DocstringSectionKind.raises)
    return {str(item.annotation).rpartition(".")[2] for section in errors for item in section.value}


def _documented(node: ast.AST, kind: DocstringSectionKind) -> set[str]:
    return {
        item.name.lstrip("*") for section in _sections(node) if section.kind is kind for item in section.value
    }


def _sections(node: ast.AST) -> list:  # type: ignore[type-arg]
    text = ast.get_docstring(node) if isinstance(node, Function | ast.ClassDef) else None
    return Docstring(text or "").parse(Parser.google, warnings=False)


def _is_text(node: ast.stmt | None) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_class_variable(node: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.unparse(node.annotation)


def main(paths: list[Path]) -> None:
    """Print every problem, and how many there are."""
    found = [f"{file.relative_to(ROOT)}:{text}" for file in checked_files(paths) for text in problems(file)]
    print("\n".join(found))  # noqa: T201
    print(f"{len(found)} problems")  # noqa: T201
    sys.exit(bool(found))


if __name__ == "__main__":
    main([Path(path).resolve() for path in sys.argv[1:]] or [PACKAGE])

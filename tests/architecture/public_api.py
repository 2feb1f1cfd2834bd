"""An import-linter contract: code outside a package imports only what the package's `__init__` exports."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PublicApiContract(Contract):
    """Modules of a package are private to it; its `__init__` and its sub-packages are public.

    Attributes:
        root: The package whose sub-packages are checked.
        open_modules: Modules that may be imported directly.
    """

    root = fields.StringField()
    open_modules = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001  # import-linter's signature
        """Collect every import of a private module from outside its package."""
        violations = [
            (importer, imported)
            for imported in sorted(self._private_modules(graph))
            for importer in sorted(graph.find_modules_that_directly_import(imported))
            if not _is_inside(importer, imported.rpartition(".")[0])
        ]
        return ContractCheck(kept=not violations, metadata={"violations": violations})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """List the imports that break the contract."""
        for importer, imported in check.metadata["violations"]:
            package = imported.rpartition(".")[0]
            output.print_error(f"{importer} imports {imported}: import from {package} instead", bold=False)

    def _private_modules(self, graph: ImportGraph) -> set[str]:
        root: Any = self.root
        allowed: Any = set(self.open_modules or ())
        modules = graph.find_descendants(root)
        return {
            module
            for module in modules
            if module.rpartition(".")[0] != root and not graph.find_children(module) and module not in allowed
        }


def _is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")

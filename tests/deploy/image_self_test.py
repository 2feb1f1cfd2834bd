"""Self-test of an image with the packages of the image only: `image_self_test.py IMAGE DISTRIBUTION ...`."""

import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path

START = Path(__file__).parents[2] / "deploy" / "containers" / "start.py"


class ImageFinder:
    """Refuses packages of this environment that the image does not have."""

    def __init__(self, contained: Sequence[str]) -> None:
        self._contained, self._installed = {*contained, "carvalue"}, packages_distributions()
        self.missing: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        distributions = {_normalized(found) for found in self._installed.get(name, ())}
        if distributions and not distributions & self._contained:
            self.missing |= distributions
            raise ModuleNotFoundError(f"the image lacks {', '.join(distributions)}", name=name)
        return None


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(image: str, contained: Sequence[str]) -> None:
    sys.meta_path.insert(0, ImageFinder(contained))
    spec = importlib.util.spec_from_file_location("start", START)
    assert spec
    assert spec.loader
    start = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(start)
    for module in start.CONTENTS[image]:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if "the image lacks" in str(error):
                raise
            sys.stderr.write(f"{module}: {error.name} is not installed in this environment\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""Generate the lists of settings that deployments accept, from `src/carvalue/settings`.

Run `python deploy/generate_settings.py` after adding, removing or describing a setting.
"""

import json
import runpy
import textwrap
from pathlib import Path

from pydantic.fields import FieldInfo

from carvalue.settings import DEPLOYABLE, RENAMED, SECRETS, Settings

HERE = Path(__file__).parent
SOURCE = "Written by deploy/generate_settings.py from src/carvalue/settings."
WIDTH = 116
PLAIN = tuple(name for name in Settings.model_fields if name.upper() in DEPLOYABLE and name not in SECRETS)
"""The settings that a deployment gives to its containers in plain text, in the order of their groups."""
OF_CONTAINERS: dict[str, str] = runpy.run_path(str(HERE / "containers" / "start.py"))["DEFAULTS"]
"""The defaults that containers have instead of those of one machine."""


def main() -> None:
    """Write all generated files."""
    for path, content in files().items():
        path.write_text(content)


def files() -> dict[Path, str]:
    """Generate the content of all files.

    Returns:
        Path -> content.
    """
    return {
        HERE / "settings.env.example": example(),
        HERE / "aws" / "settings.tf.json": terraform(),
    }


def example() -> str:
    """Write what `make_secrets.py` copies to settings.env, which Compose and Kubernetes read.

    Returns:
        Each setting in a comment, with its description and its default in a container.
    """
    head = (
        f"# {SOURCE}\n# Settings of all containers, as NAME=VALUE without quotes. Secrets are files in"
        " deploy/secrets.\n"
    )
    return "\n".join([head, *(_described(name, Settings.model_fields[name]) for name in PLAIN)])


def terraform() -> str:
    """Write the names that the variable `settings` accepts, also the earlier names that this release reads.

    Returns:
        Terraform in JSON.
    """
    names = sorted((*map(str.upper, PLAIN), *RENAMED))
    return json.dumps({"//": SOURCE, "locals": {"setting_names": names}}, indent=2) + "\n"


def _described(name: str, field: FieldInfo) -> str:
    text = " ".join((field.description or "").replace("`", "").split())
    default = OF_CONTAINERS.get(name.upper(), "" if field.default_factory else field.default)
    comment = textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    return f"{comment}\n# {name.upper()}={default}\n"


if __name__ == "__main__":
    main()

"""The folder at which relative paths start, whatever the working directory is."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

ENV_FILE = ".env"


def find_checkout(module: Path) -> Path | None:
    """Find the source checkout that a module belongs to.

    Args:
        module: A file of this package.

    Returns:
        The checkout's folder; None if the package was installed from a wheel.
    """
    folder = module.resolve().parents[3]
    return folder if (folder / "pyproject.toml").is_file() and (folder / "src").is_dir() else None


CHECKOUT = find_checkout(Path(__file__))


def project_folder() -> Path:
    """Find the folder at which relative paths of settings start.

    Returns:
        The nearest folder with a file `.env`, from the working directory upwards; without one, the source
        checkout that this program runs from; for an installed wheel, the working directory.
    """
    here = Path.cwd()
    with_env_file = (folder for folder in (here, *here.parents) if (folder / ENV_FILE).is_file())
    return next(with_env_file, CHECKOUT or here)


def absolute(path: str | Path) -> Path:
    """Resolve a path of a setting.

    Args:
        path: An absolute path, one that starts with `~`, or one that is relative to `project_folder`.

    Returns:
        The absolute path; it need not exist.

    Example:
        >>> absolute("/srv/cars/../var")
        PosixPath('/srv/var')
    """
    return (project_folder() / Path(path).expanduser()).resolve()


def absolute_url(url: str) -> str:
    """Resolve the path in the URL of a SQLite database.

    Args:
        url: The URL of a database or server.

    Returns:
        The URL with an absolute path; any other URL as it is.

    Example:
        >>> absolute_url("sqlite:////srv/journal.db"), absolute_url("http://127.0.0.1:5000")
        ('sqlite:////srv/journal.db', 'http://127.0.0.1:5000')
    """
    scheme, is_sqlite, path = url.partition("sqlite:///")
    return f"{is_sqlite}{absolute(path)}" if is_sqlite and not scheme else url


AbsolutePath = Annotated[Path, AfterValidator(absolute)]

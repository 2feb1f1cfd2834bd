"""Paths in settings: those of `.env`, and the default, do not depend on the working directory."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

ENV_FILE = ".env"
SQLITE = "sqlite:///"
PEM = "-----BEGIN"  # how the content of a key file starts


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
    """Find the folder of `.env` and of the default state.

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
        path: An absolute path, one that starts with `~`, or one that is relative to the working directory.

    Returns:
        The absolute path; it need not exist.

    Example:
        >>> absolute("/srv/cars/../var")
        PosixPath('/srv/var')
    """
    return Path(path).expanduser().resolve()


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
    return f"{SQLITE}{absolute(url.removeprefix(SQLITE))}" if url.startswith(SQLITE) else url


def in_folder(value: str, folder: Path) -> str:
    """Let a relative path, or that of a SQLite database, start at a folder.

    Args:
        value: A path, or the URL of a SQLite database.
        folder: An absolute folder.

    Returns:
        The absolute path, or the URL with one.

    Example:
        >>> in_folder("keys", Path("/srv")), in_folder("sqlite:///journal.db", Path("/srv"))
        ('/srv/keys', 'sqlite:////srv/journal.db')
    """
    prefix = SQLITE if value.startswith(SQLITE) else ""
    return f"{prefix}{folder / Path(value.removeprefix(prefix)).expanduser()}"


AbsolutePath = Annotated[Path, AfterValidator(absolute)]

"""`python -m carvalue.serving`: run the price service until a signal stops it."""

import os
import sys

from carvalue.errors import AppError
from carvalue.files import PRIVATE_UMASK
from carvalue.logs import configure_logs
from carvalue.serving.app import create_app
from carvalue.serving.server import run_server
from carvalue.settings import ServiceSettings, load_settings


def main() -> None:
    """Serve on the address of the settings.

    Raises:
        SystemExit: the settings are invalid; prints what to do, with exit code 1.
    """
    configure_logs()
    os.umask(PRIVATE_UMASK)
    try:
        settings = load_settings(ServiceSettings)
        app = create_app(settings)
    except AppError as error:
        sys.exit(f"carvalue: {error}")
    run_server(settings, app)


if __name__ == "__main__":
    main()

"""`python -m carvalue.serving`: the price service, until it is told to stop."""

import sys

from carvalue.errors import AppError
from carvalue.logs import configure_logs
from carvalue.serving.app import create_app
from carvalue.serving.server import run_server
from carvalue.settings import load_settings


def main() -> None:
    """Serve on the address of the settings; where they do not allow it, end with 1 and what to do."""
    configure_logs()
    try:
        settings = load_settings()
        app = create_app(settings)
    except AppError as error:
        sys.exit(f"carvalue: {error}")
    run_server(settings, app)


if __name__ == "__main__":
    main()

"""`python -m carvalue.serving`: one worker of the price service, until it is told to stop."""

import logging

import uvicorn

from carvalue.logs import configure_logs
from carvalue.serving.app import create_app
from carvalue.settings import load_settings

STOP_S = 5  # answers under way take milliseconds; what hangs longer is an idle connection


def main() -> None:
    """Serve on the address of the settings."""
    settings = load_settings()
    configure_logs()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each question to the registry
    uvicorn.run(
        create_app(settings),
        host=settings.bind_host,
        port=settings.service_port,
        log_config=None,  # `configure_logs` has the say
        access_log=False,  # `serving.access_log` writes one, without what people sent
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )


if __name__ == "__main__":
    main()

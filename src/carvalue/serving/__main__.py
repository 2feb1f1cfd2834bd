"""`python -m carvalue.serving`: one worker of the price service, until it is told to stop."""

import gc
import logging
import sys

import uvicorn

from carvalue.errors import AppError
from carvalue.logs import configure_logs
from carvalue.serving.app import create_app
from carvalue.serving.deadlines import DeadlineProtocol
from carvalue.settings import load_settings

STOP_S = 5  # answers under way take milliseconds; what hangs longer is an idle connection
YOUNG_OBJECTS = 10_000  # between two collections; a hundred requests leave hardly a cycle behind
SWITCH_S = 0.0005  # a thread that comes from the disk waits no longer for one that computes; by default 0.005


def main() -> None:
    """Serve on the address of the settings; where they do not allow it, end with 1 and what to do."""
    configure_logs()
    try:
        settings = load_settings()
        app = create_app(settings)
    except AppError as error:
        sys.exit(f"carvalue: {error}")
    gc.set_threshold(YOUNG_OBJECTS)
    sys.setswitchinterval(SWITCH_S)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each question to the registry
    uvicorn.run(
        app,
        host=settings.bind_host,
        port=settings.service_port,
        http=DeadlineProtocol,
        ws="none",
        log_config=None,  # `configure_logs` has the say
        access_log=False,  # `serving.access_log` writes one, without what people sent
        server_header=False,
        proxy_headers=False,  # whoever is limited by address could claim any
        timeout_graceful_shutdown=STOP_S,
    )


if __name__ == "__main__":
    main()

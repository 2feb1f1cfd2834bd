"""Serve the page: `python -m carvalue.web` replaces this process by Streamlit."""

import os
import sys
from pathlib import Path

from carvalue.settings import PageSettings, load_settings

APP = Path(__file__).with_name("app.py")
MAX_UPLOAD_MB = 200  # a visitor's files are held in memory


def main() -> None:
    """Serve on the address of the settings, without opening a browser and without usage statistics."""
    settings = load_settings(PageSettings)
    options = {
        "server.address": settings.bind_host,
        "server.port": settings.page_port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "runner.magicEnabled": "false",  # it shows expressions of a script, such as docstrings of constants
        # set here, so that no configuration file turns them off
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "server.enableAgentApi": "false",
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        # set for each scheme: a colour for both would disable the dark scheme
        "theme.light.primaryColor": "#0f5c4d",
        "theme.dark.primaryColor": "#1f7a66",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(APP), *flags])  # noqa: S606


if __name__ == "__main__":
    main()

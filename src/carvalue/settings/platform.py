"""What the commands that run the platform on one machine read."""

from carvalue.settings.base import SettingsGroup


class PlatformSettings(SettingsGroup):
    """How the platform is set up on one machine."""

    monitoring_download: bool = True
    """Whether `make build` downloads the official releases of Prometheus, Alertmanager and Grafana that are
    not installed (336 MB) into STATE_DIR, and verifies their checksums. Where there is no internet, the
    platform runs without them."""

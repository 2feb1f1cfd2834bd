"""All settings, in groups. A command reads the groups that it needs, from the environment and `.env`.

The defaults work on a new machine without any configuration.
"""

from carvalue.settings.base import LOOPBACK_HOSTS, InvalidSetting, SettingsGroup
from carvalue.settings.load import (
    DEPLOYABLE,
    SECRETS,
    Settings,
    check_deployed,
    load_settings,
    load_usable_settings,
)
from carvalue.settings.market import MarketSettings
from carvalue.settings.names import RENAMED
from carvalue.settings.network import NetworkSettings, TracingSettings
from carvalue.settings.page import PageSettings
from carvalue.settings.paths import ENV_FILE, project_folder
from carvalue.settings.pipelines import (
    DATA_SUFFIXES,
    NAMED_DATA_SOURCES,
    DataSettings,
    PipelineSettings,
    PromotionSettings,
    SalesSettings,
    ScheduleSettings,
    TrainingSettings,
)
from carvalue.settings.service import RATE_LIMIT, ClientSettings, KeySettings, ServiceSettings
from carvalue.settings.state import (
    JournalSettings,
    MlflowSettings,
    PlatformSettings,
    RegistrySettings,
    StateSettings,
)
from carvalue.settings.watcher import (
    LOCAL_PASSWORD,
    AirflowSettings,
    AlertSettings,
    LoginSettings,
    RetrainingSettings,
    WatcherSettings,
)

__all__ = [
    "DATA_SUFFIXES",
    "DEPLOYABLE",
    "ENV_FILE",
    "LOCAL_PASSWORD",
    "LOOPBACK_HOSTS",
    "NAMED_DATA_SOURCES",
    "RATE_LIMIT",
    "RENAMED",
    "SECRETS",
    "AirflowSettings",
    "AlertSettings",
    "ClientSettings",
    "DataSettings",
    "InvalidSetting",
    "JournalSettings",
    "KeySettings",
    "LoginSettings",
    "MarketSettings",
    "MlflowSettings",
    "NetworkSettings",
    "PageSettings",
    "PipelineSettings",
    "PlatformSettings",
    "PromotionSettings",
    "RegistrySettings",
    "RetrainingSettings",
    "SalesSettings",
    "ScheduleSettings",
    "ServiceSettings",
    "Settings",
    "SettingsGroup",
    "StateSettings",
    "TracingSettings",
    "TrainingSettings",
    "WatcherSettings",
    "check_deployed",
    "load_settings",
    "load_usable_settings",
    "project_folder",
]

"""What the pipelines read: the listings, the training, and the rules of retraining and promotion."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from carvalue.extensions import find_extension, installed_extensions
from carvalue.settings.base import SettingsGroup
from carvalue.settings.paths import absolute
from carvalue.settings.state import RegistrySettings

NAMED_DATA_SOURCES = ("auto", "kaggle", "sample")
REMOTE_DATA_SOURCES = ("s3://", "https://", "http://")
OTHER_TASKS = 2
"""The tasks of a run besides its Dask workers: their scheduler, and a step."""
DATA_SUFFIXES = (".csv", ".zip", ".parquet", ".ndjson", ".jsonl", ".csv.gz", ".ndjson.gz", ".jsonl.gz")
"""The endings of files with listings."""


def _data_source(value: str) -> str:
    if value in NAMED_DATA_SOURCES or find_extension("carvalue.sources", value):
        return value
    if value.startswith(REMOTE_DATA_SOURCES):
        return value
    if "://" in value:
        names = ", ".join(found.name for found in installed_extensions("carvalue.sources")) or "none"
        raise ValueError(
            f"no installed package reads {value.partition('://')[0]!r} addresses (extensions that are "
            f"installed: {names}); docs/how-to/extend.md shows how to add one"
        )
    if "/" not in value and not value.lower().endswith(DATA_SUFFIXES):  # a word may be a misspelt name
        names = ", ".join(NAMED_DATA_SOURCES)
        raise ValueError(
            f"expected {names}, the path of a file that ends in {', '.join(DATA_SUFFIXES)}, or a folder as "
            f"./{value}"
        )
    return str(absolute(value))


def _cluster_address(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.scheme in {"tcp", "tls"} and parts.hostname and parts.port):
        raise ValueError("expected a Dask scheduler's address such as tcp://127.0.0.1:8786, or nothing")
    return value


class DataSettings(SettingsGroup):
    """Where the listings come from. Whether a file exists is checked by the step that reads it."""

    data_source: Annotated[str, AfterValidator(_data_source)] = "auto"
    """Where the raw listings come from: `auto` (Kaggle if it answers, otherwise the generated sample),
    `kaggle`, `sample`, files with the columns of the Kaggle data set, or the address of a source that an
    installed package adds (docs/how-to/extend.md). Files are .csv, .zip, .parquet or .ndjson: one file, a
    folder such as `./days`, a pattern such as `days/2026-*.parquet`, `s3://BUCKET/PREFIX`, or `https://`
    addresses separated by blanks. Of several files a later one, by name, corrects earlier ones
    (docs/how-to/read-daily-files.md)."""
    generated_data: Literal["accept", "refuse"] = "accept"
    """Whether models may be trained on the generated sample and go into production: `accept` or `refuse`.
    Containers have `refuse`, so that nobody is quoted invented prices."""
    dataset: str = ""
    """The path of a .toml file that describes the columns, units and values of the files in DATA_SOURCE
    (docs/how-to/map-columns.md). Empty: they have the columns of the Kaggle data set."""
    kaggle_dataset: str = Field(default="austinreese/craigslist-carstrucks-data", pattern=r"^[^/]+/[^/]+.*$")
    """The Kaggle data set as OWNER/NAME. Append /versions/N to pin a version."""
    kaggle_timeout_s: float = Field(default=30, gt=0)
    """How long to wait for one response from Kaggle, in seconds."""
    sample_rows: int = Field(default=30_000, ge=1_000)
    """How many raw rows the generated sample has; at least 1000."""
    sample_seed: int = 2021
    """The random seed of the generated sample. The same seed gives the same rows."""

    @property
    def data_file(self) -> str:
        """The path or pattern in DATA_SOURCE; empty if it names a source elsewhere."""
        is_file = self.data_source not in NAMED_DATA_SOURCES and "://" not in self.data_source
        return self.data_source if is_file else ""

    @field_validator("dataset")
    @classmethod
    def _dataset_describes_a_file(cls, value: str, others: ValidationInfo) -> str:
        if not value:
            return value
        if Path(value).suffix.lower() != ".toml":
            raise ValueError("expected the path of a .toml file, such as docs/how-to/map-columns.md shows")
        source = others.data.get("data_source")
        if source in NAMED_DATA_SOURCES:
            raise ValueError(
                f"DATA_SOURCE is {source!r}, whose columns are known: expected the path of the file that "
                "DATASET describes"
            )
        return str(absolute(value))


class TrainingSettings(SettingsGroup):
    """How models are trained."""

    training_budget: Literal["auto", "quick", "default"] = "auto"
    """How long the parameter search and the training may take: `quick` (about a minute), `default` (up to 20
    minutes on the Kaggle data), `auto` (`quick` on the sample, `default` on other data)."""
    training_cluster: Annotated[str, AfterValidator(_cluster_address)] = ""
    """The address of a Dask scheduler whose workers clean and split the listings and train the trees, such as
    tcp://scheduler:8786. They need carvalue with the extra `dask` and access to the same STATE_DIR
    (docs/how-to/run-on-a-cluster.md). Empty: all of it runs in the pipeline's process."""


class SalesSettings(SettingsGroup):
    """Whose reported sales are trusted."""

    verified_sales_clients: str = ""
    """The clients whose reported sales are trusted, separated by commas, as `carvalue keys list` names them;
    `local` stands for callers on this machine without a key. The sales of all other clients are unverified:
    they are screened and capped, and they never set the price level."""

    @property
    def verified_clients(self) -> frozenset[str]:
        """Clients whose reported sales an operator vouches for."""
        return frozenset(name.strip() for name in self.verified_sales_clients.split(",") if name.strip())


class PromotionSettings(SettingsGroup):
    """When a version may go into production."""

    promotion_approval: Literal["none", "required"] = "none"
    """Whether a person must approve a version that passed every gate before it goes into production: `none`
    or `required`. Airflow asks for the approval under `Required Actions` and waits for a week."""
    max_level_change: float = Field(default=0.1, gt=0, le=1)
    """How far a promotion may move the price level without a person's approval, as a share of the champion's
    prices."""
    max_worse_error: float = Field(default=0.05, ge=0, le=1)
    """How much larger than the champion's the median error of a version trained on newer data may be, as a
    share of it. With few test rows a smaller limit refuses every version."""
    max_slice_error: float = Field(default=0.3, gt=0, le=1)
    """The largest median error of a slice of the test rows, such as a make, for a version to go into
    production."""
    max_coverage_deviation: float = Field(default=0.03, ge=0, le=1)
    """How far the share of test prices within their range may be from 90 %, besides the sampling error."""


class ScheduleSettings(SettingsGroup):
    """When pipelines start without an alarm or a person; read by Airflow's DAG processor."""

    first_model: Literal["manual", "automatic"] = "manual"
    """Who starts the first training: `manual` (`make build`, or a person in Airflow) or `automatic` (Airflow,
    once, as soon as it runs). Containers have `automatic`."""
    parallel_tasks: int = Field(default=2, ge=1)
    """How many tasks of all pipelines run at once, in all of Airflow and in one Celery worker; each takes a
    process. A pipeline runs one task at a time, besides those of TRAINING_WORKERS."""
    training_workers: int = Field(default=0, ge=0)
    """How many Dask workers Airflow starts for each run of a pipeline, as tasks beside its steps, and stops
    after the last step that uses them. PARALLEL_TASKS must be larger by two, and the tasks must share
    STATE_DIR (docs/how-to/run-on-a-cluster.md). 0: TRAINING_CLUSTER decides."""
    retrain_schedule: str = Field(default="", pattern=r"^(@(hourly|daily|weekly|monthly)|\S+( \S+){4})?$")
    """When to retrain, in addition to alarms and manual runs: five cron fields, or @hourly, @daily, @weekly
    or @monthly. Empty: never."""

    @field_validator("training_workers")
    @classmethod
    def _leaves_room_for_a_step(cls, value: int, others: ValidationInfo) -> int:
        parallel = others.data.get("parallel_tasks", value + OTHER_TASKS)
        if value and parallel < value + OTHER_TASKS:
            raise ValueError(
                f"{value} workers, their scheduler and a step are {value + OTHER_TASKS} tasks at once: set "
                f"PARALLEL_TASKS, which is {parallel}, to {value + OTHER_TASKS} or more"
            )
        return value


class PipelineSettings(PromotionSettings, SalesSettings, TrainingSettings, DataSettings, RegistrySettings):
    """Everything that the steps of the pipelines read."""

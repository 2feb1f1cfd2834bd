"""The changes that CONTRIBUTING describes take effect, and its checks fail if a part is missing.

Each test makes one change in a copy of the program, and looks at the result with a program of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contributing import common_changes
from markets import a_bundle

ROOT = Path(__file__).parents[2]
COPIED = (
    "src",
    "deploy/monitoring",
    "docs/macros.py",
    "docs/how-to/respond-to-alerts.md",
    ".env.example",
    "tests/architecture/test_env_example.py",
    "tests/unit/telemetry/test_alert_rules.py",
)
LIMIT_S = 300

# MLflow's own code and those it imports warn of each other
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dataclass(frozen=True)
class Checkout:
    """A copy of the parts of the repository that the changes touch."""

    folder: Path
    change: str
    """The row of CONTRIBUTING that is followed."""

    def insert(self, path: str, text: str, *, after: str = "", before: str = "") -> None:
        """Add text next to an anchor that occurs once; without an anchor at the end of the file."""
        edit, _ = common_changes()[self.change]
        assert f"`{path}`" in edit, f"CONTRIBUTING does not name {path} for: {self.change}"
        file = self.folder / path
        code = file.read_text(encoding="utf-8")
        anchor = after or before
        assert not anchor or code.count(anchor) == 1, f"{path} has {code.count(anchor)} times {anchor!r}"
        changed = code.replace(anchor, after + text + before) if anchor else code + text
        file.write_text(changed, encoding="utf-8")

    def run(self, program: str, *arguments: Path, **environment: str) -> Any:
        """Run a program with the copy; return what it prints last, as JSON."""
        done = self._python("-c", program, *map(str, arguments), **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def generate(self) -> None:
        """Generate the rules and dashboards."""
        done = self._python("deploy/monitoring/generate.py")
        assert done.returncode == 0, done.stderr

    def passes(self, check: str) -> bool:
        """Run a check of CONTRIBUTING in the copy."""
        assert f"`{check}`" in common_changes()[self.change][1], f"CONTRIBUTING does not name {check}"
        pytest_alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return (
            self._python("-m", "pytest", "-q", "-p", "no:cacheprovider", check, **pytest_alone).returncode
            == 0
        )

    def _python(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = (self.folder / "src", self.folder / "docs", ROOT / "tests")
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))} | environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Checkout:
    folder = tmp_path / "checkout"
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)  # with the compiled modules, which stay valid
        else:
            shutil.copy(source, target)
    change = request.node.get_closest_marker("change").args[0]
    return Checkout(folder, change)


DOORS = """
[[fields]]
name = "doors"
kind = "number"
label = "Doors"
unit = "doors"
minimum = 2
maximum = 5
monotone = 1
help = "How many doors the car has."
"""
SELLER = """
[[fields]]
name = "seller"
kind = "category"
label = "Seller"
help = "Who sells the car."
choices = ["dealer", "private"]
"""
SHOW_DOORS = '''
import json, sys
from pathlib import Path
import numpy as np
import polars as pl
from macros import openapi
from streamlit.testing.v1 import AppTest
from carvalue.listings.cleaning import clean
from carvalue.listings.schema import RAW_COLUMNS

form = """
from carvalue.web.components.form import entered_listing, show_form
import streamlit as st
show_form(suggestions={}, expected={})
st.json(entered_listing())
"""
page = AppTest.from_string(form, default_timeout=60).run()
page.text_input("doors").set_value("4").run()
raw = dict.fromkeys(RAW_COLUMNS) | {"manufacturer": "kia", "model": "rio", "year": "2012", "price": "4500"}
raw |= {"posting_date": "2021-04-20T09:30:00-0500", "odometer": "91205"}
cars = [raw | {"id": "1", "doors": "5"}, raw | {"id": "2", "doors": "55", "price": "4600"}]
pl.DataFrame(cars, schema=dict.fromkeys(raw, pl.String)).write_csv("raw.csv")
report = clean(Path("raw.csv"), into=Path("clean"))
listing = openapi()["components"]["schemas"]["Listing"]

from carvalue.monitoring.drift.profile import fit_profile
from carvalue.pricing import PriceModel, parse_rows
from carvalue.pricing.evaluation.invariants import check_invariants, violations
from carvalue.pricing.explain import explain_price
from markets import a_listing, a_market, fit_small

def train(folder, *columns):
    folder.mkdir()
    rows = a_market(rows=2_400).with_columns(*columns).with_columns(pl.col("price").cast(pl.Int32))
    rows[:2_000].write_parquet(folder / "train.parquet")
    rows[2_000:].write_parquet(folder / "validation.parquet")
    return PriceModel.load(fit_small(folder)), rows

row = pl.int_range(pl.len())
doors, dealer = 2 + row % 4, row % 7 < 3
model, rows = train(
    Path(sys.argv[1]) / "with",
    doors.alias("doors"),
    pl.when(dealer).then(pl.lit("dealer")).otherwise(pl.lit("private")).alias("seller"),
    pl.col("price") * (1 + 0.1 * doors) * (1 + 0.3 * dealer) / 2,
)
without, plain = train(Path(sys.argv[1]) / "without")
cars = [a_listing(doors=number, seller=seller) for number in (2, 5) for seller in ("private", "dealer")]
explained = [explain_price(model, car) for car in cars]
inputs = rows.with_columns(pl.col("price").cast(pl.Float64), range_width=0.5)
print(json.dumps({
    "prices": [model.quote(car).price for car in cars],
    "explained": [item.start + sum(part.amount for part in item.items) for item in explained],
    "labels": [part.label for part in explained[-1].items if "doors" in part.fields],
    "constraint": dict(zip(model.encoder.names, model.encoder.monotone))["doors"],
    "violations": violations(check_invariants(model, rows)),
    "checks": [item.name for item in check_invariants(model, rows.head(20))],
    "drift": fit_profile(inputs.with_columns(pl.lit(None).cast(pl.Int64).alias("doors"))).features,
    "reference": [model.reference_car["doors"], without.reference_car["doors"]],
    "row": parse_rows(pl.DataFrame({"year": ["2012"], "doors": ["4"], "seller": [" Dealer"]})).to_dicts()[0],
    "without": without.quote(a_listing()).price,
    "openapi": listing["properties"]["doors"],
    "form": page.text_input("doors").label,
    "entered": json.loads(page.json[0].value)["doors"],
    "clean": pl.read_parquet(report.listings)["doors"].to_list(),
}))
'''


@pytest.mark.slow
@pytest.mark.change("field of a listing")
def test_a_field_of_the_schema_reaches_everything_and_moves_prices(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.insert("src/carvalue/listings/markets/resources/us-cars.toml", DOORS + SELLER)

    shown = checkout.run(SHOW_DOORS, tmp_path)

    assert (shown["openapi"]["minimum"], shown["openapi"]["maximum"]) == (2, 5)
    assert shown["form"] == "Doors (doors)"
    assert shown["entered"] == 4
    assert 5 in shown["clean"]
    assert 55 not in shown["clean"]
    private, dealer, *with_five_doors = shown["prices"]
    assert private * 1.1 < dealer
    assert private * 1.1 < with_five_doors[0]
    assert shown["explained"] == shown["prices"]
    assert "5 doors" in shown["labels"][0]
    assert shown["constraint"] == 1
    assert "a larger doors never lowers the price" in shown["checks"]
    assert not shown["violations"]
    assert {"doors", "seller"} <= set(shown["drift"])
    assert shown["reference"] == [4, None]
    assert (shown["row"]["doors"], shown["row"]["seller"]) == (4, "dealer")
    assert shown["without"] > 1_000


NAME_LENGTH = '''

@dataclass(frozen=True)
class NameLength:
    """The number of words in the text of the model."""

    name: str = "name_length"
    inputs: tuple[str, ...] = NAME_FIELDS

    def value(self, *cells: Value) -> float:
        """Count the words."""
        return float(len(normalize_word(cells[1]).split()))
'''
SHOW_FEATURE = """
import json, sys
from pathlib import Path
from carvalue.pricing import PriceModel
from markets import a_bundle, a_listing

model = PriceModel.load(a_bundle(Path(sys.argv[1])))
column = model.encoder.names.index("name_length")
rows = [model.encoder.row(a_listing(model=text)) for text in ("camry", "camry le v6")]
print(json.dumps({
    "values": [float(row[0, column]) for row in rows],
    "names": list(model.encoder.names),
    "price": model.quote(a_listing()).price,
}))
"""


@pytest.mark.change("feature")
def test_a_feature_is_a_column_of_the_encoder_and_of_the_loaded_bundle(
    checkout: Checkout, tmp_path: Path
) -> None:
    training = "src/carvalue/pricing/training/encoding/fit.py"
    bundle = "src/carvalue/pricing/bundle/encoder_json.py"

    checkout.insert("src/carvalue/pricing/features/columns.py", NAME_LENGTH)
    exports = "src/carvalue/pricing/features/__init__.py"
    checkout.insert(exports, "    NameLength,\n", after="    NameCode,\n")
    checkout.insert(exports, '    "NameLength",\n', after='    "NameCode",\n')
    checkout.insert(training, "    NameLength,\n", after="    NameCode,\n")
    checkout.insert(training, "        NameLength(),\n", after="        EngineLitres(),\n")
    checkout.insert(bundle, "    NameLength,\n", after="    NameCode,\n")
    checkout.insert(bundle, '    NameLength: "NameLength",\n', after='    NameCode: "NameCategory",\n')
    reader = '    "NameLength": lambda item: NameLength(item["name"]),\n'
    checkout.insert(bundle, reader, after='    "Engine": lambda item: EngineLitres(item["name"]),\n')

    shown = checkout.run(SHOW_FEATURE, tmp_path / "market")

    assert shown["values"] == [1.0, 3.0]
    assert "name_length" in shown["names"]
    assert shown["price"] > 1_000


COMMON_MAKES = '''

def common_makes(evidence: GateEvidence) -> GateResult:
    """Require test rows of many makes."""
    makes = evidence.quoted["manufacturer"].n_unique()
    return GateResult(
        name="common makes", figure=makes, limit=50, passed=makes >= 50, message=f"{makes} makes"
    )
'''
RUN_GATES = """
import json, sys
from pathlib import Path
from carvalue.registry.gates import gather_evidence, run_gates
from carvalue.registry.gates.judge import GATES

folder = Path(sys.argv[1])
files = {name: folder / f"{name}.parquet" for name in ("train", "test")}
evidence = gather_evidence(bundle=folder / "bundle", champion=None, **files)
before = run_gates(evidence, gates=[gate for gate in GATES if gate.__name__ != "common_makes"])
after = run_gates(evidence)
refused = {gate.name: gate.message for gate in after.gates if not gate.passed}
print(json.dumps({"before": before.promote, "after": after.promote, "refused": refused}))
"""


@pytest.mark.change("gate")
def test_a_gate_can_refuse_a_version(checkout: Checkout, tmp_path: Path) -> None:
    a_bundle(tmp_path / "market")

    checkout.insert("src/carvalue/registry/gates/accuracy.py", COMMON_MAKES)
    gates = "src/carvalue/registry/gates/judge.py"
    checkout.insert(gates, "    accuracy.common_makes,\n", after="    accuracy.coverage,\n")

    shown = checkout.run(RUN_GATES, tmp_path / "market")
    assert shown == {"before": True, "after": False, "refused": {"common makes": "4 makes"}}


BUSY = """    AlertRule(
        name="CarvalueServiceBusy",
        query=f"sum(rate({metrics.REQUESTS.name}[5m])) > 500",
        after="5m",
        severity="warning",
        summary="More than 500 requests a second.",
    ),
"""
RUNBOOK = """
### CarvalueServiceBusy

- **Means**: more than 500 requests a second.
- **Look**: dashboard *Service*.
- **Do**: start another worker.
"""


@pytest.mark.change("alert")
def test_an_alert_is_in_the_generated_rules_and_needs_a_runbook(checkout: Checkout) -> None:
    check = "tests/unit/telemetry/test_alert_rules.py"

    rules = "src/carvalue/telemetry/alert_rules.py"
    checkout.insert(rules, BUSY, after="RULES = (\n")
    assert not checkout.passes(check)
    checkout.insert("docs/how-to/respond-to-alerts.md", RUNBOOK)
    assert checkout.passes(check)
    checkout.generate()

    for path in ("deploy/monitoring/rules.yml", "deploy/kubernetes/monitoring/rules.yaml"):
        text = (checkout.folder / path).read_text(encoding="utf-8")
        assert "alert: CarvalueServiceBusy\n" in text
        assert "expr: sum(rate(carvalue_http_requests_total[5m])) > 500\n" in text
        assert "respond-to-alerts.html#carvalueservicebusy" in text


BODY_BYTES = """BODY_BYTES = MetricSpec(
    name="carvalue_body_bytes_total",
    kind="counter",
    help="Bytes of request bodies.",
)
"""
SHOW_METRIC = """
import json
import macros
from pathlib import Path
from starlette.testclient import TestClient
from carvalue.serving.app import create_app
from carvalue.settings import Settings

with TestClient(create_app(Settings(state_dir=Path("state"))), base_url="http://localhost") as client:
    text = client.get("/metrics").raise_for_status().text
print(json.dumps({"metrics": text, "reference": macros.metrics()}))
"""


@pytest.mark.change("metric")
def test_a_metric_is_exposed_and_on_the_reference_page(checkout: Checkout) -> None:
    metrics = "src/carvalue/telemetry/metrics.py"

    checkout.insert(metrics, BODY_BYTES, before="OUTBOX_BYTES = _gauge(")
    checkout.insert(metrics, "    BODY_BYTES,\n", after="    OUTBOX_UP,\n")
    attribute = "        self.body_bytes = self._counter(BODY_BYTES)\n"
    checkout.insert(metrics, attribute, after="        self.quotes = self._counter(QUOTES)\n")

    shown = checkout.run(SHOW_METRIC, MLFLOW_TRACKING_URI="http://127.0.0.1:9")

    assert "\ncarvalue_body_bytes_total 0.0\n" in shown["metrics"]
    assert "| `carvalue_body_bytes_total` | counter |  | Bytes of request bodies. |" in shown["reference"]


GREETING = '''
    greeting: str = "hello"
    """The first word on the page."""
'''
SHOW_SETTING = """
import json
import macros
from carvalue.settings import load_settings

print(json.dumps({"value": load_settings().greeting, "reference": macros.settings()}))
"""


@pytest.mark.change("setting")
def test_a_setting_is_read_from_the_environment_and_on_the_reference_page(checkout: Checkout) -> None:
    check = "tests/architecture/test_env_example.py"
    last = (
        "    operator_links: Annotated[str, AfterValidator(_links)] = Field(default_factory=_local_links)\n"
    )

    checkout.insert("src/carvalue/settings/page.py", GREETING, before=last)
    assert not checkout.passes(check)
    checkout.insert(".env.example", "\n# The first word on the page.\nGREETING=hello\n")
    assert checkout.passes(check)

    shown = checkout.run(SHOW_SETTING, GREETING="good day")
    assert shown["value"] == "good day"
    assert (
        "### `GREETING` {#greeting}\n\nThe first word on the page.\n\nDefault: `hello`" in shown["reference"]
    )

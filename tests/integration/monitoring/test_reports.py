"""A drift report shows what people entered as text, never as a script."""

import subprocess
import sys
from pathlib import Path

import polars as pl

TIMEOUT_S = 240


def test_a_script_that_a_visitor_entered_is_not_part_of_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>document.title='attacked'</script>"
    folder = tmp_path / "work"
    folder.mkdir()
    for name, region in (("reference", "austin"), ("window", hostile)):
        rows = pl.DataFrame({"region": [region, "boise"] * 50, "year": [2010, 2015] * 50})
        rows.write_parquet(folder / f"{name}.parquet")

    command = (sys.executable, "-m", "carvalue.monitoring.watcher.evidently_report")
    subprocess.run((*command, folder, tmp_path / "report.html"), check=True, timeout=TIMEOUT_S)

    page = (tmp_path / "report.html").read_text()
    assert "document.title='attacked'" in page  # shown, as text
    assert "<script>document" not in page

"""A table is a file or a folder of files; writers leave either a whole file or none."""

from pathlib import Path

import polars as pl
import pytest

from carvalue.parallel import copy_table, group_parts, parts_of, scratch_folder, store_table, written_part


@pytest.mark.parametrize("counts", [(1, 3), (3, 1), (3, 2)])
def test_a_table_replaces_one_with_another_number_of_parts(tmp_path: Path, counts: tuple[int, ...]) -> None:
    for count in counts:
        store_table(parts(tmp_path, count), tmp_path / "prices.parquet")

    copy_table(tmp_path / "prices.parquet", tmp_path / "copy.parquet")

    assert len(parts_of(tmp_path / "copy.parquet")) == counts[-1]
    assert pl.read_parquet(tmp_path / "copy.parquet")["price"].to_list() == list(range(counts[-1]))


@pytest.mark.parametrize(("count", "groups"), [(5, 2), (2, 5), (1, 1), (365, 16)])
def test_groups_have_all_parts_in_order_and_about_equal_sizes(count: int, groups: int) -> None:
    grouped = group_parts(range(count), groups)

    assert [part for group in grouped for part in group] == list(range(count))
    assert len(grouped) == min(count, groups)
    assert max(map(len, grouped)) - min(map(len, grouped)) <= 1


def test_a_writer_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError), written_part(tmp_path / "0.parquet") as temporary:
        temporary.write_bytes("text")  # type: ignore[arg-type]  # what fails

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_deleted(tmp_path: Path) -> None:
    killed = scratch_folder(tmp_path)
    left = killed.__enter__()
    (left / "rows.parquet").touch()

    with scratch_folder(tmp_path) as scratch:
        assert list(tmp_path.iterdir()) == [scratch]
    assert list(tmp_path.iterdir()) == []


def parts(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"part-{number}" for number in range(count)]
    for number, path in enumerate(paths):
        pl.DataFrame({"price": [number]}).write_parquet(path)
    return paths

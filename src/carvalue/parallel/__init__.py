"""Run a step part by part, in this process or on a cluster, and bring rows with equal keys together."""

from carvalue.parallel.buckets import shuffle
from carvalue.parallel.rows import ROW, align_rows, number_rows, with_part
from carvalue.parallel.tables import (
    PART_SUFFIX,
    Table,
    copy_table,
    group_parts,
    part_file,
    parts_of,
    scratch_folder,
    store_table,
    table_of,
    written_part,
)
from carvalue.parallel.workers import IN_PROCESS, InProcess, Workers

__all__ = [
    "IN_PROCESS",
    "PART_SUFFIX",
    "ROW",
    "InProcess",
    "Table",
    "Workers",
    "align_rows",
    "copy_table",
    "group_parts",
    "number_rows",
    "part_file",
    "parts_of",
    "scratch_folder",
    "shuffle",
    "store_table",
    "table_of",
    "with_part",
    "written_part",
]

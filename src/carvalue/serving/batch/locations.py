"""Score the files of a folder, a bucket or a web server, one output each; a stopped run can be continued."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from carvalue.errors import AppError
from carvalue.files import Objects, StoredFormat, open_objects
from carvalue.files.locations import SourceFile, is_remote, list_files
from carvalue.files.tabular import READ_SUFFIXES, WRITE_SUFFIXES
from carvalue.pricing import PriceModel, ScoringResult, score_file

RECORD = (
    "_scored.json"  # in the folder of the outputs; the underscore hides it from Spark and from `list_files`
)
FORMAT = StoredFormat(kind="record of scored files")


class TargetRefused(AppError):
    """The outputs cannot be written where they are wanted."""

    status, hint = (
        422,
        "OUTPUT is a .csv or .parquet file for one INPUT, and another folder or prefix for several.",
    )


@dataclass(frozen=True, kw_only=True)
class LocationScore:
    """Summary of scored files."""

    files: int
    """Files that were scored."""
    finished: int
    """Files that an earlier run had scored with this model."""
    rows: int
    """Rows of the files that were scored."""
    priced: int
    """Rows with a price."""
    missing_columns: tuple[str, ...]
    """Columns that a file lacks; their values were treated as missing."""


def score_location(
    source: str, target: str, *, model: PriceModel, digest: str, progress: Callable[[str], None]
) -> LocationScore:
    """Score each file of a location with a model.

    A record in the folder of the outputs names the finished files, their versions, and the model. They are
    skipped in the next run; a changed file, or all files for another model, are scored again.

    Args:
        source: A file, a folder, a pattern, a prefix of a bucket, or web addresses, as `list_files` takes it.
        target: For one file a `.csv` or `.parquet` file, otherwise a folder: a path or `s3://BUCKET/PREFIX`.
        model: The model that quotes.
        digest: Identifies the model.
        progress: Called with one line about the present state.

    Returns:
        The summary.

    Raises:
        FilesMissing, PathUnreadable, FileUnreachable, FileChanged: An input cannot be read.
        StorageUnavailable: A bucket does not answer.
        TargetRefused: The target is below the source, is no place to write to, or two inputs would have the
            same output.
        TableUnreadable: The content of a file is not what its suffix states.
    """
    if target.startswith(("http://", "https://")):
        raise TargetRefused(f"{target} cannot be written to: expected a path or s3://BUCKET/PREFIX.")
    if f"{target.rstrip('/')}/".startswith(f"{source.rstrip('/')}/"):
        raise TargetRefused(f"{target} is the input, or below it: the next run would score its own outputs.")
    files = list_files(source, suffixes=READ_SUFFIXES)
    if target.lower().endswith(WRITE_SUFFIXES):
        return _score_one(files, target, model=model, progress=progress)
    outputs = _outputs(files)
    objects = _open(target)
    record = _Record(objects, digest=digest)
    waiting = {key: file for key, file in outputs.items() if not record.has(key, file)}
    results = []
    for number, (key, file) in enumerate(waiting.items(), start=1):
        report = partial(_report, progress, f"file {number} of {len(waiting)}, {file.name}")
        results.append(_score(file, objects, key, model=model, progress=report))
        record.add(key, file)
    return _summary(results, finished=len(files) - len(waiting))


def _score_one(
    files: Sequence[SourceFile], target: str, *, model: PriceModel, progress: Callable[[str], None]
) -> LocationScore:
    if len(files) > 1:
        raise TargetRefused(f"{target} is one file, but there are {len(files)} files to score.")
    folder, _, name = target.rpartition("/")
    return _summary(
        [_score(files[0], _open(folder or "."), name, model=model, progress=progress)], finished=0
    )


def _score(
    file: SourceFile, objects: Objects, key: str, *, model: PriceModel, progress: Callable[[str], None]
) -> ScoringResult:
    with TemporaryDirectory() as folder:
        scored = Path(folder) / f"scored{PurePosixPath(key).suffix}"
        with file.opened(Path(folder)) as path:
            result = score_file(
                path, into=scored, model=model, progress=lambda rows: progress(f"{rows:,} rows done")
            )
        objects.upload(scored, key)
    return result


def _report(progress: Callable[[str], None], place: str, text: str) -> None:
    progress(f"{place}: {text}")


def _open(target: str) -> Objects:
    return open_objects(target if is_remote(target) else f"file://{Path(target).absolute()}")


def _outputs(files: Sequence[SourceFile]) -> Mapping[str, SourceFile]:
    outputs: dict[str, SourceFile] = {}
    for file in files:
        key = str(PurePosixPath(file.name).with_suffix(".parquet"))
        if key in outputs:
            raise TargetRefused(f"{outputs[key].name} and {file.name} would both be scored into {key}.")
        outputs[key] = file
    return outputs


def _summary(results: Sequence[ScoringResult], *, finished: int) -> LocationScore:
    missing = dict.fromkeys(column for result in results for column in result.missing_columns)
    return LocationScore(
        files=len(results),
        finished=finished,
        rows=sum(result.rows for result in results),
        priced=sum(result.priced for result in results),
        missing_columns=tuple(missing),
    )


class _Record:
    """The outputs that are finished, with the version of their input."""

    def __init__(self, objects: Objects, *, digest: str) -> None:
        self._objects, self._digest = objects, digest
        content = objects.read(RECORD)
        fields = FORMAT.load(content, source=f"{objects.url}/{RECORD}") if content else {}
        self._versions: dict[str, str] = fields["files"] if fields.get("model") == digest else {}

    def has(self, key: str, file: SourceFile) -> bool:
        return self._versions.get(key) == file.version

    def add(self, key: str, file: SourceFile) -> None:
        self._versions[key] = file.version
        self._objects.write(RECORD, FORMAT.encode({"model": self._digest, "files": self._versions}))

"""Score the files of a folder, a bucket or a web server, one output each; a stopped run can be continued."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from carvalue.errors import AppError
from carvalue.files import FolderObjects, Objects, StoredFormat, check_name, open_objects
from carvalue.files.locations import SourceFile, is_remote, list_files
from carvalue.files.tabular import READ_SUFFIXES, WRITE_SUFFIXES
from carvalue.parallel import IN_PROCESS, InProcess, Workers
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


@dataclass(frozen=True, kw_only=True)
class _Task:
    place: str  # which file it is, for the lines of progress
    key: str
    file: SourceFile


def score_location(
    source: str,
    target: str,
    *,
    model: PriceModel,
    version: str,
    digest: str,
    progress: Callable[[str], None],
    workers: Workers = IN_PROCESS,
) -> LocationScore:
    """Score each file of a location with a model.

    A record in the folder of the outputs names the finished files, their versions, and the model. They are
    skipped in the next run while their outputs are there; a changed file, or all files for another model, are
    scored again.

    Args:
        source: A file, a folder, a pattern, a prefix of a bucket, or web addresses, as `list_files` takes it.
        target: For one file a `.csv` or `.parquet` file, otherwise a folder: a path or `s3://BUCKET/PREFIX`.
        model: The model that quotes.
        version: The version of the model; empty if it has none.
        digest: The checksum of the model's bundle; without one no file counts as finished.
        progress: Called with one line about the present state.
        workers: Where the files are scored; a single file is always scored here.

    Returns:
        The summary.

    Raises:
        FilesMissing, PathUnreadable, FileUnreachable, FileChanged: An input cannot be read.
        NameRefused, AddressRefused: A name has an empty part, or the address of an input is not encrypted.
        StorageUnavailable: A bucket does not answer.
        TargetRefused: The target is the folder of the source or below it, is no place to write to, or an
            output would replace an input or another output.
        TableUnreadable: The content of a file is not what its suffix states.
    """
    if target.startswith(("http://", "https://")):
        raise TargetRefused(f"{target} cannot be written to: expected a path or s3://BUCKET/PREFIX.")
    if is_remote(target):
        check_name(_address(target).removeprefix("s3://"))
    files = list_files(source, suffixes=READ_SUFFIXES)
    if target.lower().endswith(WRITE_SUFFIXES):
        return _score_one(source, files, target, model=model, progress=progress)
    outputs = _outputs(files)
    _check_folder(target, files)
    _check_outputs([_address(target, key) for key in outputs], files)
    objects = _open(target)
    record = _Record(objects, version=version, digest=digest)
    waiting = {key: file for key, file in outputs.items() if not record.has(key, file)}
    tasks = [
        _Task(place=f"file {number} of {len(waiting)}, {file.name}", key=key, file=file)
        for number, (key, file) in enumerate(waiting.items(), start=1)
    ]
    is_here, done = isinstance(workers, InProcess), count(1)

    def finish(task: _Task, _: ScoringResult) -> None:
        record.add(task.key, task.file)
        if not is_here:
            progress(f"{next(done)} of {len(tasks)} files done")

    results = workers.map(
        # only in this process can a task report the rows that are done
        partial(_score_task, objects=objects, progress=progress if is_here else _ignore),
        tasks,
        description="score",
        shared={"model": model},
        on_result=finish,
    )
    return _summary(results, finished=len(files) - len(waiting))


def _score_one(
    source: str,
    files: Sequence[SourceFile],
    target: str,
    *,
    model: PriceModel,
    progress: Callable[[str], None],
) -> LocationScore:
    if len(files) > 1:
        raise TargetRefused(f"{target} is one file, but there are {len(files)} files to score.")
    if _address(source) != files[0].address:  # a folder or a pattern, which would find the output
        _check_folder(target, files)
    _check_outputs([_address(target)], files)
    folder, name = str(Path(target).parent), Path(target).name
    if is_remote(target):
        folder = target.removesuffix(f"/{name}")
    if is_remote(target) and not is_remote(folder):
        raise TargetRefused(f"{target} names a bucket only: expected s3://BUCKET/KEY.")
    return _summary([_score(files[0], _open(folder), name, model=model, progress=progress)], finished=0)


def _check_folder(target: str, files: Sequence[SourceFile]) -> None:
    """Refuse a target that is the folder of the inputs or below it."""
    place = f"{_address(target).rstrip('/')}/"
    if any(file.root and place.startswith(f"{file.root.rstrip('/')}/") for file in files):
        raise TargetRefused(
            f"{target} is the folder of the input, or below it: the next run would score its own outputs."
        )


def _check_outputs(outputs: Sequence[str], files: Sequence[SourceFile]) -> None:
    """Refuse addresses of outputs that are those of inputs."""
    if replaced := {file.address for file in files}.intersection(outputs):
        raise TargetRefused(f"{min(replaced)} is an input, which its output would replace.")


def _address(place: str, key: str = "") -> str:
    """Write where a file is as `SourceFile.address` does."""
    if is_remote(place):
        return f"{open_objects(place).url}/{key}".rstrip("/")
    return str(Path(place, key).resolve())


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


def _score_task(
    task: _Task, *, objects: Objects, progress: Callable[[str], None], model: PriceModel
) -> ScoringResult:
    report = partial(_report, progress, task.place)
    return _score(task.file, objects, task.key, model=model, progress=report)


def _report(progress: Callable[[str], None], place: str, text: str) -> None:
    progress(f"{place}: {text}")


def _ignore(text: str) -> None:
    """Do nothing."""


def _open(target: str) -> Objects:
    return open_objects(target) if is_remote(target) else FolderObjects(Path(target).absolute())


def _outputs(files: Sequence[SourceFile]) -> Mapping[str, SourceFile]:
    outputs: dict[str, SourceFile] = {}
    for file in files:
        path = PurePosixPath(file.name)
        key = str((path.with_suffix("") if path.suffix.lower() == ".gz" else path).with_suffix(".parquet"))
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

    def __init__(self, objects: Objects, *, version: str, digest: str) -> None:
        self._objects, self._model = objects, {"version": version, "digest": digest}
        content = objects.read(RECORD)
        fields = FORMAT.load(content, source=f"{objects.url}/{RECORD}") if content else {}
        is_same = bool(digest) and fields.get("model") == self._model
        present = objects.list("") if is_same else {}
        recorded: Mapping[str, str] = fields["files"] if is_same else {}
        self._versions = {key: version for key, version in recorded.items() if key in present}

    def has(self, key: str, file: SourceFile) -> bool:
        return self._versions.get(key) == file.version

    def add(self, key: str, file: SourceFile) -> None:
        self._versions[key] = file.version
        self._objects.write(RECORD, FORMAT.encode({"model": self._model, "files": self._versions}))

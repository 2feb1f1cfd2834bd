"""Up, down and crash of services under the real process manager."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from carvalue.platform import lifecycle
from carvalue.platform.processes.logs import log_files, log_folder
from carvalue.platform.processes.orphans import find_orphans
from carvalue.platform.processes.ports import PortTaken
from carvalue.platform.processes.supervisor import Supervisor
from carvalue.platform.spec import ServiceSpec
from carvalue.platform.status import ServiceStatus, status_of
from carvalue.settings import Settings
from platforms import a_job, a_server, platform_settings

LIMIT_S = 60.0


@pytest.fixture(
    params=["var", "a folder with spaces, % and a name so long that no socket path could hold it" * 2]
)
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    settings = platform_settings(tmp_path / request.param)
    yield settings
    lifecycle.stop_platform(settings)


def test_services_start_in_dependency_order(settings: Settings) -> None:
    output: list[str] = []
    wanted = (a_server("web", needs=("database",)), a_job("database"))

    lifecycle.start_services(settings, wanted, report=output.append)

    assert output == ["database is ready", "web is ready"]
    assert [item.state for item in _status(settings, wanted)] == ["healthy", "done"]


def test_the_access_log_has_its_own_file(settings: Settings) -> None:
    both = "import sys; print('a request'); print('a word', file=sys.stderr)"
    wanted = (a_job("plain", both), replace(a_job("asked", both), has_access_log=True))

    lifecycle.start_services(settings, wanted, report=_nothing)

    output = {
        path.stem: path.read_text().split("\n") for path in log_folder(settings.state_dir).glob("*.log")
    }
    assert output["asked"] == ["a word", ""]
    assert output["asked-access"] == ["a request", ""]
    assert sorted(output["plain"]) == ["", "a request", "a word"]
    assert [path.stem for path in log_files(settings.state_dir)] == ["asked", "plain", "supervisord"]
    assert [path.stem for path in log_files(settings.state_dir, "asked-access")] == ["asked-access"]


def test_files_of_a_platform_are_readable_only_by_their_owner(settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    settings.state_dir.chmod(0o755)  # as an earlier release left it
    code = "from pathlib import Path; Path('{0}/made').mkdir(); Path('{0}/made/file').touch()"
    wanted = (a_job("writer", code.format(settings.state_dir.resolve())),)

    lifecycle.start_services(settings, wanted, report=_nothing)

    modes = {path: path.stat().st_mode & 0o777 for path in (settings.state_dir / "made").rglob("*")}
    assert settings.state_dir.stat().st_mode & 0o777 == 0o700
    assert (settings.state_dir / "made").stat().st_mode & 0o777 == 0o700
    assert modes == {settings.state_dir / "made" / "file": 0o600}
    assert {path.stat().st_mode & 0o077 for path in log_folder(settings.state_dir).glob("writer*")} == {0}


def test_a_killed_service_restarts_without_its_old_child_processes(settings: Settings) -> None:
    wanted = (a_server("web", "--with-child"),)
    lifecycle.start_services(settings, wanted, report=_nothing)
    [before] = _status(settings, wanted)
    before_pids = {process.pid for process in _processes(settings, "web")}
    assert before.pid
    assert len(before_pids) == 2

    os.kill(before.pid, signal.SIGKILL)

    _wait(lambda: _came_back(_status(settings, wanted)[0], before.pid))
    assert not before_pids & {process.pid for process in _processes(settings, "web")}


def test_down_leaves_no_process_and_no_socket(settings: Settings) -> None:
    wanted = (a_server("web", "--with-child"), a_server("other"))
    lifecycle.start_services(settings, wanted, report=_nothing)

    lifecycle.stop_platform(settings)

    assert not find_orphans(state_dir=settings.state_dir)
    assert not Supervisor(state_dir=settings.state_dir).socket.exists()
    assert [item.state for item in _status(settings, wanted)] == ["down", "down"]


def test_down_stops_processes_of_a_killed_process_manager(settings: Settings) -> None:
    lifecycle.start_services(settings, (a_server("web"),), report=_nothing)
    [manager] = _processes(settings, "supervisord")
    manager.kill()
    _wait(lambda: not Supervisor(state_dir=settings.state_dir).is_running)

    assert lifecycle.stop_platform(settings) == 1

    assert not find_orphans(state_dir=settings.state_dir)


def test_an_occupied_port_is_named_with_its_process_before_anything_starts(settings: Settings) -> None:
    web = a_server("web")
    code = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(s); input()"
    command = (sys.executable, "-u", "-c", code, str(web.port))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()

        with pytest.raises(PortTaken) as caught:
            lifecycle.start_services(settings, (a_job("database"), web), report=_nothing)

        holder.kill()
    assert f"Port {web.port} of web (WEB_PORT)" in str(caught.value)
    assert f"pid {holder.pid}" in str(caught.value)
    assert not Supervisor(state_dir=settings.state_dir).is_running


def test_a_failing_service_is_reported_with_the_end_of_its_log(settings: Settings) -> None:
    wanted = (
        a_job("database", "import sys; sys.exit('no space left')"),
        a_server("web", needs=("database",)),
    )

    with pytest.raises(lifecycle.ServiceFailed, match="no space left"):
        lifecycle.start_services(settings, wanted, report=_nothing)

    assert [item.state for item in _status(settings, wanted)] == ["down", "down"]


def test_only_services_with_changed_settings_are_restarted(settings: Settings) -> None:
    kept, changed = a_server("kept"), a_server("changed")
    lifecycle.start_services(settings, (kept, changed), report=_nothing)
    before = [item.pid for item in _status(settings, (kept, changed))]
    with_source = ServiceSpec(**vars(changed) | {"environment": {"DATA_SOURCE": 'it\'s 100% "new"'}})

    lifecycle.start_services(settings, (kept, with_source), report=_nothing)

    after = [item.pid for item in _status(settings, (kept, with_source))]
    assert after[0] == before[0]
    assert after[1] != before[1]
    [process] = _processes(settings, "changed")
    assert process.environ()["DATA_SOURCE"] == 'it\'s 100% "new"'


def _status(settings: Settings, wanted: tuple[ServiceSpec, ...]) -> tuple[ServiceStatus, ...]:
    return status_of(wanted, supervisor=Supervisor(state_dir=settings.state_dir))


def _processes(settings: Settings, service: str) -> tuple[psutil.Process, ...]:
    return find_orphans(state_dir=settings.state_dir, service=service)


def _came_back(status: ServiceStatus, old_pid: int | None) -> bool:
    return status.state == "healthy" and status.pid != old_pid


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def _nothing(line: str) -> None:
    """Say nothing."""

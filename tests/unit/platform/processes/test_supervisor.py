"""Only the account that runs the platform can reach the socket of supervisord."""

import tempfile
from pathlib import Path

import pytest

from carvalue.platform.processes.supervisor import Supervisor, SupervisorFailed


@pytest.fixture
def far_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """A platform whose state directory is too long for a socket, which is in the temporary folder then."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return Supervisor(state_dir=tmp_path / ("far" * 40))


def test_the_socket_is_in_a_folder_of_its_owner(tmp_path: Path, far_away: Supervisor) -> None:
    near = Supervisor(state_dir=Path("/srv/carvalue"))

    assert near.socket == Path("/srv/carvalue/run/supervisord.sock")
    assert far_away.socket.is_relative_to(tmp_path / "tmp")
    far_away._write(())
    assert far_away.socket.parent.stat().st_mode & 0o777 == 0o700
    configuration = (far_away._run / "supervisord.conf").read_text()
    assert "chmod = 0700" in configuration
    assert "inet_http_server" not in configuration
    assert "umask = 077" in configuration


def test_a_folder_that_others_can_write_to_is_refused(far_away: Supervisor) -> None:
    far_away.socket.parent.mkdir()
    far_away.socket.parent.chmod(0o777)

    with pytest.raises(SupervisorFailed, match="another account"):
        far_away._write(())


def test_a_link_to_another_folder_is_refused(far_away: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    far_away.socket.parent.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SupervisorFailed, match="another account"):
        far_away._write(())

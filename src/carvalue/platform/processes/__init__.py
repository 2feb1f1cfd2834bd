"""Start, supervise and stop operating-system processes."""

from carvalue.platform.processes.logs import last_lines, log_files, log_folder
from carvalue.platform.processes.orphans import stop_orphans
from carvalue.platform.processes.ports import PortTaken, check_ports, free_port
from carvalue.platform.processes.supervisor import ProcessState, State, Supervisor

__all__ = [
    "PortTaken",
    "ProcessState",
    "State",
    "Supervisor",
    "check_ports",
    "free_port",
    "last_lines",
    "log_files",
    "log_folder",
    "stop_orphans",
]

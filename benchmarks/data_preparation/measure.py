"""Run a command and print what it took; small, because a child's peak memory starts at its parent's."""

import json
import os
import sys
import time

if __name__ == "__main__":
    started = time.perf_counter()
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    _, status, usage = os.wait4(child, 0)
    took = {
        "wall_s": time.perf_counter() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(took))
    sys.exit(os.waitstatus_to_exitcode(status))

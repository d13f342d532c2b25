"""Runs a program and prints, as JSON, seconds on the clock, seconds of processor time, and KiB of its largest process."""

import json
import os
import sys
import time

started = time.monotonic()
child = os.posix_spawn(
    "/usr/bin/env",
    ["env", *sys.argv[1:]],
    os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
)
_, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - started
print(
    json.dumps(
        {
            "status": os.waitstatus_to_exitcode(status),
            "seconds": seconds,
            "processorSeconds": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss,
        }
    )
)

"""Runs MiniStack until standard input ends, which it does when the parent process is gone, however it died.

Arguments: the pid file to keep while MiniStack runs, and the directory to remove after it.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

pid_file, temporary = sys.argv[1:3]

# A session of its own: MiniStack and the functions it starts are one process group, which is killed as a whole.
ministack = subprocess.Popen(
    [sys.executable, "-m", "ministack"],
    stdin=subprocess.DEVNULL,
    start_new_session=True,
)
with open(pid_file, "w") as file:
    file.write(str(ministack.pid))


def stop(*_):
    # Nothing is kept between runs, so there is nothing to shut down in order.
    try:
        os.killpg(ministack.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop_with_parent():
    while sys.stdin.buffer.read(1):
        pass
    stop()


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
threading.Thread(target=stop_with_parent, daemon=True).start()
status = ministack.wait()
stop()
shutil.rmtree(temporary, ignore_errors=True)
try:
    os.remove(pid_file)
except FileNotFoundError:
    pass
sys.exit(1 if status else 0)

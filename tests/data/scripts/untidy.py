# mypy: ignore-errors
"""Changes all it can reach while it is loaded."""

import io
import os
import signal
import sys
import tempfile
import threading
import types

from flowpack.flows import flow

MARK = "left-by-a-script"

FOUND = {
    "folder": os.getcwd(),
    "argv": [each for each in sys.argv if MARK in each],
    "path": [each for each in sys.path if MARK in each],
    "modules": [each for each in sys.modules if MARK in each],
}

os.chdir(tempfile.gettempdir())
sys.argv.append(MARK)
sys.argv = [MARK]
sys.path.append(MARK)
sys.path = [*sys.path, MARK]
sys.modules[MARK] = types.ModuleType(MARK)
sys.modules["this"] = None
sys.modules["json"] = "no module"
sys.stdout = io.StringIO()
sys.stderr = io.StringIO()
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, lambda *_: None)


@flow
def untidy() -> dict:
    """Return what other loads had left behind."""
    return FOUND

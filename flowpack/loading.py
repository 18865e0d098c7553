"""From a script to its flow, by running the script.

This runs the user's code. The script becomes a module of its own, not
``__main__``, which is in ``sys.modules`` for as long as its flow lives, as
dataclasses and pickles need it. One that comes from a storage has a private temporary
file for as long, for scripts read what ``__file__`` names; what runs is the bytes,
though. Loads take turns, and what a script changes in the process while it is loaded
is put back.
"""

from __future__ import annotations

import ast
import copy
import importlib.machinery
import importlib.util
import itertools
import linecache
import os
import re
import sys
import threading
import weakref
from types import ModuleType
from typing import Any, Dict, List, Optional, Tuple, Union

import attrs

from flowpack._interpreter import SCRIPT_PREFIX, restored
from flowpack.analysis.script import Script
from flowpack.analysis.selection import choose
from flowpack.exceptions import (
    FlowpackError,
    MissingFlowError,
    ScriptError,
    printable,
    quoted,
)
from flowpack.flows import Flow, calls_skipped, library_of

_LOCK = threading.RLock()
_NUMBERS = itertools.count(1)
_FOLDER_PREFIX = "flowpack-"

#: By what their code names as its file.
_texts: weakref.WeakValueDictionary[str, _Text] = weakref.WeakValueDictionary()


class MissingModuleError(ScriptError):
    """The script imports a module that is not there.

    Attributes:
        where: The script.
        user_exc: The original exception.
    """

    def _text(self) -> str:
        missing = getattr(self.user_exc, "name", None) or ""
        advice = (
            "install what has it where flowpack runs; a module of your own is not"
            " stored with the script"
        )
        if missing.partition(".")[0] == "prefect":
            advice = (
                "install Prefect where flowpack runs, or let the script fall back: try:"
                " from prefect import flow, except ImportError: from flowpack import"
                " flow"
            )
        return f"{super()._text()}; {advice}"


class MissingFileError(ScriptError):
    """The script reads a file beside itself, which is not there.

    Attributes:
        where: The script.
        user_exc: The original exception.
    """

    def _text(self) -> str:
        return (
            f"{super()._text()}; only the script itself is stored: bring the file to"
            " where flowpack runs, and give the script its absolute path"
        )


def script_error(where: str, exc: BaseException) -> ScriptError:
    """Return the error that stands for *exc*, which the user's code raised.

    Args:
        where: What messages call the script.
        exc: A SystemExit is a failure, too.
    """
    if isinstance(exc, ModuleNotFoundError):
        return MissingModuleError(where, exc)
    if isinstance(exc, FileNotFoundError) and _is_private(exc.filename):
        return MissingFileError(where, exc)
    return ScriptError(where, exc)


def load_flow_from_script(
    script: Union[str, os.PathLike[str], Script],
    flow_name: Optional[str] = None,
    *,
    variable: Optional[str] = None,
) -> Any:
    """Run a script and return its flow.

    Modules in the folder of a script that was read from a file can be imported
    while it is loaded. Loads take turns: a script that, while it is loaded, waits
    for another thread to load one waits for ever.

    Args:
        script: A path, or a script that was read already.
        flow_name: The flow's name or, where no flow has that, the name of its
            variable or function. None means the only flow.
        variable: The module-level name of the flow, as an entry point has it; the
            flow is then called *flow_name*, whatever its name in the script.

    Returns:
        A :class:`~flowpack.flows.Flow`, or Prefect's own where the script uses that.
        The script's module is gone when the flow is.

    Raises:
        ScriptError: The script failed.
        MissingFlowError: It does not define the flow.
        UnspecifiedFlowError: It defines several that are meant.
        DiscoveryError: It cannot be read.
        FlowpackError: Its temporary file cannot be written.
    """
    if not isinstance(script, Script):
        script = Script.read(script)
    with _LOCK:
        return _load(script, flow_name, variable)


def load_flow_from_bytes(
    content: bytes,
    name: str,
    flow_name: Optional[str] = None,
    *,
    variable: Optional[str] = None,
) -> Any:
    """Run the bytes of a script, which must be trusted, and return its flow.

    Args:
        content: The script.
        name: What to call it in errors; the last part names its temporary file.
        flow_name: As :func:`load_flow_from_script` takes it, and so is the rest.
        variable: The module-level name of the flow.
    """
    script = Script(content=content, name=name)
    return load_flow_from_script(script, flow_name, variable=variable)


class _Anchor:
    """Lives as long as a flow that was loaded, or a copy of it, does."""

    def __deepcopy__(self, memo: object) -> _Anchor:
        return self


class _Text:
    """Lives as long as tracebacks may show lines of what was loaded from a script."""

    def __init__(self, filename: str, content: bytes) -> None:
        self.content = content
        self.lines = (len(content), None, _lines(content), filename)
        weakref.finalize(self, _forget_lines, filename, self.lines)

    @classmethod
    def shown(cls, filename: str, script: Script) -> _Text:
        """Return that of *script*, which is shown from now on."""
        text = _texts.get(filename)
        if text is None or text.content != script.content:
            text = _texts[filename] = cls(filename, script.content)
        linecache.cache[filename] = text.lines
        return text


@attrs.frozen
class _Loaded:
    """A flow among the globals of a script.

    Attributes:
        flow: The flow.
        variables: The names that it has there.
        own: Whether its function was defined there, too.
    """

    flow: Any
    variables: Tuple[str, ...]
    own: bool

    @property
    def name(self) -> Optional[str]:
        return str(self.flow.name)

    @property
    def function(self) -> str:
        return str(getattr(self.flow.fn, "__name__", ""))


def _load(script: Script, flow_name: Optional[str], variable: Optional[str]) -> Any:
    script.check_readable()
    anchor = _Anchor()
    filename = script.path or _private_file(script, anchor)
    module = _new_module(filename)
    text = _Text.shown(filename, script)
    forget = weakref.finalize(anchor, _forget, module.__name__, text)
    sys.modules[module.__name__] = module
    try:
        _run(script, filename, module)
        flows = [*_flows_in(module), *_methods_in(module, variable or "")]
        chosen = _select(flows, flow_name, variable, script.name)
    except ScriptError as exc:
        # Whoever shows its traceback needs the lines for as long as it lives.
        weakref.finalize(exc, _forget, module.__name__, text)
        forget()
        raise
    except BaseException:
        forget()
        raise
    name = None if variable is None else flow_name
    return _anchored(chosen, script, anchor, name)


def _private_file(script: Script, anchor: _Anchor) -> str:
    """Write *script* to a new folder that only this user can enter; return its path.

    It is removed with *anchor*, and at the end of the process at the latest.
    """
    import tempfile  # Imported here because it is slow to load.

    name = script.filename
    try:
        size = len(os.fsencode(name))
        usable = name.isprintable() and name.strip(".") and size < 256
    except ValueError:
        usable = False
    name = name if usable else "script.py"
    try:
        folder = tempfile.mkdtemp(prefix=_FOLDER_PREFIX)
        weakref.finalize(anchor, _remove, folder, os.getpid())
        path = os.path.join(folder, name)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(number, "wb") as file:
            file.write(script.content)
    except OSError as exc:
        raise FlowpackError(
            f"the script {printable(script.name)} cannot be loaded, for its temporary"
            f" file cannot be written: {printable(exc)}. Set TMPDIR to a folder with"
            " room for it"
        ) from exc
    return path


def _is_private(path: object) -> bool:
    """Return True if *path* is in the folder of a private file."""
    import tempfile

    folders = os.path.join(tempfile.gettempdir(), _FOLDER_PREFIX)
    return str(path).startswith(folders)


def _remove(folder: str, owner: int) -> None:
    """Remove the folder of a temporary file, unless this is a fork of its *owner*."""
    import shutil

    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _new_module(filename: str) -> ModuleType:
    """Return a module for the script that its code names as *filename*."""
    stem = re.sub(r"\W", "_", os.path.basename(filename).partition(".")[0])
    name = f"{SCRIPT_PREFIX}{next(_NUMBERS)}_{stem[:40]}"
    spec = importlib.machinery.ModuleSpec(name, None, origin=filename)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = filename
    return module


def _lines(content: bytes) -> List[str]:
    """Return the lines of a script, for tracebacks; none if it is no text."""
    try:
        text = importlib.util.decode_source(content)
    except (SyntaxError, ValueError):
        return []
    return [f"{line}\n" for line in text.split("\n")]


def _forget(name: str, text: _Text) -> None:
    """Drop a module, and with *text* what may have been the last use of it."""
    sys.modules.pop(name, None)


def _forget_lines(filename: str, lines: Any) -> None:
    if linecache.cache.get(filename) is lines:
        del linecache.cache[filename]


def _run(script: Script, filename: str, module: ModuleType) -> None:
    folder = os.path.dirname(script.path) if script.path else None
    try:
        with restored(folder), calls_skipped(script.name):
            code = compile(script.content, filename, "exec", dont_inherit=True)
            exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        # SystemExit, too: a script must not end the process that loads it.
        # An ImportError that names no module is in a script about a relative import.
        relative = type(exc) is ImportError and exc.name is None and any(
            isinstance(node, ast.ImportFrom) and node.level
            for node in ast.walk(script.tree)
        )
        kind = MissingModuleError if relative else script_error
        raise kind(script.name, exc) from exc


def _flows_in(module: ModuleType) -> List[_Loaded]:
    variables: Dict[int, List[str]] = {}
    flows: Dict[int, Any] = {}
    for variable, value in list(vars(module).items()):
        if library_of(value):
            flows[id(value)] = value
            variables.setdefault(id(value), []).append(variable)
    return [
        _Loaded(flow, tuple(variables[key]), _is_own(flow, module))
        for key, flow in flows.items()
    ]


def _methods_in(module: ModuleType, variable: str) -> List[_Loaded]:
    """Return the flow that *variable* means, if that is ``Class.method``."""
    names = variable.split(".")
    value: Any = module
    for name in names:
        value = getattr(value, name, None)
    if len(names) == 1 or not library_of(value):
        return []
    return [_Loaded(value, (variable,), _is_own(value, module))]


def _is_own(flow: Any, module: ModuleType) -> bool:
    return getattr(flow.fn, "__module__", None) == module.__name__


def _select(
    flows: List[_Loaded],
    flow_name: Optional[str],
    variable: Optional[str],
    where: str,
) -> _Loaded:
    if variable is not None:
        for each in flows:
            if variable in each.variables:
                return each
        reason = f"it has no flow {quoted(variable)} at module level"
        raise MissingFlowError(where, reason)
    own = [each for each in flows if each.own] or flows
    try:
        return _named(own, flow_name, where)
    except MissingFlowError:
        # The reference takes flows that are only imported, too.
        return _named(flows, flow_name, where)


def _named(flows: List[_Loaded], flow_name: Optional[str], where: str) -> _Loaded:
    """Return the flow of that name, or else the one that is known by it."""
    named = [each for each in flows if each.name == flow_name]
    return choose(named or flows, flow_name, where)


def _anchored(
    chosen: _Loaded, script: Script, anchor: _Anchor, name: Optional[str]
) -> Any:
    """Return a copy of the flow; the module holds the original, and the copy it."""
    if isinstance(chosen.flow, Flow):
        version = script.md5 if chosen.own else None
        return chosen.flow.anchored(anchor, version).with_options(name=name)
    flow = copy.copy(chosen.flow)
    flow._flowpack_anchor = anchor
    flow.name = name or flow.name
    if chosen.own and not flow.version:
        flow.version = script.md5
    return flow

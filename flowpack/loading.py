"""Loads the flow of a script by running the script, which is the user's code.

The script becomes a module of its own, not ``__main__``, and stays in ``sys.modules`` for as long
as its flow lives, as dataclasses and pickles need it. One from a storage has a private temporary
file for as long, for scripts read their ``__file__``; what runs is the bytes, though.
"""

from __future__ import annotations

import copy
import importlib.util
import itertools
import linecache
import os
import re
import sys
import threading
import weakref
from contextlib import suppress
from importlib.machinery import ModuleSpec
from operator import attrgetter
from types import ModuleType
from typing import Any, Dict, List, Optional, Tuple, Union

import attrs

from flowpack._interpreter import BUNDLE_MARK, SCRIPT_PREFIX, in_bundle, restored
from flowpack.analysis.script import Script, choose
from flowpack.exceptions import FlowpackError, MissingFlowError, ScriptError, printable, quoted
from flowpack.flows import Flow, calls_skipped, library_of

_LOCK = threading.RLock()
_NUMBERS = itertools.count(1)
_FOLDER_PREFIX = "flowpack-"

_NO_PREFECT = (
    "install Prefect where flowpack runs, or let the script fall back: try: from prefect"
    " import flow, except ImportError: from flowpack import flow"
)
_NO_MODULE = (
    "install what has it where flowpack runs; a module of your own is not stored with the script"
    " unless it is deployed with --project, and an import or --include names it; if one does,"
    " --project ROOT or --path DIR says where it is"
)
_NO_FILE = (
    "only the script itself is stored, and with --project the files that --include names: deploy it"
    " so, or bring the file to where flowpack runs, and give the script its absolute path"
)


def load_flow_from_script(
    script: Union[str, os.PathLike[str], Script],
    flow_name: Optional[str] = None,
    *,
    variable: Optional[str] = None,
) -> Any:
    """Run a script and return its flow.

    Modules beside a script that was read from a file can be imported while it is loaded. Loads
    take turns: a script that waits for another thread to load one waits for ever.

    Args:
        script: A path, or a script that was read already.
        flow_name: The flow's name or, where no flow has that, the name of its variable or
            function. None means the only flow.
        variable: The module-level name of the flow, as an entry point has it; the flow is
            then called *flow_name*, whatever its name in the script.

    Returns:
        A :class:`~flowpack.flows.Flow`, or Prefect's own where the script uses that. The
        script's module is gone when the flow is.

    Raises:
        ScriptError: The script failed.
        MissingFlowError: It does not define the flow.
        UnspecifiedFlowError: It defines several that are meant.
        DiscoveryError: It cannot be read.
        FlowpackError: Its temporary file cannot be written.

    Example:
        >>> from flowpack import load_flow_from_script
        >>> etl = load_flow_from_script("flows.py")
        >>> etl.name, etl(day="2026-12-24")
        ('etl', 'loaded 2026-12-24')
    """
    if not isinstance(script, Script):
        script = Script.read(script)
    script.check_readable()
    anchor = _Anchor()
    with _LOCK:
        filename = script.path or _write_private_file(script, anchor)
        module = _new_module(script, filename)
        sys.modules[module.__name__] = module
        forget = weakref.finalize(anchor, _forget, module.__name__, filename)
        try:
            _run(script, filename, module)
            loaded = _select(_flows_in(module, variable), flow_name, variable, script.name)
        except BaseException:
            forget()
            raise
    return _anchored(loaded, script, anchor, None if variable is None else flow_name)


def script_error(where: str, exc: BaseException) -> ScriptError:
    """Return the error for *exc*, which the user's code raised; *where* names the script."""
    import tempfile  # Imported here because it is slow to load.

    advice = ""
    private = os.path.join(tempfile.gettempdir(), _FOLDER_PREFIX)
    if isinstance(exc, ModuleNotFoundError):
        prefect = (exc.name or "").partition(".")[0] == "prefect"
        advice = _NO_PREFECT if prefect else _NO_MODULE
    elif isinstance(exc, ImportError) and "relative import" in str(exc):
        advice = _NO_MODULE
    elif isinstance(exc, FileNotFoundError):
        is_private = in_bundle(exc.filename) or str(exc.filename).startswith(private)
        advice = _NO_FILE if is_private else ""
    return ScriptError(where, exc, advice)


class _Anchor:
    """Lives as long as a flow that was loaded, or a copy of it, does."""

    def __deepcopy__(self, memo: object) -> _Anchor:
        return self


class _Loader:
    """Gives tracebacks the lines of a script whose file is gone."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get_source(self, name: str) -> str:
        return importlib.util.decode_source(self._content)


@attrs.frozen
class _LoadedFlow:
    """A flow among the globals of a script; *own* if its function was defined there, too."""

    flow: Any
    variables: Tuple[str, ...]
    own: bool

    @property
    def name(self) -> Optional[str]:
        return str(self.flow.name)

    @property
    def function(self) -> str:
        return str(getattr(self.flow.fn, "__name__", ""))


def _write_private_file(script: Script, anchor: _Anchor) -> str:
    """Write *script* to a new folder that only this user can enter; return its path.

    It is removed with *anchor*, and at the end of the process at the latest.
    """
    import tempfile

    name = script.filename
    usable = name.isprintable() and name.strip(".")
    if not usable or len(name.encode("utf-8", "surrogatepass")) > 255:
        name = "script.py"
    try:
        folder = tempfile.mkdtemp(prefix=_FOLDER_PREFIX)
        weakref.finalize(anchor, _remove, folder, os.getpid())
        path = os.path.join(folder, name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(script.content)
    except OSError as exc:
        raise FlowpackError(
            f"the script {printable(script.name)} cannot be loaded, for its temporary file"
            f" cannot be written: {printable(exc)}. Set TMPDIR to a folder with room for it"
        ) from exc
    return path


def _remove(folder: str, owner: int) -> None:
    """Remove the folder of a temporary file, unless this is a fork of its *owner*."""
    import shutil

    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _new_module(script: Script, filename: str) -> ModuleType:
    stem = re.sub(r"\W", "_", os.path.basename(filename).partition(".")[0])
    name = f"{SCRIPT_PREFIX}{next(_NUMBERS)}_{stem[:40]}"
    loader: Any = _Loader(script.content)
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=filename))
    module.__file__ = filename
    return module


def _forget(name: str, filename: str) -> None:
    sys.modules.pop(name, None)
    linecache.cache.pop(filename, None)


def _run(script: Script, filename: str, module: ModuleType) -> None:
    is_bundle = script.content.startswith(BUNDLE_MARK)  # It brings all that it imports.
    folder = os.path.dirname(script.path) if script.path and not is_bundle else None
    try:
        with restored(folder, bundles_last=not is_bundle), calls_skipped(script.name):
            code = compile(script.content, filename, "exec", dont_inherit=True)
            exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        # SystemExit, too: a script must not end the process that loads it.
        raise script_error(script.name, exc) from exc


def _flows_in(module: ModuleType, variable: Optional[str]) -> List[_LoadedFlow]:
    """Return the flows at module level, and the one that *variable* means, ``Class.method``."""
    named = dict(vars(module))
    if variable and "." in variable:
        with suppress(AttributeError):
            named[variable] = attrgetter(variable)(module)
    variables: Dict[int, List[str]] = {}
    for name, value in named.items():
        if library_of(value):
            variables.setdefault(id(value), []).append(name)
    flows = [(named[names[0]], tuple(names)) for names in variables.values()]
    return [
        _LoadedFlow(flow, names, getattr(flow.fn, "__module__", None) == module.__name__)
        for flow, names in flows
    ]


def _select(
    flows: List[_LoadedFlow], flow_name: Optional[str], variable: Optional[str], where: str
) -> _LoadedFlow:
    if variable is not None:
        for each in flows:
            if variable in each.variables:
                return each
        raise MissingFlowError(where, f"it has no flow {quoted(variable)} at module level")
    # Those that are only imported come last; the reference takes them, too.
    own = [each for each in flows if each.own] or flows
    with suppress(MissingFlowError):
        return _select_by_name(own, flow_name, where)
    return _select_by_name(flows, flow_name, where)


def _select_by_name(flows: List[_LoadedFlow], flow_name: Optional[str], where: str) -> _LoadedFlow:
    """Return the flow of that name, or else the one whose variable or function it is."""
    named = [each for each in flows if each.name == flow_name]
    return choose(named or flows, flow_name, where)


def _anchored(loaded: _LoadedFlow, script: Script, anchor: _Anchor, name: Optional[str]) -> Any:
    """Return a copy of the flow; the module holds the original, and the copy it."""
    if isinstance(loaded.flow, Flow):
        return loaded.flow.anchored(anchor, _version(loaded, script)).with_options(name=name)
    flow = copy.copy(loaded.flow)
    flow._flowpack_anchor = anchor
    flow.name = name or flow.name
    flow.version = flow.version or _version(loaded, script)
    return flow


def _version(loaded: _LoadedFlow, script: Script) -> Optional[str]:
    """Return the MD5 of the script that defines the flow, if it is the one that was loaded.

    In a packed project that is one of its files.
    """
    if loaded.own:
        return script.md5
    file: Any = getattr(loaded.flow.fn, "__globals__", {}).get("__file__")
    return Script.read(file).md5 if in_bundle(file) else None

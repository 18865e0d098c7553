"""From a script to its flow, by running the script.

This runs the user's code. The script becomes a module of its own, not
``__main__``, which is in ``sys.modules`` for as long as its flow lives, as
dataclasses and pickles need it. Loads take turns, and what a script changes in the
process while it is loaded is put back.
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
from flowpack.discovery import Script, choose
from flowpack.exceptions import MissingFlowError, ScriptError, quoted
from flowpack.flows import Flow, calls_skipped

_LOCK = threading.RLock()
_NUMBERS = itertools.count(1)

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
        variable: The module-level name of the flow, as an entry point has it.

    Returns:
        A :class:`~flowpack.flows.Flow`, or Prefect's own where the script uses that.
        The script's module is gone when the flow is.

    Raises:
        ScriptError: The script failed.
        MissingFlowError: It does not define the flow.
        UnspecifiedFlowError: It defines several that are meant.
        DiscoveryError: It cannot be read.
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
        name: What to call it in ``__file__``, in tracebacks and in errors.
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
    module, filename = _new_module(script)
    text = _Text.shown(filename, script)
    anchor = _Anchor()
    forget = weakref.finalize(anchor, _forget, module.__name__, text)
    sys.modules[module.__name__] = module
    try:
        _run(script, filename, module)
        chosen = _select(_flows_in(module), flow_name, variable, script.name)
    except ScriptError as exc:
        # Whoever shows its traceback needs the lines for as long as it lives.
        weakref.finalize(exc, _forget, module.__name__, text)
        forget()
        raise
    except BaseException:
        forget()
        raise
    return _anchored(chosen, script, anchor)


def _new_module(script: Script) -> Tuple[ModuleType, str]:
    """Return a module for *script*, and what its code names as its file."""
    stem = re.sub(r"\W", "_", os.path.basename(script.name).partition(".")[0])
    name = f"{SCRIPT_PREFIX}{next(_NUMBERS)}_{stem[:40]}"
    # What is no file is told apart by its bytes: two versions may have one name.
    filename = script.path or f"<{script.name} sha256:{script.sha256[:12]}>"
    spec = importlib.machinery.ModuleSpec(name, None, origin=filename)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = script.path or script.name
    return module, filename


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
    except ModuleNotFoundError as exc:
        raise MissingModuleError(script.name, exc) from exc
    except ImportError as exc:
        # Such an error names no module, and in a script is about a relative import.
        relative = exc.name is None and any(
            isinstance(node, ast.ImportFrom) and node.level
            for node in ast.walk(script.tree)
        )
        kind = MissingModuleError if relative else ScriptError
        raise kind(script.name, exc) from exc
    except BaseException as exc:
        # SystemExit, too: a script must not end the process that loads it.
        raise ScriptError(script.name, exc) from exc


def _flows_in(module: ModuleType) -> List[_Loaded]:
    variables: Dict[int, List[str]] = {}
    flows: Dict[int, Any] = {}
    for variable, value in list(vars(module).items()):
        if _is_flow(value):
            flows[id(value)] = value
            variables.setdefault(id(value), []).append(variable)
    return [
        _Loaded(flow, tuple(variables[key]), _is_own(flow, module))
        for key, flow in flows.items()
    ]


def _is_flow(value: object) -> bool:
    """Say whether *value* is a flow of flowpack, or of Prefect if that is there.

    Only its type is looked at: modules that load late and the like would wake.
    """
    return any(
        base is Flow
        or (base.__name__ == "Flow" and str(base.__module__).startswith("prefect."))
        for base in type(value).__mro__
    )


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


def _anchored(chosen: _Loaded, script: Script, anchor: _Anchor) -> Any:
    """Return a copy of the flow; the module holds the original, and the copy it."""
    if isinstance(chosen.flow, Flow):
        return chosen.flow.anchored(anchor, script.md5 if chosen.own else None)
    flow = copy.copy(chosen.flow)
    flow._flowpack_anchor = anchor
    if chosen.own and not flow.version:
        flow.version = script.md5
    return flow

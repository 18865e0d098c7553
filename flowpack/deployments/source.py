"""Which script a spec means, and which flow in it."""

from __future__ import annotations

import inspect
import os
from typing import Any, Callable, Optional, Union

import attrs

from flowpack._files import absolute_path, path_of_file_url
from flowpack._validators import describe_type
from flowpack.analysis.discovery import Discovery, FlowInfo, find_flows, select_flow
from flowpack.analysis.script import Script
from flowpack.blocks.address import is_web
from flowpack.connect import object_client
from flowpack.exceptions import (
    APIConnectionError,
    DeploymentValidationError,
    DiscoveryError,
    MissingFlowError,
    quoted,
)
from flowpack.urls import URL, as_address, mask_text, mask_url, url_of

#: Longest script that is fetched from a URL, in bytes.
SCRIPT_LIMIT = 100 * 1024 * 1024


def parse_location(value: Union[URL, os.PathLike[str], None]) -> Optional[URL]:
    """Return the absolute path or the URL that ``flow_location`` means; a converter."""
    text: Any = url_of(value)
    text = os.fspath(text) if isinstance(text, os.PathLike) else text
    if text is None:
        return None
    if isinstance(text, str) and text.startswith(("http://", "https://")):
        return as_address(text)
    try:
        if not isinstance(text, str):
            raise ValueError(f"must be a path or a URL, not {describe_type(value)}")
        if not text.strip():
            raise ValueError("it is empty")
        if text.startswith("file://"):
            return absolute_path(path_of_file_url(text))
        if "://" in text:
            raise ValueError("it cannot be read; use a path, http:// or https://")
        return absolute_path(text)
    except ValueError as exc:
        shown = f"{quoted(mask_text(text))}: " if isinstance(text, str) else ""
        problem = f"flow_location: {shown}{exc}"
        raise DeploymentValidationError("DeploymentSpec", [problem]) from None


def find_flow(
    label: str,
    flow: Optional[Any],
    location: Optional[URL],
    flow_name: Optional[str],
    link: Callable[[Script], Script],
) -> FlowInfo:
    """Return what :meth:`flowpack.DeploymentSpec.find_flow` does; no user code is run.

    *link* returns a script with what it imports, as its packager has it.
    """
    if flow is None:
        if location is None:
            raise DeploymentValidationError(label, ["either flow or flow_location must be given"])
        return select_flow(link(read_script(location)), flow_name)
    code = getattr(inspect.unwrap(flow.fn), "__code__", None)
    filename = getattr(code, "co_filename", "")
    defined = os.path.abspath(filename) if os.path.isfile(filename) else None
    problem = _object_problem(flow, defined, location, flow_name)
    if problem:
        raise DeploymentValidationError(label, [problem])
    script = link(read_script(location or defined or ""))
    try:
        info = _find_in_script(flow, getattr(code, "co_firstlineno", 1), script)
    except MissingFlowError as exc:
        problem = f"the flow is not found in its script: {exc}"
        raise DeploymentValidationError(label, [problem]) from exc
    version = getattr(flow, "version", None)
    return attrs.evolve(
        info,
        name=flow.name,
        version=str(version) if version else script.md5,
        renamed=info.renamed or info.name != flow.name,
    )


def read_script(location: URL) -> Script:
    """Return the script at *location*, a path or an ``http(s)://`` URL."""
    if isinstance(location, str) and not is_web(location):
        return Script.read(location)
    shown = mask_url(location)
    try:
        with object_client() as client:
            response = client.get(location, limit=SCRIPT_LIMIT)
    except APIConnectionError as exc:
        raise DiscoveryError(shown, f"the script cannot be fetched: {exc}") from exc
    if response.status != 200:
        reason = f"the script cannot be fetched: the server answered {response.status}"
        raise DiscoveryError(shown, reason)
    return Script(content=response.body, name=shown)


def _object_problem(
    flow: Any, defined: Optional[str], location: Optional[URL], flow_name: Optional[str]
) -> Optional[str]:
    """Return why the spec of a flow object, *defined* in a file, contradicts it, if so."""
    if flow_name not in (None, flow.name):
        return (
            f"flow_name is {quoted(flow_name)}, but the flow's name is {quoted(flow.name)}; they"
            " must match"
        )
    path = url_of(location)
    if path is None and defined is None:
        return (
            f"the flow {quoted(flow.name)} was not defined in a file (but in a notebook, a REPL"
            " or by exec), so there is no script to package. Save it as a .py file and give that"
            " as flow_location"
        )
    if path is None or defined is None or is_web(path):
        return None
    if os.path.realpath(defined) == os.path.realpath(path):
        return None
    return f"flow_location is {quoted(path)}, but the flow was defined in {quoted(defined)}"


def _find_in_script(flow: Any, line: int, script: Script) -> FlowInfo:
    """Return the flow in the source; what that leaves open is as the object has it."""
    function = getattr(flow.fn, "__name__", "")
    discovery = find_flows(script)
    for info in (*discovery.flows, *discovery.methods):
        if (info.name, info.function) == (flow.name, function):
            return info
    try:
        return discovery.select(function)
    except MissingFlowError:
        raise
    except DiscoveryError:
        described = _describe_object(flow, function, line, discovery)
        if described is None:
            raise
        return described


def _describe_object(
    flow: Any, function: str, line: int, discovery: Discovery
) -> Optional[FlowInfo]:
    """Return the object *flow* as a flow of its script; None if no name there leads to a flow."""
    from flowpack.flows import library_of

    definition, variable = None, function
    for each in discovery.undetermined:
        if each.definition is not None and each.definition.first_line == line:
            definition, variable = each.definition, each.variables[0]
    # The names are known, for the script has run.
    names = getattr(inspect.unwrap(flow.fn), "__globals__", {"": flow})
    if library_of(names.get(variable, flow)) is None:
        return None
    return FlowInfo(
        script=discovery.script,
        function=function,
        variable=variable,
        name=flow.name,
        version=discovery.script.md5,
        description=getattr(flow, "description", None),
        line=line,
        definition=definition,
        origin=frozenset(filter(None, [library_of(flow)])),
        renamed=all(library_of(v) is None or v.name != flow.name for v in names.values()),
    )

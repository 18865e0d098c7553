"""Which script a spec means, and which flow in it."""

from __future__ import annotations

import inspect
import os
from typing import Any, Optional

import attrs

from flowpack._files import absolute_path, path_of_file_url
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
from flowpack.packaging.base import describe_type, field_error
from flowpack.urls import URL, as_address, mask_text, mask_url, url_of

#: Longest script that is fetched from a URL, in bytes.
SCRIPT_LIMIT = 100 * 1024 * 1024


def parse_location(value: object) -> Optional[URL]:
    """Return the absolute path or the URL that ``flow_location`` says; a converter.

    Raises:
        DeploymentValidationError: It is neither.
    """
    if value is None:
        return None
    value = url_of(value)
    if not isinstance(value, (str, os.PathLike)):
        raise _location_error(f"expected a path or a URL, not {describe_type(value)}")
    text = os.fspath(value)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        shown = quoted(mask_text(text) if isinstance(text, str) else text)
        raise _location_error(f"{shown} is no path and no URL")
    if text.startswith(("http://", "https://")):
        return as_address(text)
    is_file_url = text.startswith("file://")
    if "://" in text and not is_file_url:
        raise _location_error(
            f"{quoted(mask_text(text))} is of a kind that cannot be read; use a path, http:// or"
            " https://"
        )
    try:
        return absolute_path(path_of_file_url(text) if is_file_url else text)
    except ValueError as exc:
        problem = f"{quoted(mask_text(text))}: {exc}; write an absolute path"
        raise _location_error(problem) from None


def _location_error(problem: str) -> DeploymentValidationError:
    return field_error("flow_location", problem)


def find_flow(
    label: str, flow: Optional[Any], location: Optional[URL], flow_name: Optional[str]
) -> FlowInfo:
    """Return the flow that a spec means, with the bytes of its script; no user code is run.

    Args:
        label: What messages call the spec.
        flow: A flow object, or None.
        location: Absolute path or URL of the script; None for the file of *flow*.
        flow_name: Which flow of the script, or None.

    Raises:
        DeploymentValidationError: Flow and location are missing or do not fit each other.
        DiscoveryError: It is not known what the script defines.
    """
    if flow is None and location is None:
        raise DeploymentValidationError(label, ["either flow or flow_location must be given"])
    if flow is None:
        return select_flow(read_script(location or ""), flow_name)
    defined = _find_file(flow)
    problem = _find_misfit(flow, defined, location, flow_name)
    if problem:
        raise DeploymentValidationError(label, [problem])
    script = read_script(location or defined or "")
    try:
        found = _find_in_script(flow, script)
    except MissingFlowError as exc:
        problem = f"the flow is not found in its script: {exc}"
        raise DeploymentValidationError(label, [problem]) from exc
    version = getattr(flow, "version", None)
    return attrs.evolve(
        found,
        name=flow.name,
        version=str(version) if version else script.md5,
        renamed=found.renamed or found.name != flow.name,
    )


def read_script(location: URL) -> Script:
    """Return the script at *location*, a path or an ``http(s)://`` URL.

    Raises:
        DiscoveryError: It cannot be read.
    """
    if isinstance(location, str) and not is_web(location):
        return Script.read(location)
    shown = mask_url(location)
    client = object_client(shown)
    try:
        answer = client.get(location, limit=SCRIPT_LIMIT)
    except APIConnectionError as exc:
        raise DiscoveryError(shown, f"the script cannot be fetched: {exc}") from exc
    finally:
        client.close()
    if answer.status != 200:
        reason = f"the script cannot be fetched: the server answered {answer.status}"
        raise DiscoveryError(shown, reason)
    return Script(content=answer.body, name=shown)


def _find_misfit(
    flow: Any, defined: Optional[str], location: Optional[URL], flow_name: Optional[str]
) -> Optional[str]:
    """Return why what a spec says does not go together with its flow object, if so."""
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
    if path is None or defined is None or "://" in path:
        return None
    if os.path.realpath(defined) != os.path.realpath(path):
        return f"flow_location is {quoted(path)}, but the flow was defined in {quoted(defined)}"
    return None


def _find_file(flow: Any) -> Optional[str]:
    """Return the file that the flow object was defined in."""
    filename = getattr(_find_code(flow), "co_filename", None)
    if not isinstance(filename, str) or not os.path.isfile(filename):
        return None
    return os.path.abspath(filename)


def _find_code(flow: Any) -> Any:
    """Return the code of the flow's function, under what wraps it."""
    return getattr(inspect.unwrap(flow.fn), "__code__", None)


def _find_in_script(flow: Any, script: Script) -> FlowInfo:
    """Return what the source says of *flow*, or else what the object does."""
    function = getattr(flow.fn, "__name__", "")
    discovery = find_flows(script)
    for found in (*discovery.flows, *discovery.methods):
        if (found.name, found.function) == (flow.name, function):
            return found
    try:
        return discovery.select(function)
    except MissingFlowError:
        raise
    except DiscoveryError as exc:
        return _describe_object(flow, function, discovery, exc)


def _describe_object(
    flow: Any, function: str, discovery: Discovery, unknown: DiscoveryError
) -> FlowInfo:
    """Return what the object *flow* says, where the source leaves something *unknown*."""
    from flowpack.flows import library_of

    line = getattr(_find_code(flow), "co_firstlineno", 1)
    definition, variable = None, function
    for each in discovery.undetermined:
        if each.definition is not None and each.definition.first_line == line:
            definition, variable = each.definition, each.variables[0]
    # The names are known, for the script has run.
    names = getattr(inspect.unwrap(flow.fn), "__globals__", {"": flow})
    if library_of(names.get(variable, flow)) is None:
        raise unknown
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

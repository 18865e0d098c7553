"""Which script a spec means, and which flow in it."""

from __future__ import annotations

import os
from typing import Any, Optional

import attrs

from flowpack._files import absolute_path
from flowpack.analysis.discovery import Discovery, FoundFlow, find_flows, select_flow
from flowpack.analysis.script import Script
from flowpack.blocks.addresses import is_web
from flowpack.connect import object_client
from flowpack.exceptions import (
    APIConnectionError,
    DeploymentValidationError,
    DiscoveryError,
    MissingFlowError,
    quoted,
)
from flowpack.packaging.fields import kind_of, wrong
from flowpack.urls import URL, as_address, mask_text, mask_url, url_of

#: Longest script that is fetched from a URL, in bytes.
SCRIPT_LIMIT = 100 * 1024 * 1024


@attrs.frozen
class FlowSource:
    """What a spec says about its flow.

    Attributes:
        label: What messages call the spec.
        flow: A flow object, or None.
        location: Absolute path or URL of the script, or None.
        flow_name: Which flow of the script, or None.
    """

    label: str
    flow: Optional[Any]
    location: Optional[URL]
    flow_name: Optional[str]


def parse_location(value: object) -> Optional[URL]:
    """Return the absolute path or the URL that ``flow_location`` says; a converter.

    Raises:
        DeploymentValidationError: It is neither.
    """
    if value is None:
        return None
    value = url_of(value)
    if not isinstance(value, (str, os.PathLike)):
        raise wrong("flow_location", f"expected a path or a URL, not {kind_of(value)}")
    text = os.fspath(value)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        shown = quoted(mask_text(text) if isinstance(text, str) else text)
        raise wrong("flow_location", f"{shown} is no path and no URL")
    if text.startswith(("http://", "https://")):
        return as_address(text)
    if text.startswith("file://"):
        from urllib.request import url2pathname

        host, slash, path = text[len("file://") :].partition("/")
        if host not in ("", "localhost"):
            problem = "is on another machine; write file:///PATH"
            raise wrong("flow_location", f"{quoted(mask_text(text))} {problem}")
        text = url2pathname(slash + path)
    elif "://" in text:
        raise wrong(
            "flow_location",
            f"{quoted(mask_text(text))} is of a kind that cannot be read; use a path,"
            " http:// or https://",
        )
    try:
        return absolute_path(text)
    except ValueError as exc:
        problem = f"{quoted(text)}: {exc}; write an absolute path"
        raise wrong("flow_location", problem) from None


def find_flow(source: FlowSource) -> FoundFlow:
    """Return the flow, with the bytes of its script; no user code is run.

    Raises:
        DeploymentValidationError: Flow and location are missing or do not fit
            each other.
        DiscoveryError: What the script defines cannot be told.
    """
    location = source.location or _file_of(source)
    found = _find_in(read_script(location), source)
    if source.flow is None:
        return found
    if source.flow_name not in (None, source.flow.name):
        raise _refused(
            source,
            f"flow_name is {quoted(source.flow_name)}, but the flow's name is"
            f" {quoted(source.flow.name)}; they must match",
        )
    return found


def read_script(location: URL) -> Script:
    """Return the script at *location*, a path or an ``http(s)://`` URL.

    Raises:
        DiscoveryError: It cannot be read.
    """
    if isinstance(location, str) and not is_web(location):
        return Script.read(location)
    return _fetch(location)


def _fetch(url: URL) -> Script:
    shown = mask_url(url)
    client = object_client(shown)
    try:
        answer = client.get(url, limit=SCRIPT_LIMIT)
    except APIConnectionError as exc:
        raise DiscoveryError(shown, f"the script cannot be fetched: {exc}") from exc
    finally:
        client.close()
    if answer.status != 200:
        raise DiscoveryError(
            shown, f"the script cannot be fetched: the server answered {answer.status}"
        )
    return Script(content=answer.body, name=shown)


def _file_of(source: FlowSource) -> str:
    """Return the file that the flow object was defined in."""
    if source.flow is None:
        raise _refused(source, "either flow or flow_location must be given")
    location = _defined_in(source.flow)
    if location is None:
        raise _refused(
            source,
            f"the flow {quoted(source.flow.name)} was not defined in a file (but in a"
            " notebook, a REPL or by exec), so there is no script to package. Save it"
            " as a .py file and give that as flow_location",
        )
    return location


def _code(flow: Any) -> Any:
    """Return the code of the flow's function, under what wraps it."""
    from flowpack.flows import undecorated

    return getattr(undecorated(flow.fn), "__code__", None)


def _defined_in(flow: Any) -> Optional[str]:
    filename = getattr(_code(flow), "co_filename", None)
    if not isinstance(filename, str) or not os.path.isfile(filename):
        return None
    return os.path.abspath(filename)


def _find_in(script: Script, source: FlowSource) -> FoundFlow:
    if source.flow is None:
        return select_flow(script, source.flow_name)
    _check_same_file(source)
    flow = source.flow
    found = _describe(script, flow, source)
    version = getattr(flow, "version", None)
    return attrs.evolve(
        found,
        name=flow.name,
        version=str(version) if version else script.md5,
        renamed=found.renamed or found.name != flow.name,
    )


def _describe(script: Script, flow: Any, source: FlowSource) -> FoundFlow:
    """Return what the source tells of *flow*, or else what the object does."""
    function = getattr(flow.fn, "__name__", "")
    discovery = find_flows(script)
    for found in (*discovery.flows, *discovery.methods):
        if (found.name, found.function) == (flow.name, function):
            return found
    try:
        return discovery.select(function)
    except MissingFlowError as exc:
        raise _refused(source, f"the flow is not found in its script: {exc}") from exc
    except DiscoveryError as exc:
        return _describe_object(flow, function, discovery, exc)


def _describe_object(
    flow: Any, function: str, discovery: Discovery, unknown: DiscoveryError
) -> FoundFlow:
    """Return what the object *flow* says, where the source leaves something *unknown*."""
    from flowpack.flows import library_of, undecorated

    line = getattr(_code(flow), "co_firstlineno", 1)
    definition, variable = None, function
    for each in discovery.undetermined:
        if each.definition is not None and each.definition.first_line == line:
            definition, variable = each.definition, each.variables[0]
    # Running the script has told the names.
    names = getattr(undecorated(flow.fn), "__globals__", {"": flow})
    if library_of(names.get(variable, flow)) is None:
        raise unknown
    return FoundFlow(
        script=discovery.script,
        function=function,
        variable=variable,
        name=flow.name,
        version=discovery.script.md5,
        description=getattr(flow, "description", None),
        line=line,
        definition=definition,
        origin=frozenset(filter(None, [library_of(flow)])),
        is_async=False,
        renamed=all(library_of(v) is None or v.name != flow.name for v in names.values()),
    )


def _check_same_file(source: FlowSource) -> None:
    defined = _defined_in(source.flow)
    location = url_of(source.location)
    if defined is None or location is None or "://" in location:
        return
    if os.path.realpath(defined) != os.path.realpath(location):
        raise _refused(
            source,
            f"flow_location is {quoted(location)}, but the flow was defined in"
            f" {quoted(defined)}",
        )


def _refused(source: FlowSource, problem: str) -> DeploymentValidationError:
    return DeploymentValidationError(source.label, [problem])

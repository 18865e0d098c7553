"""TARGET: whether it is a script or a file of specs, and which flow it names."""

from __future__ import annotations

import os
from typing import Iterator, NamedTuple, Optional, Sequence, Tuple

from flowpack.cli.parser import UsageError
from flowpack.exceptions import quoted
from flowpack.urls import mask_text


class Target(NamedTuple):
    """Something to deploy.

    Attributes:
        location: Path or URL.
        flow_name: Which flow of a script; None for its only one.
        is_spec_file: Whether it holds deployment specs.
    """

    location: str
    flow_name: Optional[str]
    is_spec_file: bool


def find_targets(
    texts: Sequence[str], *, spec: bool = False, script: bool = False
) -> Tuple[Target, ...]:
    """Return what *texts* mean.

    Args:
        texts: ``SCRIPT[:FLOW]`` or ``SPECFILE`` each.
        spec: Whether Python files are spec files, whatever they look like.
        script: Whether they are scripts.

    Raises:
        UsageError: A text means nothing, or *spec* does not suit it.
    """
    return tuple(_target(text, spec, script) for text in texts)


def _target(text: str, spec: bool, script: bool) -> Target:
    location, flow_name = split_target(text)
    if not location.strip() or (flow_name is not None and not flow_name.strip()):
        shown = quoted(mask_text(text))
        raise UsageError(f"{shown} is no SCRIPT[:FLOW] and no SPECFILE")
    only_script = flow_name is not None or _is_url(location)
    if spec and only_script:
        shown = quoted(mask_text(text))
        raise UsageError(f"{shown} means a script and cannot be a --spec file")
    has_specs = not only_script and _has_specs(location, spec, script)
    return Target(location, flow_name, has_specs)


def _has_specs(path: str, spec: bool, script: bool) -> bool:
    if spec:
        return True
    if script and path.lower().endswith(".py"):
        return False
    from flowpack.deployments.specfiles import is_spec_file

    return is_spec_file(path)


def split_target(text: str) -> Tuple[str, Optional[str]]:
    """Return location and flow name of ``SCRIPT[:FLOW]``.

    A colon may be part of a path or a URL: what exists as a file comes first.
    """
    if _is_url(text):
        return _split_url(text)
    if os.path.exists(text):
        return text, None
    splits = list(_splits(text))
    for location, flow_name in reversed(splits):
        if os.path.isfile(os.path.expanduser(location)):
            return location, flow_name
    return splits[0] if splits else (text, None)


def _splits(text: str) -> Iterator[Tuple[str, str]]:
    for index, character in enumerate(text):
        if character != ":":
            continue
        drive = index == 1 and text[0].isalpha() and text[2:3] in ("/", "\\")
        if not drive:
            yield text[:index], text[index + 1 :]


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _split_url(url: str) -> Tuple[str, Optional[str]]:
    """Take a flow name from the last part of the path, where there is no query."""
    host, slash, path = url.partition("://")[2].partition("/")
    last = path.rpartition("/")[2]
    _, colon, flow_name = last.partition(":")
    if not colon or "?" in url:
        return url, None
    return url[: -len(flow_name) - 1] if flow_name else url[:-1], flow_name

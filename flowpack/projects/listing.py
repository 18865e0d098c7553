"""Lists the files of a folder: in a git checkout those that git does not ignore, else all."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Callable, Dict, Iterator, List, Set, Tuple

from flowpack.exceptions import ProjectError, printable, quoted

#: What is never taken: history, virtual environments and caches.
_NEVER = re.compile(
    r"(\.git|\.hg|\.svn|\.?venv|virtualenv|site-packages|__pycache__|.*\.py[co]|node_modules"
    r"|\.tox|\.nox|\.eggs|.*\.egg-info|\.(mypy|pytest|ruff)_cache|\.ipynb_checkpoints|\.DS_Store)",
    re.IGNORECASE,
)
#: Folders that hold one of these are virtual environments.
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
#: So many files and folders are listed; links may make endlessly many of few.
_MOST = 500_000

#: A repository's own configuration names programs that git runs, and servers that it asks.
_GIT = ("git", "-c", "core.fsmonitor=", "-c", "core.quotepath=off", "-C")
_LIST = ("ls-files", "-zco", "--exclude-per-directory=.gitignore")
_GIT_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
#: Leaves out the configuration of the user and the system.
_GIT_ALONE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
_OTHER_OWNER = re.compile(b"dubious ownership|unsafe repository")


def list_files(root: str, descends: Callable[[str], bool]) -> List[str]:
    """Return the paths of files under *root*, relative to it and sorted.

    In a git checkout the .gitignore files decide, and nothing else, so that every user of the
    checkout gets the same. Elsewhere only folders are read for which *descends* returns True.
    A link that leads to a folder outside of *root* is listed with ``/`` at its end.

    Raises:
        ProjectError: git cannot be asked, or a folder cannot be read.
    """
    top = checkout(root)
    return sorted(_git_files(root, top) if top else set(walk(root, "", descends)))


def checkout(root: str) -> str:
    """Return the folder of the git checkout that *root* is in; empty if it is in none."""
    folder = root
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return ""
    return folder


def left_out(root: str, path: str, known: Dict[str, str]) -> str:
    """Return the part of *path* that is never taken, if one is; *known* keeps what is found."""
    if path not in known:
        above, _, name = path.rpartition("/")
        problem = left_out(root, above, known) if above else ""
        place = os.path.join(root, path)
        if not problem and (
            _NEVER.fullmatch(name)
            or any(os.path.lexists(os.path.join(place, each)) for each in _ENVIRONMENT)
        ):
            problem = path
        known[path] = problem
    return known[path]


def walk(
    root: str, under: str = "", descends: Callable[[str], bool] = lambda folder: True
) -> Iterator[str]:
    """Yield the paths of the files in the folder *under*, relative to *root*; links are followed.

    Raises:
        ProjectError: A folder cannot be read, or there are too many.
    """
    real_root = os.path.realpath(root)
    known: Dict[str, str] = {}
    waiting: List[Tuple[str, Tuple[str, ...]]] = [(under.rstrip("/"), ())]
    for count in range(_MOST):
        if not waiting:
            return
        path, above = waiting.pop()
        place = os.path.join(root, path)
        if path and left_out(root, path, known):
            continue
        if os.path.isfile(place):
            yield path
        elif os.path.isdir(place) and (not path or descends(path)):
            real = os.path.realpath(place)
            if not is_below(real, real_root):
                yield f"{path}/"
            elif real not in above:  # Else it is a link to a folder that it is in.
                inner = f"{path}/" if path else ""
                waiting += [(inner + name, (*above, real)) for name in _names(place, path)]
    raise ProjectError(
        f"there are more than {_MOST} files and folders in {printable(place)}: include what"
        " the flow needs, as folder/*.csv, and exclude what leads to the rest"
    )


def is_below(real: str, real_root: str) -> bool:
    """Return True if *real* is *real_root* or in it; both are without links."""
    return real == real_root or real.startswith(os.path.join(real_root, ""))


def _names(place: str, path: str) -> List[str]:
    try:
        return os.listdir(place)
    except FileNotFoundError:
        return []  # It was removed meanwhile.
    except OSError as exc:
        raise ProjectError(
            f"the folder {quoted(path or place)} cannot be read: {exc.strerror}; exclude it or"
            " make it readable"
        ) from exc


def _git_files(root: str, top: str) -> Set[str]:
    found: Set[str] = set()
    known: Dict[str, str] = {}
    for path in _ask_git(root, top):
        place = os.path.join(root, path)
        if left_out(root, path, known):
            continue
        if not os.path.isdir(place):
            found.update([path] if os.path.isfile(place) else ())  # Else it is deleted.
        elif os.path.islink(place):
            found.update(walk(root, path))
        elif os.path.lexists(os.path.join(place, ".git")):
            # A submodule, or a checkout in the checkout; both have rules of their own.
            inner = path.rstrip("/")
            found.update(f"{inner}/{each}" for each in _git_files(place, place))
    return found


def _ask_git(root: str, top: str) -> List[str]:
    """Return what git lists: files, links, and folders that are checkouts."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    own.update(_GIT_ENVIRONMENT)
    try:
        for env in ({**own, **_GIT_ALONE}, own):
            done = subprocess.run(
                [*_GIT, root, *_LIST], env=env, stdin=subprocess.DEVNULL, capture_output=True
            )
            # Whom the user trusts stands in the user's own configuration.
            if not (done.returncode and _OTHER_OWNER.search(done.stderr)):
                break
    except OSError as exc:
        raise _git_error(root, top, f"it cannot be run: {exc.strerror}") from exc
    if done.returncode:
        reason = printable(done.stderr.decode("utf-8", "replace").strip(), 300)
        if _OTHER_OWNER.search(done.stderr):
            reason = (
                "the checkout belongs to another user; if you trust it, run"
                f" 'git config --global --add safe.directory {printable(top)}'"
            )
        raise _git_error(root, top, reason)
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def _git_error(root: str, top: str, reason: str) -> ProjectError:
    return ProjectError(
        f"{printable(root)} is in the git checkout {printable(top)}, and git must list which of"
        f" its files are not ignored: {reason}. Or name the files one by one, without wildcards,"
        " which needs no git"
    )

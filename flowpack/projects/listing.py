"""Lists the files of a folder: in a git checkout those that git does not ignore, else all."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from itertools import accumulate
from typing import Callable, Iterator, List, Optional, Set, Tuple

from flowpack.exceptions import ProjectError, printable, quoted

#: What is never taken: history, virtual environments and caches.
_NEVER = re.compile(
    r"(?i:\.git|\.hg|\.svn|\.?venv|site-packages|__pycache__|.*\.py[co]|node_modules|\.[tn]ox"
    r"|\.eggs|.*\.egg-info|\.(mypy|pytest|ruff)_cache|\.ipynb_checkpoints|\.DS_Store)"
)
_ENVIRONMENT = {"pyvenv.cfg", "conda-meta"}  # What virtual environments of any name hold.
#: So many files and folders, and in each other, are listed; links can make endlessly many of few.
_MOST, _DEEPEST = 500_000, 100
#: A repository's own configuration may name programs for git to run, and servers to ask.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotepath=off", "-C")
_LIST = ("ls-files", "-zco", "--exclude-per-directory=.gitignore")
_SAFELY = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}


def never_taken(root: str, path: str) -> bool:
    """Return True if *path*, or a folder that it is in, is never taken."""
    parts = path.split("/")
    folders = [os.path.join(root, each) for each in accumulate(parts, posixpath.join)]
    marks = (os.path.join(folder, mark) for folder in folders for mark in _ENVIRONMENT)
    return any(map(_NEVER.fullmatch, parts)) or any(map(os.path.lexists, marks))


def walk(
    root: str, under: str = "", descends: Callable[[str], bool] = lambda folder: True
) -> Iterator[str]:
    """Yield the paths, relative to *root*, of the files under it in the folder *under*.

    Read are folders for whose path, with a ``/`` at its end, *descends* returns True. Links are
    followed; one that leads out of *root* is yielded as ``x/``.

    Raises:
        ProjectError: A folder cannot be read, or there are too many.
    """
    real_root, parts = os.path.join(os.path.realpath(root), ""), under.split("/")
    places = [os.path.join(root, *parts[:count]) for count in range(len(parts) if under else 0)]
    waiting: List[Tuple[str, Tuple[str, ...]]] = [(under, tuple(map(os.path.realpath, places)))]
    for _ in range(_MOST):
        if not waiting:
            return
        path, above = waiting.pop()
        place = os.path.join(root, path)
        if len(above) > _DEEPEST:
            break
        if _NEVER.fullmatch(path.rpartition("/")[2]):
            continue
        if os.path.isfile(place):
            yield path
        elif os.path.isdir(place) and (not path or descends(f"{path}/")):
            real = os.path.realpath(place)
            if not f"{real}/".startswith(real_root):
                yield f"{path}/"
            elif real not in above:  # A link to a folder that it is in would never end.
                names = _list_folder(place)
                if not path or _ENVIRONMENT.isdisjoint(names):
                    waiting += [(posixpath.join(path, each), (*above, real)) for each in names]
    raise ProjectError(
        f"more than {_MOST} files and folders, or {_DEEPEST} in each other, are under"
        f" {printable(root)}; include folders by name, and remove links that lead in circles"
    )


def _list_folder(place: str) -> List[str]:
    try:
        return os.listdir(place)
    except OSError as exc:
        problem = f"the folder {quoted(place)} cannot be read: {exc.strerror}"
        raise ProjectError(f"{problem}; make it readable, or include less") from exc


def git_files(root: str) -> Optional[Set[str]]:
    """Return the paths of the files under *root* that git does not ignore; None without git.

    The .gitignore files of the checkout decide, and nothing of the user's, so that all who have
    it get the same. A link that leads out of *root* is ``x/``.

    Raises:
        ProjectError: git cannot list them.
    """
    top = os.path.abspath(root)
    while not os.path.lexists(os.path.join(top, ".git")):
        top, below = os.path.dirname(top), top
        if top == below:
            return None
    files: Set[str] = set()
    links: List[str] = []
    for path in _ask_git(root, top):
        place = os.path.join(root, path)
        if os.path.isfile(place):  # Else it is deleted, or a folder: a link or a checkout.
            files.add(path)
        elif os.path.islink(place):
            links.append(path)
        elif os.path.lexists(os.path.join(place, ".git")) and not never_taken(root, path):
            # A submodule, or a checkout in the checkout, which has rules of its own.
            files.update(posixpath.join(path, each) for each in git_files(place) or ())
    for path in (each for link in links for each in walk(root, link)):
        real = os.path.realpath(os.path.join(root, path))
        if path.endswith("/") or os.path.relpath(real, os.path.realpath(root)) in files:
            files.add(path)
    return files


def _ask_git(root: str, top: str) -> List[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env.update(_SAFELY, GIT_DISCOVERY_ACROSS_FILESYSTEM="1", LC_ALL="C")
    command = [*_GIT, root, *_LIST]
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode == 0:
            return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]
        problem = " ".join(done.stderr.decode("utf-8", "replace").split())
    except OSError as exc:
        problem = f"it cannot be run: {exc.strerror}"
    raise ProjectError(
        f"git must list which files of the checkout {printable(top)} it does not ignore, and"
        f" failed: {printable(problem, 500)}. Or name each file in include without wildcards,"
        " which needs no git"
    )

"""Imports that a script alone cannot meet: a check at each deploy, so it loads next to nothing.

Beside that it holds what the project never provides: the standard library, what is installed.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from typing import Dict, Optional, Sequence

from flowpack.analysis.imports import Import
from flowpack.analysis.script import Script

#: Modules of the standard library of each Python from 3.9 to 3.13. A list, for what a project
#: is packed as must not depend on the Python that packs it; ``sys.stdlib_module_names`` does.
STANDARD = frozenset("""
    __future__ abc antigravity argparse array ast asyncio atexit base64 bdb binascii bisect
    builtins bz2 cProfile calendar cmath cmd code codecs codeop collections colorsys compileall
    concurrent configparser contextlib contextvars copy copyreg csv ctypes curses dataclasses
    datetime dbm decimal difflib dis doctest email encodings ensurepip enum errno faulthandler
    fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass
    gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib importlib inspect
    io ipaddress itertools json keyword linecache locale logging lzma mailbox marshal math
    mimetypes mmap modulefinder msvcrt multiprocessing netrc nt ntpath nturl2path numbers opcode
    operator optparse os pathlib pdb pickle pickletools pkgutil platform plistlib poplib posix
    posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri
    random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve
    shlex shutil signal site smtplib socket socketserver sqlite3 sre_compile sre_constants
    sre_parse ssl stat statistics string stringprep struct subprocess symtable sys sysconfig syslog
    tabnanny tarfile tempfile termios textwrap this threading time timeit tkinter token tokenize
    trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uuid
    venv warnings wave weakref webbrowser winreg winsound wsgiref xml xmlrpc zipapp zipfile
    zipimport zlib zoneinfo
    """.split())
#: Names that no module of a project may take: whatever runs with it needs the real ones.
RESERVED = STANDARD | {"flowpack", "prefect"}


def is_standard(name: str) -> bool:
    """Return True if *name* is a top-level module of Python's standard library."""
    return name in getattr(sys, "stdlib_module_names", STANDARD)  # Since Python 3.10.


def installed(name: str, root: Optional[str] = None) -> Optional[ModuleSpec]:
    """Return where the top-level module *name* is installed here, or standard; None if nowhere.

    What is before the standard library in ``sys.path`` (the working folder, ``PYTHONPATH``) is
    not installed; an editable install is, unless it is one of the project at *root*.
    """
    if name in sys.builtin_module_names:  # Finders of Python 3.9 and 3.10 have none at a place.
        return ModuleSpec(name, None)
    standard = os.path.dirname(os.__file__)
    places = sys.path[sys.path.index(standard) :] if standard in sys.path else sys.path
    top = os.path.join(os.path.realpath(root), "") if root else "\0"
    for finder in sys.meta_path:
        spec = finder.find_spec(name, places) if hasattr(finder, "find_spec") else None
        if spec is not None:
            files = [spec.origin] if spec.has_location else spec.submodule_search_locations or []
            own = [each for each in files if os.path.realpath(each or "").startswith(top)]
            if not own or len(own) < len(files):
                return spec
    return None


def missing_modules(script: Script, imports: Sequence[Import]) -> Dict[Import, str]:
    """Return which *imports* of *script* only files of its project can meet, and these files.

    What looks like the root may be that of a part: they may be above it, too. Left out are relative
    ones, and those that runs can do without.
    """
    found = [each for each in imports if not each.level]
    needed = [each for each in found if each.fallback or not each.optional]
    tops = {each.module.partition(".")[0] for each in needed} - RESERVED
    unmet = {top for top in tops if installed(top) is None}
    if not unmet or script.path is None:
        return {}
    # Imported here because most scripts do not need them.
    from flowpack.projects.modules import Tree, find_chain
    from flowpack.projects.search_path import ModuleSearch, find_root, guess_root, relative

    mine = [each for each in needed if each.module.partition(".")[0] in unmet]
    tree = Tree(guess_root(script.path, mine))
    own = relative(tree.root, os.path.dirname(script.path)) or ""
    search = ModuleSearch(tree, tree.package_base(own), own)
    above = Tree(find_root(tree.root))
    missing: Dict[Import, str] = {}
    for each in mine:
        chain = search.find(each.module, each.names)
        chain = chain or find_chain(above, ["", "src"], each.module, each.names)
        paths = [(part.name, part.path) for part in chain if part.path]
        below = [path for name, path in paths if name.startswith(f"{each.module}.")]
        if paths:
            missing[each] = ", ".join(below or [paths[-1][1]])
    return missing

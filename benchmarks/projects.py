"""Projects: loading a packed one beside its plain code, and packing large ones."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.objects import MIB
from benchmarks.places import ROOT, call
from benchmarks.timing import Figure, Side, at_most, extra, paired
from flowpack.projects.bundle import Bundle, pack

_FILES = {
    "etl/__init__.py": "",
    "etl/flows.py": "from . import clean, load\nfrom .read import read\n\n\n"
    "def main():\n    return load.load(clean.clean(read()))\n",
    **{
        f"etl/{name}.py": f'"""Does one thing."""\n\n\ndef {name}(*rows):\n    return rows\n' * 20
        for name in ("clean", "load", "read")
    },
}

#: Plans a deployment, which packs the project; prints the seconds and the peak of memory.
_PLAN = """
import json, resource, sys, time
from flowpack import Client, DeploymentSpec, LocalStorageBlock, ProjectPackager, plan
from flowpack.embedded import EmbeddedTransport

script, folder, *include = sys.argv[1:]
packager = ProjectPackager(LocalStorageBlock(folder), include=include, size_limit=1 << 28)
with Client(transport=EmbeddedTransport(folder + "/flowpack.db")) as client:
    started = time.perf_counter()
    plan(DeploymentSpec(name="large", flow_location=script, packager=packager), client)
    seconds = time.perf_counter() - started
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def figures(parent: Path, rounds: int) -> list[Figure]:
    """Measure a small package that is loaded, and large ones that are packed."""
    folder = parent / "projects"
    folder.mkdir()
    return [
        _load(folder, rounds),
        *_pack_modules(folder, rounds),
        *_pack_data(folder, rounds),
    ]


def _load(folder: Path, rounds: int) -> Figure:
    files = {path: text.encode() for path, text in _FILES.items()}
    _write(folder / "plain", files)
    packed = folder / "packed.py"
    packed.write_bytes(pack(Bundle(files, "etl.flows", "etl/flows.py", "main", ("",))))
    (folder / "tmp").mkdir()
    environ = {"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp")}

    def start(code: str) -> Side:
        return Side(lambda: call(sys.executable, "-c", code, folder=folder, environ=environ))

    run = "import runpy; runpy.run_path({!r})['main']()"
    plain = "import runpy, sys; sys.path.insert(0, 'plain'); from etl.flows import main; main()"
    pairs = paired(start(run.format("packed.py")), start(plain), rounds=rounds, repeats=5)
    what = f"loading a packed project of {len(files)} files"
    return extra(what, "the same code as it is", pairs, at_most(100))


def _pack_modules(folder: Path, rounds: int) -> list[Figure]:
    root = folder / "modules"
    names = [f"m{number:04}" for number in range(2000)]
    text = "\n".join(f"def f{number}(x):\n    return x + {number}" for number in range(50))
    files = {f"lib/{name}.py": f'"""{name}"""\n{text}\n'.encode() for name in names}
    files["lib/__init__.py"] = b""
    imports = "".join(f"from lib import {name}\n" for name in names)
    _write(root, {**files, "flows.py": _script(imports), "setup.py": b""})
    return _plan(f"packing {len(files) + 1:,} modules", root, rounds)


def _pack_data(folder: Path, rounds: int) -> list[Figure]:
    root = folder / "data"
    data = random.Random(1).randbytes(10 * MIB)
    _write(root, {"data.bin": data, "flows.py": _script(""), "setup.py": b""})
    return _plan("packing 10 MiB of data", root, rounds, "data.bin")


def _script(imports: str) -> bytes:
    return f"from flowpack import flow\n{imports}@flow\ndef main(): pass\n".encode()


def _write(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def _plan(what: str, root: Path, rounds: int, *include: str) -> list[Figure]:
    (root / "store").mkdir()
    words = (str(root / "flows.py"), str(root / "store"), *include)
    command = [sys.executable, "-W", "ignore", "-c", _PLAN, *words]
    results = []
    for _ in range(max(3, rounds // 3)):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
        results.append(json.loads(done.stdout))
    unit = 1 if sys.platform == "darwin" else 1024
    seconds = [taken for taken, _ in results]
    memory = [peak * unit / MIB for _, peak in results]
    return [
        Figure(
            what=what,
            against="no other side",
            unit="s",
            goal=at_most(5),
            values=seconds,
            ours=statistics.median(seconds),
        ),
        Figure(
            what=f"{what}: peak memory of the process",
            against="no other side",
            unit="MiB",
            goal=at_most(200),
            values=memory,
        ),
    ]

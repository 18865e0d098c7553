"""Imports point down: from higher layers to lower ones, and never in a circle."""

from __future__ import annotations

import functools

import pytest

from tests.source import PACKAGE, STANDARD_LIBRARY, Import, imports, modules

#: The parts of the package, lowest layer first. A part imports itself and what is
#: below it, not its neighbours. Change this knowingly: it is the architecture.
LAYERS = (
    {"_lazy", "_logs", "_tracebacks", "exceptions"},
    {"_callers", "_files", "_interpreter", "_type_hints"},
    {"jsonvalues", "transport", "urls"},
    {"_validators"},
    {"parameters", "schedule_texts"},
    {"schedules"},
    {"models"},
    {"_http", "analysis", "arguments", "flow_runners", "settings", "wire"},
    {"client", "embedded", "flows"},
    {"loading"},
    {"connect"},
    {"blocks"},
    {"projects"},
    {"packaging", "steps"},
    {"deployments"},
    {"cli"},
    {"__main__"},
)
LEVELS = {part: level for level, parts in enumerate(LAYERS) for part in parts}

#: What the outside world may be reached through: library to the modules that may
#: import it. An entry without modules is for nobody.
GATES = {
    "aiohttp": (),
    "asyncio": (),
    "azure": ("flowpack.blocks.buckets",),
    "boto3": ("flowpack.blocks.buckets",),
    "botocore": ("flowpack.blocks.buckets",),
    "cattrs": ("flowpack.wire",),
    "cattr": (),
    "google": ("flowpack.blocks.buckets",),
    "httpx": (),
    "pickle": (),
    "pydantic": (),
    # The client and what makes one name the type of the session that they are given.
    "requests": ("flowpack._http", "flowpack.client", "flowpack.connect"),
    "shtab": ("flowpack.cli.completion",),
    "sqlite3": ("flowpack.embedded.session", "flowpack.embedded.store"),
    "urllib3": ("flowpack._http",),
}

#: Parts that must stay small: what of flowpack they may import beside themselves.
NARROW = {
    "embedded": {"_files", "_logs", "exceptions", "models", "transport", "wire"},
    "exceptions": set(),
    "transport": {"exceptions"},
}

#: Modules that hand on a name of a higher layer, where the reference has it.
HANDED_ON = {("flowpack.client", "flowpack.connect")}

MODULES = modules()


def part_of(module: str) -> str:
    """Return the part that *module* belongs to; the root's is its own name."""
    return module.split(".")[1] if "." in module else module


def target(found: Import) -> str:
    """Return the module of the package that an import means."""
    below = f"{found.module}.{found.name}"
    return below if below in MODULES else found.module


@functools.lru_cache(maxsize=None)
def imports_of(module: str) -> tuple[Import, ...]:
    """Return all that *module* imports, wherever in it that is."""
    return tuple(imports(module, MODULES[module]))


def arrows(module: str) -> dict[str, int]:
    """Return the modules of the package that *module* imports, with their lines."""
    return {
        target(found): found.line
        for found in imports_of(module)
        if found.module.split(".")[0] == "flowpack"
        and target(found) != module
        and (module, target(found)) not in HANDED_ON
    }


def points_down(module: str, imported: str) -> bool:
    """Say whether *module* may import the module *imported*."""
    # The root names the homes of the public names, wherever they are; what may be
    # taken from it is a test of its own.
    if "flowpack" in (module, imported):
        return True
    own, other = part_of(module), part_of(imported)
    return own == other or LEVELS[other] < LEVELS[own]


def test_each_part_has_a_layer():
    """A new module says in the table above where it belongs."""
    assert {part_of(module) for module in MODULES} - {"flowpack"} == set(LEVELS)


def test_imports_point_down():
    """A module imports its own part and lower layers, cost and types included."""
    upward = [
        f"{module}, line {line}: {imported}"
        for module in MODULES
        for imported, line in arrows(module).items()
        if not points_down(module, imported)
    ]
    assert not upward


def test_root_gives_only_its_version():
    """Inside the package names come from the modules that define them."""
    taken = {
        f"{module}: {found.name or 'the package itself'}"
        for module in MODULES
        for found in imports_of(module)
        if target(found) == "flowpack" and found.name != "__version__"
    }
    assert not taken


def test_imports_are_absolute():
    """An import says in full what it means."""
    assert not [
        module
        for module, path in MODULES.items()
        if "\nfrom ." in path.read_text("utf-8")
    ]


def test_no_cycles():
    """No module needs, through others, itself."""
    graph = {module: set(arrows(module)) for module in MODULES if module != "flowpack"}
    while graph:
        imported = set().union(*graph.values())
        outer = {
            module
            for module, needs in graph.items()
            if not needs & graph.keys() or module not in imported
        }
        assert outer, f"these import each other in circles: {graph}"
        graph = {
            module: needs - outer
            for module, needs in graph.items()
            if module not in outer
        }


def test_outside_world_has_gates():
    """Only the named modules import what reaches the outside world."""
    strays = []
    for module in MODULES:
        for found in imports_of(module):
            gates = GATES.get(found.module.split(".")[0], (module,))
            if not any(f"{module}.".startswith(f"{gate}.") for gate in gates):
                strays.append(f"{module}, line {found.line}: {found.module}")
    assert not strays


@pytest.mark.parametrize("part", sorted(NARROW))
def test_narrow_part(part):
    """The embedded API answers JSON and knows no models, and so on."""
    for module in MODULES:
        if part_of(module) == part:
            others = {part_of(imported) for imported in arrows(module)}
            assert others - {part} <= NARROW[part]


def test_steps_stay_clear_of_the_client():
    """What a worker runs loads neither the client nor any dialect."""
    reached = {"flowpack.steps"} & MODULES.keys()
    while True:
        # The root loads what it names when somebody asks for it.
        more = {each for module in reached - {"flowpack"} for each in arrows(module)}
        if more <= reached:
            break
        reached |= more
    assert not {part_of(module) for module in reached} & {"client", "wire"}


@pytest.mark.skipif(not STANDARD_LIBRARY, reason="Python 3.9 has no list of it")
def test_no_module_is_named_after_the_standard_library():
    """A file ``types.py`` or ``json.py`` would be mistaken for the real one."""
    stems = {path.stem for path in PACKAGE.rglob("*.py")} - {"__main__", "__init__"}
    assert not stems & STANDARD_LIBRARY

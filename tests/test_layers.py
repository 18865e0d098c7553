"""Imports point down: from higher layers to lower ones, and never in a circle."""

from __future__ import annotations

import pytest

from tests.source import PACKAGE, STANDARD_LIBRARY, Import, imports, modules

#: The parts of the package, lowest layer first. A part imports itself and what is
#: below it, not its neighbours. Change this knowingly: it is the architecture.
LAYERS = (
    {"exceptions"},
    {"_interpreter", "_times", "_timezones"},
    {"jsonvalues", "signatures", "transport", "urls"},
    {"_cron", "_rrule", "_runner_fields", "snapshot"},
    {"schedules"},
    {"models"},
    {"_http", "arguments", "discovery", "flow_runners", "settings", "wire"},
    {"client", "embedded", "flows"},
    {"loading"},
    {"connect"},
    {"blocks"},
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
    "azure": ("flowpack.blocks.cloud",),
    "boto3": ("flowpack.blocks.cloud", "flowpack.steps"),
    "botocore": ("flowpack.blocks.cloud",),
    "cattrs": ("flowpack.wire", "flowpack.deployments.files"),
    "cattr": (),
    "google": ("flowpack.blocks.cloud",),
    "httpx": (),
    "pickle": (),
    "pydantic": (),
    "requests": ("flowpack._http", "flowpack.steps"),
    "sqlite3": ("flowpack.embedded.store",),
    "urllib3": ("flowpack._http",),
}

#: Parts that must stay small: what of flowpack they may import beside themselves.
NARROW = {
    "embedded": {"exceptions", "transport"},
    "exceptions": set(),
    "transport": set(),
}

MODULES = modules()
EVERY_MODULE = pytest.mark.parametrize("module", sorted(MODULES))


def part_of(module: str) -> str:
    """Return the part that *module* belongs to; the root's is its own name."""
    return module.split(".")[1] if "." in module else module


def target(found: Import) -> str:
    """Return the module of the package that an import means."""
    below = f"{found.module}.{found.name}"
    return below if below in MODULES else found.module


def arrows(module: str) -> dict[str, int]:
    """Return the modules of the package that *module* imports, with their lines."""
    return {
        target(found): found.line
        for found in imports(module, MODULES[module])
        if found.module.split(".")[0] == "flowpack" and target(found) != module
    }


@EVERY_MODULE
def test_part_has_a_layer(module):
    """A new module says in the table above where it belongs."""
    assert module == "flowpack" or part_of(module) in LEVELS


@EVERY_MODULE
def test_imports_point_down(module):
    """A module imports its own part and lower layers, cost and types included."""
    if module == "flowpack":
        return  # It names the homes of the public names, wherever they are.
    own = part_of(module)
    for imported, line in arrows(module).items():
        other = part_of(imported)
        if imported == "flowpack":
            continue  # Its own test is below.
        allowed = other == own or LEVELS[other] < LEVELS[own]
        assert allowed, f"{module}, line {line}: {imported} is not below it"


@EVERY_MODULE
def test_root_gives_only_its_version(module):
    """Inside the package names come from the modules that define them."""
    taken = {
        found.name or "the package itself"
        for found in imports(module, MODULES[module])
        if target(found) == "flowpack"
    }
    assert taken <= {"__version__"}


@EVERY_MODULE
def test_imports_are_absolute(module):
    """An import says in full what it means."""
    assert "\nfrom ." not in MODULES[module].read_text("utf-8")


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


@EVERY_MODULE
def test_outside_world_has_gates(module):
    """Only the named modules import what reaches the outside world."""
    for found in imports(module, MODULES[module]):
        gates = GATES.get(found.module.split(".")[0])
        if gates is None:
            continue
        allowed = any(module == gate or module.startswith(f"{gate}.") for gate in gates)
        assert allowed, f"{module}, line {found.line} imports {found.module}"


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
        more = {imported for module in reached for imported in arrows(module)}
        if more <= reached:
            break
        reached |= more
    assert not {part_of(module) for module in reached} & {"client", "wire"}


@pytest.mark.skipif(not STANDARD_LIBRARY, reason="Python 3.9 has no list of it")
def test_no_module_is_named_after_the_standard_library():
    """A file ``types.py`` or ``json.py`` would be mistaken for the real one."""
    stems = {path.stem for path in PACKAGE.rglob("*.py")} - {"__main__", "__init__"}
    assert not stems & STANDARD_LIBRARY

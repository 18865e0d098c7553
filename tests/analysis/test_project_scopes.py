"""Names that a script of a project imports from other modules of it."""

from __future__ import annotations

import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional

import pytest

from flowpack.analysis.discovery import find_flows, select_flow
from flowpack.analysis.imports import exported_names, read_imports
from flowpack.analysis.parameters import ParameterSchema, parameter_schema
from flowpack.analysis.scopes import Modules
from flowpack.analysis.script import Script
from flowpack.analysis.values import Class, Scope
from flowpack.exceptions import DiscoveryError, MissingFlowError


class Project:
    """Modules by name; those that end with ``.__init__`` are packages."""

    def __init__(self, **sources: str) -> None:
        self.sources = {name.replace("__", "."): text for name, text in sources.items()}
        self.packages = {name[: -len(".init")] for name in self.sources if name.endswith(".init")}
        self.asked: List[str] = []
        self.resolve = Modules(self.find)
        self.scripts: Dict[str, Script] = {}

    def find(self, name: str) -> Optional[Script]:
        """Return the script of a module."""
        self.asked.append(name)
        if name not in self.scripts:
            text = self.sources.get(f"{name}.init" if name in self.packages else name)
            if text is None:
                return None
            file = name.replace(".", "/") + ("/__init__.py" if name in self.packages else ".py")
            content = textwrap.dedent(text).encode()
            self.scripts[name] = Script(
                content, file, f"/p/{file}", module=name, resolve=self.resolve
            )
        return self.scripts[name]

    def script(self, name: str = "flows") -> Script:
        """Return the script of a module that is there."""
        script = self.find(name)
        assert script is not None
        return script

    def scope(self, name: str = "flows") -> Scope:
        """Return the scope of a module."""
        return self.script(name).scope

    def schema(self, name: str = "flows") -> ParameterSchema:
        """Return the schema of the parameters of the only flow of a module."""
        flow = select_flow(self.script(name))
        assert flow.definition is not None
        return parameter_schema(flow.definition, self.scope(name))


MODELS = """
    from __future__ import annotations
    import dataclasses, enum
    from typing import List, Literal, Optional, TypedDict, NamedTuple, Annotated
    from pydantic import BaseModel, Field, conint

    class Color(enum.Enum):
        RED = "r"
        BLUE = "b"

    class Item(BaseModel):
        size: int = 3
        color: Color = Color.RED

    class Config(BaseModel):
        '''What to do.'''
        items: List[Item]
        later: Optional["Later"] = None

    class Later(BaseModel):
        when: int

    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 1

    class Options(TypedDict):
        deep: bool

    class Pair(NamedTuple):
        one: int
        two: str

    Mode = Literal["fast", "slow"]
    Small = conint(ge=1)
    Named = Annotated[str, Field(max_length=3)]
    LIMIT = 7
    ITEM = Item(size=4)
    POINT = Point(2)
    MODES = ["fast"]
    LATEST = None
"""
FLOW = """
    from prefect import flow
    {above}
    @flow
    def main({parameters}): ...
"""
PARAMETERS = {
    "model": "x: {0}Config",
    "optional model": "x: Optional[{0}Config] = None",
    "list of models": "x: List[{0}Item]",
    "enumeration": "x: {0}Color = {0}Color.BLUE",
    "dataclass": "x: {0}Point = {0}POINT",
    "typed dict": "x: {0}Options",
    "named tuple": "x: {0}Pair",
    "literal": "x: {0}Mode = 'slow'",
    "limited type": "x: {0}Small = 2",
    "annotated": "x: {0}Named = 'a'",
    "constant": "x: int = {0}LIMIT",
    "sum of constants": "x: int = {0}LIMIT + 1",
    "list": "x: list = {0}MODES",
    "none": "x: Optional[int] = {0}LATEST",
    "instance": "x: {0}Item = {0}ITEM",
    "made here": "x: {0}Item = {0}Item(size=9)",
    "union": "x: Union[{0}Config, {0}Mode, None] = None",
}
WAYS = {
    "from models import ...": ("from models import *", "", "models"),
    "from one module": ("from models import ALL", "", "models"),
    "as another name": ("import models as m", "m.", "models"),
    "by its full name": ("import pkg.models", "pkg.models.", "pkg.models"),
    "a module of a package": ("from pkg import models", "models.", "pkg.models"),
    "one that the package hands on": ("from pkg.public import ALL", "", "pkg.models"),
    "a package that hands on": ("from pkg import ALL", "", "pkg.models"),
    "a star through the package": ("from pkg.public import *", "", "pkg.models"),
}
NAMES = "Color, Config, Item, Point, Options, Pair, Mode, Small, Named, LIMIT, ITEM, POINT, MODES"
TYPING = "from typing import List, Literal, Optional, Union"
ALL = f"{NAMES}, LATEST"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", PARAMETERS)
def test_schemas_are_those_of_one_script(case: str, way: str) -> None:
    above, prefix, module = WAYS[way]
    parameters = PARAMETERS[case]
    project = Project(
        flows=FLOW.format(
            above=f"{TYPING}\n    {above.replace('ALL', ALL)}", parameters=parameters.format(prefix)
        ),
        pkg__init=f"from .models import {ALL}",
        pkg__public="from .models import *",
        **{module.replace(".", "__"): MODELS},
    )
    models = MODELS.replace("annotations\n", "annotations\n    from typing import Union\n")
    one = Project(flows=models + FLOW.format(above="", parameters=parameters.format("")))
    expected = one.schema()
    assert not expected.notes
    assert project.schema() == expected


def test_without_modules_of_the_project_all_is_as_before() -> None:
    text = FLOW.format(above="from models import Config, LIMIT", parameters="x: Config = LIMIT")
    script = Script(textwrap.dedent(text).encode(), "flows.py")
    flow = select_flow(script)
    assert flow.definition is not None
    schema = parameter_schema(flow.definition, script.scope)
    assert schema.notes == (
        "parameter 'x': any value is allowed, for its type 'models.Config' is defined elsewhere",
    ) or schema.schema["properties"]["x"] == {"title": "x", "position": 0, "default": None}


def value(project: Project, expression: str, module: str = "flows") -> object:
    """Return what an expression stands for at the end of a module."""
    from flowpack.analysis.evaluate import parse_and_evaluate

    return parse_and_evaluate(expression, project.scope(module))


VALUES: Dict[str, Dict[str, str]] = {
    "from": {"flows": "from a import X", "a": "X = 1"},
    "renamed": {"flows": "from a import Y as X", "a": "Y = 1"},
    "an attribute": {"flows": "import a\nX = a.X", "a": "X = 1"},
    "a submodule": {"flows": "import a.b\nX = a.b.X", "a__b": "X = 1"},
    "an alias": {"flows": "import a.b as c\nX = c.X", "a__b": "X = 1"},
    "from a package": {"flows": "from a import b\nX = b.X", "a__b": "X = 1", "a__init": ""},
    "an attribute first": {"flows": "from a import b", "a__init": "b = 1", "a__b": "",
                           "X": "b"},
    "a class attribute": {"flows": "from a import N\nX = N.x", "a": "class N:\n    x = 1"},
    "handed on": {"flows": "from a import X", "a": "from b import X", "b": "X = 1"},
    "a star": {"flows": "from a import *", "a": "X = 1"},
    "a star of stars": {"flows": "from a import *", "a": "from b import *", "b": "X = 1"},
    "a star with __all__": {"flows": "from a import *", "a": "__all__ = ['_X']\n_X = 1", "X": "_X"},
    "a star that joins __all__": {
        "flows": "from a import *",
        "a": "from b import *\nimport b\n__all__ = b.__all__ + []",
        "b": "__all__ = ['X']\nX = 1",
    },
    "a star leaves other names": {"flows": "X = 1\nfrom a import *", "a": "Y = 2"},
    "a star binds anew": {"flows": "X = 2\nfrom a import *", "a": "X = 1"},
    "a star without private names": {"flows": "_X = 1\nfrom a import *", "a": "_X = 2", "X": "_X"},
    "a star and a third party": {"flows": "from a import *", "a": "from numpy import *\nX = 1"},
    "in a branch": {"flows": "if True:\n    from a import X", "a": "X = 1"},
    "in try": {"flows": "try:\n    from a import X\nexcept ImportError:\n    raise", "a": "X = 1"},
    "a computed constant": {"flows": "from a import X", "a": "from b import Y\nX = Y - 1",
                            "b": "Y = 2"},
    "through a function": {"flows": "import a\nX = [a.X for _ in 'x'][0]", "a": "X = 1"},
    "a circle": {"flows": "from a import X", "a": "import flows\nfrom b import X",
                 "b": "import a\nX = 1"},
    "of a module in an attribute": {"flows": "import a\nX = a.c.X", "a": "import b as c",
                                    "b": "X = 1"},
}  # fmt: skip


@pytest.mark.parametrize("case", VALUES)
def test_values(case: str) -> None:
    sources = dict(VALUES[case])
    name = sources.pop("X", "X")
    assert value(Project(**sources), name) == 1


RELATIVE = {
    "from .c import X": "a.b.flows",
    "from . import c\nX = c.X": "a.b.flows",
    "from .. import d\nX = d.X": "a.b.flows",
    "from ..d import X": "a.b.flows",
    "from ..b.c import X": "a.b.flows",
    "from .b.c import X": "a",
    "from . import d\nX = d.X": "a",
    "from .c import *": "a.b.flows",
}


@pytest.mark.parametrize("text", RELATIVE)
def test_relative_imports(text: str) -> None:
    module = RELATIVE[text]
    name = "a__init" if module == "a" else module.replace(".", "__")
    project = Project(**{"a__init": "", "a__b__c": "X = 1", "a__d": "X = 1", name: text})
    assert value(project, "X", module) == 1


@pytest.mark.parametrize("text", ["from ...x import X", "from .... import X", "from .no import X"])
def test_relative_imports_that_lead_nowhere(text: str) -> None:
    project = Project(a__b=text, x="X = 1")
    assert value(project, "X", "a.b") != 1
    assert value(Project(flows="from .x import X", x="X = 1"), "X") != 1


UNKNOWN: Dict[str, Dict[str, str]] = {
    "not there": {"flows": "from a import X", "a": ""},
    "no module": {"flows": "from a import X"},
    "a circle": {"flows": "from a import X", "a": "from flows import X"},
    "a longer circle": {"flows": "from a import X", "a": "from b import X", "b": "from a import X"},
    "a circle when it is used": {"flows": "import a\nX = a.X + 1",
                                 "a": "import flows\nX = flows.X"},
    "two things": {"flows": "from a import X", "a": "import os\nX = 1 if os.environ else 2"},
    "bound in a function": {"flows": "from a import X",
                            "a": "X = 1\ndef f():\n    global X\n    X = 2"},
    "changed here": {"flows": "import a\na.X = 2\nX = a.X", "a": "X = 1"},
    "a class changed here": {"flows": "from a import N\nN.x = 2\nX = N.x",
                             "a": "class N:\n    x = 1"},
    "a star that may bind it": {"flows": "X = 1\nfrom a import *", "a": "from numpy import *"},
    "an unknown star": {"flows": "X = 1\nfrom numpy import *"},
    "an unknown __all__": {"flows": "X = 1\nfrom a import *", "a": "__all__ = f()"},
    "a star of no Python": {"flows": "X = y\nfrom a import *", "a": "X = 1\nthis is no Python"},
    "no Python": {"flows": "from a import X", "a": "X = 1\nthis is no Python"},
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_known_is_no_guess(case: str) -> None:
    found = value(Project(**UNKNOWN[case]), "X")
    assert not isinstance(found, int)


def test_modules_are_read_when_they_are_used() -> None:
    project = Project(flows="import a\nfrom b import X\nfrom c import *\ndef f():\n    return a.x",
                      a="", b="X = 1", c="")  # fmt: skip
    project.scope()
    assert set(project.asked) == {"flows", "c"}
    assert value(project, "X") == 1
    assert set(project.asked) == {"flows", "c", "b"}


def test_each_module_is_read_once() -> None:
    project = Project(flows="import a\nX = a.X + a.X + a.nope", a="from b import X", b="X = 1")
    project.scope()
    assert sorted(project.asked[1:]) == ["a", "b", "flows"]
    assert project.resolve("b") is project.resolve("b")


def test_a_module_may_be_found_later() -> None:
    project = Project(flows="from a import X")
    assert value(project, "X") != 1
    project.sources["a"] = "X = 1"
    assert value(project, "X") == 1


def test_imports_may_be_named_by_constants_of_other_modules() -> None:
    text = "import sys\nimport a\nsys.path.append(a.PATH)\nfrom a import *\n__import__(X)"
    read = read_imports(Project(flows=text, a="PATH = '/x'\nX = 'x'").script())
    assert (read.found[-1].module, read.search_paths, read.unknown) == ("x", ("/x",), ())


def test_circles_are_read_once() -> None:
    project = Project(flows="import a\nX = a.Y", a="import b\nY = b.Y", b="import a\nY = a.Y")
    project.scope()
    assert sorted(project.asked[1:]) == ["a", "b", "flows"]


def test_a_class_is_the_same_wherever_it_is_seen_from() -> None:
    flows = FLOW.format(above="import a\n    class C: pass", parameters="x: C")
    project = Project(flows=flows, a="import flows\ndef f():\n    return flows.C")
    cls = project.scope().names["C"]
    assert isinstance(cls, Class)
    assert value(project, "flows.C", "a") is cls


def test_exported_names_may_come_from_other_modules() -> None:
    above = "from . import b\n__all__ = b.__all__ + ['c']"
    project = Project(a__init=above, a__b="__all__ = ['x']")
    assert exported_names(project.script("a")) == ("x", "c")


def test_threads_see_the_same_scopes() -> None:
    sources = {f"m{n}": f"import m{n + 1}\nX = m{n + 1}.X" for n in range(20)}
    project = Project(flows="import m0\nX = m0.X", **sources, m20="X = 1")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: value(project, "m0.X"), range(40)))
    finally:
        sys.setswitchinterval(interval)
    assert found == [1] * 40


def test_long_chains_of_modules_end() -> None:
    count = 400
    sources = {f"m{n}": f"import m{n + 1}\nX = m{n + 1}.X" for n in range(count)}
    project = Project(flows="import m0\nX = m0.X", **sources, **{f"m{count}": "X = 1"})
    assert value(project, "X") == 1


def test_constants_name_flows() -> None:
    text = "from prefect import flow\nfrom a import NAMES\n@flow(name=NAMES.x)\ndef main(): ..."
    project = Project(flows=text, a="class NAMES:\n    x = 'a name'")
    assert select_flow(project.script()).name == "a name"


IMPORTED: Dict[str, str] = {
    "from": "from a import main",
    "renamed": "from a import main as other\nmain = other",
    "with options": "import a\nmain = a.main.with_options(name='x')",
    "made by a call": "from a import called as main",
    "a call, bound again": "import a\nmain = a.called",
    "in a list": "import a\nmain = a.FLOWS[0]",
    "in a dictionary": "import a\nmain = a.BY_NAME['x']",
    "in a class": "from a import Flows\nmain = Flows.inner",
    "a star": "from a import *",
}


@pytest.mark.parametrize("case", IMPORTED)
def test_imported_flows_are_no_flows_of_the_script(case: str) -> None:
    a = """
        from prefect import flow
        @flow
        def main(): ...
        called = flow(main.fn, name="y")
        FLOWS = [main]
        BY_NAME = {"x": main}
        class Flows:
            @flow
            def inner(): ...
    """
    project = Project(flows=IMPORTED[case], a=a)
    discovery = find_flows(project.script())
    assert (discovery.flows, discovery.methods, discovery.undetermined) == ((), (), ())
    with pytest.raises(MissingFlowError):
        discovery.select("main")


def test_methods_of_an_imported_class_are_no_flows_of_the_script() -> None:
    base = "class Base:\n    @flow\n    def run(): ...\n    made = flow(run, name='x')"
    a = f"from prefect import flow\n{base}"
    mine = "class Mine(Base):\n    @flow\n    def go(): ..."
    project = Project(flows=f"from prefect import flow\nfrom a import Base\n{mine}", a=a)
    assert [each.variable for each in find_flows(project.script()).methods] == ["Mine.go"]


def test_the_message_on_an_imported_flow_stays() -> None:
    messages = []
    for project in (Project(flows="from a import main", a="def main(): ..."), None):
        script = Script(b"from a import main", "s.py")
        with pytest.raises(MissingFlowError, match="it is imported, a.main, and only") as caught:
            select_flow(script if project is None else project.script(), "main")
        messages.append(caught.value.reason)
    assert messages[0] == messages[1]


@pytest.mark.parametrize("decorator", ["@mine", "@a.mine", "@a.partial", "@a.made"])
def test_imported_decorators_stay_unknown(decorator: str) -> None:
    above = "from prefect import flow\nimport a\nfrom a import mine"
    text = f"{above}\n{decorator}\n@flow\ndef f(): ..."
    a = """
        import functools
        from prefect import flow
        def mine(fn): return fn
        partial = functools.partial(flow, name="x")
        made = flow(name="y")
    """
    (undetermined,) = find_flows(Project(flows=text, a=a).script()).undetermined
    assert f"what {decorator} makes of the flow is not known" in undetermined.reason


def test_prefect_s_own_flow_may_be_handed_on() -> None:
    project = Project(flows="from a import flow\n@flow\ndef f(): ...", a="from prefect import flow")
    (flow,) = find_flows(project.script()).flows
    assert flow.origin == {"prefect"}


def test_errors_of_the_script_itself_are_raised() -> None:
    with pytest.raises(DiscoveryError, match="^flows.py:1"):
        find_flows(Project(flows="this is no Python").script())


def test_bases_and_annotations_are_looked_up_where_the_class_is() -> None:
    sources: Dict[str, Any] = {
        "flows": FLOW.format(above="from a import C\n    Size = str", parameters="x: C"),
        "a": "from b import Base\nSize = int\nclass C(Base):\n    two: 'Size'",
        "b": "from __future__ import annotations\nfrom pydantic import BaseModel\nSize = float\n"
             "class Base(BaseModel):\n    one: Size",
    }  # fmt: skip
    schema = Project(**sources).schema()
    properties = schema.schema["definitions"]["C"]["properties"]
    assert {name: each["type"] for name, each in properties.items()} == {
        "one": "number", "two": "integer",
    }  # fmt: skip
    assert not schema.notes


def test_links_are_not_followed_for_schemas() -> None:
    parameters = "x: Path = Path('/usr').resolve(), y: Path = Path.cwd()"
    schema = Project(flows=FLOW.format(above="from pathlib import Path", parameters=parameters))
    properties = schema.schema().schema["properties"]
    assert [each["default"] for each in properties.values()] == [None] * 2


def test_file_stays_unknown_in_schemas() -> None:
    above = "from pathlib import Path\n    from a import HERE"
    parameters = "x: Path = Path(__file__).parent, y: str = __file__, z: Path = HERE"
    project = Project(flows=FLOW.format(above=above, parameters=parameters),
                      a="from pathlib import Path\nHERE = Path(__file__).parent")  # fmt: skip
    schema = project.schema()
    assert [each["default"] for each in schema.schema["properties"].values()] == [None] * 3
    assert "/p" not in str(schema)

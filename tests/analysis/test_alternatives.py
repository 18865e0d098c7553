"""What a name stands for is followed statement by statement, and open where it depends."""

from __future__ import annotations

import sys
import time
from typing import Any, Dict

import pytest

from flowpack.analysis.discovery import FlowInfo, select_flow
from flowpack.analysis.parameters import ParameterSchema, parameter_schema
from flowpack.exceptions import DiscoveryError
from tests.analysis.scripts import found, script

PRELUDE = "import os, sys\nfrom prefect import flow\n"


def schema(flow: FlowInfo) -> ParameterSchema:
    """Return the schema of the parameters of *flow*."""
    assert flow.definition is not None
    return parameter_schema(flow.definition, flow.script.scope)


def fragments(flow: FlowInfo) -> Dict[str, Dict[str, Any]]:
    """Return the schemas of the parameters, without what all have."""
    return {
        name: {key: value for key, value in each.items() if key not in ("title", "position")}
        for name, each in schema(flow).schema["properties"].items()
    }


def test_two_functions_of_one_name():
    """Each flow has its own function, though the second took the name."""
    flows = found(
        PRELUDE + "@flow\ndef run(a: int): 1\nfirst = run\n@flow(name='2')\ndef run(b: str): 2\n"
    ).flows
    assert {flow.variable: fragments(flow) for flow in flows} == {
        "first": {"a": {"type": "integer"}},
        "run": {"b": {"type": "string"}},
    }
    assert [list(flow.parameters) for flow in flows] == [["a"], ["b"]]


MADE = {
    "reassigned": ("def f(a): 1\ng = f\ndef f(b): 2\nx = flow(g, name='x')", ["a"]),
    "defined again": ("def f(a): 1\nx = flow(f)\ndef f(b): 2", ["a"]),
    "lambda": ("x = flow(lambda a, b=1: a, name='x')", ["a", "b"]),
    "given back": ("def tag(fn): return fn\n@flow\n@tag\ndef x(a): 1", ["a"]),
    "given back by a call": (
        "def tag(fn): return fn\n@flow\ndef y(a): 1\nx = tag(y)\ndel y",
        ["a"],
    ),
}


@pytest.mark.parametrize("lines, parameters", MADE.values(), ids=MADE)
def test_function_is_traced(lines, parameters):
    """The schema is that of the very function that the flow is made of."""
    (flow,) = found(PRELUDE + lines).flows
    assert list(fragments(flow)) == parameters
    assert flow.variable == "x"


UNTRACED = {
    "imported": "from lib import fn\nx = flow(fn, name='x')",
    "made by a call": "import functools\nx = flow(functools.partial(print, 1), name='x')",
    "wrapped": "from lib import mine\n@flow(name='x')\n@mine\ndef x(a): 1",
    "one of two": "if os.name == 'nt':\n    def f(a): 1\nelse:\n    def f(b): 2\nx = flow(f)",
    "one of two flows": "if os.getenv('X'):\n    @flow\n    def x(a): 1\n"
    "else:\n    @flow\n    def x(b): 2",
    "of another signature": "import functools\ndef mine(fn):\n    @functools.wraps(fn)\n"
    "    def inner(): 1\n    inner.__signature__ = None\n    return inner\n"
    "@flow\n@mine\ndef x(a): 1",
    "of other annotations": "def mine(fn):\n    fn.__annotations__['a'] = str\n    return fn\n"
    "@flow(name='x')\n@mine\ndef x(a: int): 1",
    "of annotations changed later": "def fn(a: int): 1\nfn.__annotations__['a'] = str\n"
    "x = flow(fn, name='x')",
    "in a list": "FNS = [print]\nx = flow(FNS[0], name='x')",
}


@pytest.mark.parametrize("lines", UNTRACED.values(), ids=UNTRACED)
def test_function_that_cannot_be_traced(lines):
    """A flow of which the function is not known is found, without parameters."""
    (flow,) = found(PRELUDE + lines).flows
    assert (flow.definition, flow.parameters) == (None, {})


OPEN = {
    "platform": "if sys.platform == 'win32':\n    T = int\nelse:\n    T = str",
    "platform, one branch": "T = int\nif sys.platform == 'win32':\n    T = str",
    "environment": "T = int if os.getenv('X') else str",
    "elif": "if os.name == 'a':\n    T = int\nelif os.name == 'b':\n    T = str\n"
    "else:\n    T = int",
    "or": "T = os.environ.get('X') or int",
    "failed import": "try:\n    import lib\n    T = int\nexcept ImportError:\n    T = str",
    "failed import before": "T = int\ntry:\n    from lib import T\nexcept ImportError:\n    pass",
    "suppressed": "import contextlib\nT = int\n"
    "with contextlib.suppress(ImportError):\n    from lib import T",
    "newer Python": "if sys.version_info >= (3, 99):\n    T = int\nelse:\n    T = str",
    "global": "T = int\ndef change():\n    global T\n    T = str\nchange()",
    "loop": "T = int\nfor each in sys.argv:\n    T = str",
    "loop variable": "for T in (int, str):\n    pass",
    "while": "T = int\nwhile os.getenv('X'):\n    T = str",
    "left early": "try:\n    T = int\n    os.open('x')\n    T = str\nexcept OSError: pass",
    "broken off": "for each in sys.argv:\n    T = int\n    if each: break\n    T = str",
    "suppressed raise": "import contextlib\nT = str\n"
    "with contextlib.suppress(OSError):\n    T = int\n    raise OSError",
    "star": "from lib import *",
    "star after": "T = int\nfrom lib import *",
    "walrus": "T = int\nbool(T := str)",
    "walrus in a condition": "T = int\nif os.name and (T := str):\n    pass",
    "built-in replaced": "T = 1\nif os.name == 'nt':\n    int = str\nT = int",
    "bound in globals": "T = int\nglobals()['T'] = str",
    "executed": "T = int\nexec(open('a').read())",
    "result of a function": "U = int\ndef get(): return U\nif os.name: U = str\nT = get()",
    "nested": "T = int\nif os.name:\n    try:\n        import lib\n        T = str\n"
    "    except ImportError: pass",
}


@pytest.mark.parametrize("lines", OPEN.values(), ids=OPEN)
def test_open_type(lines):
    """A type that depends on the machine that runs the script is open, and noted."""
    flow = select_flow(script(f"{PRELUDE}{lines}\n@flow\ndef x(a: T): 1"))
    assert fragments(flow) == {"a": {}}
    (note,) = schema(flow).notes
    assert "'a'" in note


@pytest.mark.parametrize("lines", OPEN.values(), ids=OPEN)
def test_open_name(lines):
    """A name that depends on the machine is an error that asks for a literal."""
    named = lines.replace("int", "'a'").replace("str", "'b'").replace("T = 1", "")
    if "'a' =" in named:
        return
    with pytest.raises(DiscoveryError, match="Write a literal name='...'"):
        select_flow(script(f"{PRELUDE}{named}\n@flow(name=T)\ndef x(): 1"))


CERTAIN = {
    "equal branches": "if os.name:\n    T = int\nelse:\n    T = int",
    "backport": "try:\n    from typing import Any as T\nexcept ImportError:\n"
    "    from typing_extensions import Any as T\nT = int",
    "the other fails": "T = int\nif os.name == 'nt':\n    T = str\n    raise RuntimeError",
    "the other exits": "try:\n    import lib\n    T = int\n"
    "except ImportError:\n    T = str\n    sys.exit(1)",
    "not bound elsewhere": "if os.name:\n    T = int",
    "deleted elsewhere": "T = int\nif os.name == 'nt':\n    del T",
    "newer major": "if sys.version_info.major < 3:\n    T = str\nelse:\n    T = int",
    "for type checkers": "from typing import TYPE_CHECKING\nT = int\n"
    "if TYPE_CHECKING:\n    T = str",
    "main guard": "T = int\nif __name__ == '__main__':\n    T = str",
    "loop that does not": "T = int\nfor each in sys.argv:\n    U = str",
    "local of a function": "T = int\ndef change():\n    T = str",
    "result of a function": "U = str\ndef get(): return U\nU = int\nT = get()",
    "result of a lambda": "get = lambda: U\nU = int\nT = get()",
    "local of a class": "T = int\nclass C:\n    T = str",
}


@pytest.mark.parametrize("lines", CERTAIN.values(), ids=CERTAIN)
def test_certain_type(lines):
    """What is the same on every machine is known."""
    flow = select_flow(script(f"{PRELUDE}{lines}\n@flow\ndef x(a: T): 1"))
    assert (fragments(flow), schema(flow).notes) == ({"a": {"type": "integer"}}, ())


@pytest.mark.skipif(sys.version_info < (3, 10), reason="has no match statement")
def test_match_is_open():
    """What the cases of ``match`` bind depends on what is matched."""
    lines = "T = int\nmatch sys.argv:\n    case [x]:\n        T = str\n    case [y, T]: pass"
    flow = select_flow(script(f"{PRELUDE}{lines}\n@flow\ndef x(a: T): 1"))
    assert fragments(flow) == {"a": {}}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="has no match statement")
def test_flows_of_match_are_found():
    """A flow that a case defines competes with the script's others."""
    lines = "match os.name:\n    case 'nt':\n        @flow\n        def x(): 1\n"
    flows = found(f"{PRELUDE}{lines}@flow\ndef y(): 1").flows
    assert [flow.name for flow in flows] == ["x", "y"]


@pytest.mark.parametrize("computed", ["N + 1", "f'{N}'", "-N", "[N]", "(lambda: N)()", "N or 3"])
def test_computed_from_what_is_open(computed):
    """What is computed from an open value is none of its values."""
    lines = f"N = 1\nif os.getenv('X'):\n    N = 2\nM = {computed}\n"
    with pytest.raises(DiscoveryError, match="Write a literal version='...'"):
        select_flow(script(f"{PRELUDE}{lines}@flow(version=M)\ndef x(): 1"))


def test_open_default():
    """So is a default, which does not make the parameter required."""
    lines = "N = 1\nif os.getenv('X'):\n    N = 2\n@flow\ndef x(a: int = N): 1"
    flow = select_flow(script(PRELUDE + lines))
    assert "required" not in schema(flow).schema
    assert fragments(flow) == {"a": {"type": "integer"}}
    (note,) = schema(flow).notes
    assert "its default 'N' is left out, for it depends on what runs in line 4" in note


CHANGED = {
    "by a function": "N = []\ndef add(): N.append(1)\nadd()",
    "item by a function": "N = {}\ndef put():\n    N['a'] = 1\nput()",
    "as an argument": "def fill(items): items.append(1)\nN = []\nfill(N)",
    "under another name": "N = [1]\nM = N\nM.pop()",
    "within another": "N = [1]\nM = {'a': N}\nM['a'].append(2)",
    "in an assignment": "N = [1]\nM = N.pop()",
    "in place": "N = [1]\nM = N\nM += [2]",
    "an item": "N = [1, 2]\ndel N[0]",
    "in a branch": "N = [1, 2]\nif os.name:\n    N.clear()",
    "in a loop": "N = []\nfor each in sys.argv:\n    N.append(each)",
    "as an argument in a loop": "def fill(items): items.append(1)\nN = []\n"
    "while os.getenv('X'):\n    fill(N)",
    "cut afterwards": "L = [1]\nL.append(2)\nN = L[1:]",
    "counted": "L = [1]\nL.append(2)\nN = len(L)",
}


@pytest.mark.parametrize("lines", CHANGED.values(), ids=CHANGED)
def test_container_that_changes(lines):
    """What a list, a mapping or a set holds is not known once something changed it."""
    flow = select_flow(script(f"{PRELUDE}{lines}\n@flow\ndef x(a=N): 1"))
    assert fragments(flow) == {"a": {"default": None}}
    (note,) = schema(flow).notes
    assert "its default 'N' is not known" in note


def test_default_that_changes_later():
    """A default is the very list, which later statements may fill."""
    flow = select_flow(script(f"{PRELUDE}N = []\n@flow\ndef x(a=N): 1\nN.append(1)"))
    assert fragments(flow) == {"a": {"default": None}}


def test_result_of_a_coroutine_function():
    """Calling an ``async def`` function does not return what its body does."""
    flow = select_flow(script(f"{PRELUDE}async def get(): return 1\n@flow\ndef x(a=get()): 1"))
    assert fragments(flow) == {"a": {"default": None}}


@pytest.mark.parametrize(
    "change", ["x.name = 'b'", "setattr(x, 'name', 'b')", "x.fn.__annotations__['a'] = str"]
)
@pytest.mark.parametrize("made", ["@flow\ndef x(a): 1", "x = flow(lambda a: 1, name='a')"])
def test_flow_that_is_changed_later(made, change):
    """A flow of which a statement changes the name or the like is an error that says so."""
    with pytest.raises(DiscoveryError, match="is changed in line"):
        select_flow(script(f"{PRELUDE}{made}\n{change}"), "x")
    assert select_flow(script(f"{PRELUDE}{made}\nx.on_failure = [1]"), "x").variable == "x"


MODELS = {
    "field": "@dataclass\nclass T:\n    a: int\n    if os.name == 'nt':\n        b: int",
    "base": "if os.getenv('X'):\n    from lib import Base\nelse:\n    class Base: pass\n"
    "@dataclass\nclass T(Base):\n    a: int",
    "decorator": "try:\n    from lib import dataclass\nexcept ImportError: pass\n"
    "@dataclass\nclass T:\n    a: int",
    "attribute": "from enum import Enum\nclass T(Enum):\n    A = 1 if os.getenv('X') else 2",
    "changed": "from enum import Enum\nclass T(Enum):\n    A = 1\nT.A = 2",
    "members in a loop": "from enum import Enum\nclass T(Enum):\n    A = 'a'\n"
    "    for name in 'bc':\n        vars()[name] = name",
    "fields in a mapping": "@dataclass\nclass T:\n    a: int\n    locals()['b'] = 1",
}


@pytest.mark.parametrize("lines", MODELS.values(), ids=MODELS)
def test_open_class(lines):
    """So is a class of which a part depends on the machine."""
    code = f"{PRELUDE}from dataclasses import dataclass\n{lines}\n@flow\ndef x(a: T): 1"
    flow = select_flow(script(code))
    assert fragments(flow) == {"a": {}}
    assert len(schema(flow).notes) == 1


ABOVE = {
    "of a library": ("import lib", "@lib.traced", "@lib.traced"),
    "called": ("from lib import retry", "@retry(times=3)", "@retry(times=3)"),
    "of the script": ("def loud(fn):\n    return lambda *a: fn(*a)", "@loud", "@loud"),
    "that wraps": (
        "import functools\ndef loud(fn):\n    @functools.wraps(fn)\n"
        "    def inner(*a): return fn(*a)\n    return inner",
        "@loud",
        "@loud",
    ),
    "that may give back": ("def mine(fn):\n    if fn: return fn", "@mine", "@mine"),
    "that gives back another": ("def mine(fn):\n    fn = 1\n    return fn", "@mine", "@mine"),
    "that renames": ("def mine(fn):\n    fn.name = 'a'\n    return fn", "@mine", "@mine"),
    "that sets": ("def mine(fn):\n    setattr(fn, 'name', 1)\n    return fn", "@mine", "@mine"),
    "that generates": ("def mine(fn):\n    yield\n    return fn", "@mine", "@mine"),
    "cache": ("import functools", "@functools.cache", "@functools.cache"),
    "one of two": ("from lib import a\ndef b(f): return f\nc = a if os.name else b", "@c", "@c"),
    "static at module level": ("", "@staticmethod", "@staticmethod"),
    "factory of another": (
        "def mine(n):\n    def inner(f): return n(f)\n    return inner",
        "@mine(len)",
        "@mine(len)",
    ),
    "factory of one of two": (
        "def mine(n):\n    def inner(f): return f\n    if n: return n\n    return inner",
        "@mine(len)",
        "@mine(len)",
    ),
    "factory that wraps": (
        "def mine(n):\n    def inner(f): return f\n    inner = n(inner)\n    return inner",
        "@mine(len)",
        "@mine(len)",
    ),
    "flow again": ("", "@flow(name='y')", "@flow(name='y')"),
    "a task": ("from prefect import task", "@task", "@task"),
}


@pytest.mark.parametrize("lines, decorator, shown", ABOVE.values(), ids=ABOVE)
@pytest.mark.parametrize("name", [None, "x"])
def test_decorator_above(lines, decorator, shown, name):
    """A decorator above ``@flow`` that may make something else is named in an error."""
    code = f"{PRELUDE}{lines}\n{decorator}\n@flow\ndef x(): 1\n"
    with pytest.raises(DiscoveryError) as caught:
        select_flow(script(code), name)
    assert f"what {shown} makes of the flow is not known" in caught.value.reason


HARMLESS = {
    "final": ("from typing import final", "@final"),
    "at exit": ("import atexit", "@atexit.register"),
    "typer": ("import typer\napp = typer.Typer()", "@app.command(name='x')"),
    "lambda": ("mine = lambda fn: fn", "@mine"),
    "marks": ("def mine(fn):\n    fn.mark = 1\n    return fn", "@mine"),
    "factory": ("def mine(n):\n    def inner(f): return f\n    return inner", "@mine('x')"),
    "either": ("def a(f): return f\ndef b(f): return f\nc = a if os.name else b", "@c"),
}


@pytest.mark.parametrize("lines, decorator", HARMLESS.values(), ids=HARMLESS)
def test_harmless_decorator_above(lines, decorator):
    """Decorators that return the very flow are as good as none."""
    (flow,) = found(f"{PRELUDE}{lines}\n{decorator}\n@flow\ndef x(a: int): 1\n").flows
    assert (flow.name, list(fragments(flow))) == ("x", ["a"])


CLASSES = """
from prefect import flow

class Base:
    @staticmethod
    @flow
    def inherited(a: int): "Inherited."

class Jobs(Base):
    @flow
    def load(self, a: int): "Load."

    @flow(name="Second")
    @staticmethod
    def second(b: str): 1

    class Inner:
        @flow
        def deep(self): 1
"""


@pytest.mark.parametrize(
    "name, variable, parameters",
    [
        ("Jobs.load", "Jobs.load", ["a"]),
        ("load", "Jobs.load", ["a"]),
        ("Second", "Jobs.second", ["b"]),
        ("Jobs.second", "Jobs.second", ["b"]),
        ("Jobs.inherited", "Jobs.inherited", ["a"]),
        ("Base.inherited", "Base.inherited", ["a"]),
        ("Jobs.Inner.deep", "Jobs.Inner.deep", []),
    ],
)
@pytest.mark.parametrize("more", ["", "@flow\ndef other(): 1\n"])
def test_method(name, variable, parameters, more):
    """A flow in a class is found as ``Class.method``, also beside others."""
    flow = select_flow(script(CLASSES + more), name)
    assert (flow.variable, list(fragments(flow))) == (variable, parameters)
    assert flow.is_method
    assert flow.entrypoint == f"script.py:{variable}"


def test_method_is_not_in_the_way():
    """Without a name, a flow in a class does not compete with one at module level."""
    assert select_flow(script(CLASSES + "@flow\ndef other(): 1\n")).variable == "other"
    (method,) = found("import prefect\nclass A:\n    @prefect.flow\n    def f(self): 1").methods
    assert method == select_flow(method.script)


def test_many_names_are_quick():
    """Chains of calls, deep blocks and long scripts are followed in little time."""
    chain = "y = a" + ".b().c()" * 60
    elifs = "if a: b = 1\n" + "elif a: b = 1\n" * 2_000
    blocks = "".join("    " * i + f"for x{i} in y:\n" for i in range(18)) + "    " * 18 + "z = 1"
    lambdas = "z = [lambda: [0 for i in range(9_000)] for j in range(9_000)]"
    lines = "\n".join([chain, elifs, blocks, lambdas, "@flow\ndef x(): 1"])
    assert select_flow(script(PRELUDE + lines)).name == "x"


def test_many_lists_are_quick():
    """Lists that are filled one by one are followed in little time."""
    lines = "".join(f"L{n} = []\nL{n}.append(1)\n" for n in range(5_000))
    started = time.process_time()
    assert select_flow(script(f"{PRELUDE}{lines}@flow\ndef x(): 1")).name == "x"
    assert time.process_time() - started < 2


def test_functions_that_double_are_quick():
    """Functions that call one another twice each are not followed to the end."""
    lines = "".join(f"def f{n + 1}(): return [f{n}(), f{n}()]\n" for n in range(60))
    assert select_flow(script(f"{PRELUDE}{lines}N = f60()\n@flow\ndef x(a=N): 1")).name == "x"


def test_classes_in_classes_are_quick():
    """Classes that inherit the classes in which they are do not multiply."""
    lines = ["class C0:\n    @staticmethod\n    @flow\n    def run(): 1"]
    lines += [f"class C{n}(C{n - 1}):\n    class D{n}(C{n - 1}): pass" for n in range(1, 40)]
    found_here = found(PRELUDE + "\n".join(lines))
    assert "C39.run" in [each.variable for each in found_here.methods]

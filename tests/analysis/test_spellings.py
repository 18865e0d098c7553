"""The ways to write a flow that are found, and what is known of it."""

from __future__ import annotations

import sys

import pytest

from flowpack.analysis.discovery import find_flows
from tests.analysis.scripts import found, script

PREFECT = frozenset({"prefect"})
FLOWPACK = frozenset({"flowpack"})
BOTH = PREFECT | FLOWPACK

IMPORTS = {
    "from": ("from prefect import flow", "flow", PREFECT),
    "as": ("from prefect import flow as f", "f", PREFECT),
    "module": ("import prefect", "prefect.flow", PREFECT),
    "module as": ("import prefect as p", "p.flow", PREFECT),
    "submodule": ("import prefect.flows", "prefect.flows.flow", PREFECT),
    "submodule as": ("import prefect.flows as pf", "pf.flow", PREFECT),
    "from submodule": ("from prefect.flows import flow", "flow", PREFECT),
    "submodule by from": ("from prefect import flows", "flows.flow", PREFECT),
    "star": ("from prefect import *", "flow", PREFECT),
    "alias": ("import prefect\nmine = prefect.flow", "mine", PREFECT),
    "flowpack": ("from flowpack import flow", "flow", FLOWPACK),
    "flowpack.flows": ("from flowpack.flows import flow", "flow", FLOWPACK),
    "import flowpack": ("import flowpack", "flowpack.flow", FLOWPACK),
    "flowpack as prefect": ("import flowpack as prefect", "prefect.flow", FLOWPACK),
    "fallback": (
        "try:\n    from prefect import flow\n"
        "except ImportError:\n    from flowpack import flow",
        "flow",
        BOTH,
    ),
    "fallback of modules": (
        "try:\n    import prefect as lib\n"
        "except ImportError:\n    import flowpack as lib",
        "lib.flow",
        BOTH,
    ),
    "fallback after None": (
        "try:\n    from prefect import flow\nexcept ImportError:\n    flow = None\n"
        "if flow is None:\n    from flowpack import flow",
        "flow",
        BOTH,
    ),
    "conditional expression": (
        "import prefect, flowpack\nflow = prefect.flow if prefect else flowpack.flow",
        "flow",
        BOTH,
    ),
    "or": (
        "import prefect, flowpack\nflow = prefect.flow or flowpack.flow",
        "flow",
        BOTH,
    ),
    "fallback that does nothing": (
        "try:\n    from prefect import flow\n"
        "except ImportError:\n    def flow(fn):\n        return fn",
        "flow",
        PREFECT,
    ),
    "suppressed": (
        "import contextlib\nfrom flowpack import flow\n"
        "with contextlib.suppress(ImportError):\n    from prefect import flow",
        "flow",
        BOTH,
    ),
    "not for type checkers": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from prefect import flow\nelse:\n    from flowpack import flow",
        "flow",
        FLOWPACK,
    ),
}


@pytest.mark.parametrize("use", ["@{}", "@{}()", "@{}(name='my-flow', retries=3)"])
@pytest.mark.parametrize("imports, maker, origin", IMPORTS.values(), ids=IMPORTS)
def test_import_spellings(imports, maker, origin, use):
    """However ``flow`` is imported, the flow is found and its origin is known."""
    decorator = use.format(maker)
    discovery = found(f"{imports}\n{decorator}\ndef my_flow():\n    pass\n")
    assert not discovery.undetermined
    (flow,) = discovery.flows
    assert flow.name == "my-flow"
    assert (flow.variable, flow.function) == ("my_flow", "my_flow")
    assert flow.origin == origin


MAKERS = {
    "call": "x = flow(fn, name='given')",
    "call by keyword": "x = Flow(fn=fn, name='given')",
    "class": "x = prefect.Flow(fn, name='given')",
    "decorator with options": "x = flow(name='given')(fn)",
    "kept decorator": "mine = flow(retries=1, name='given')\nx = mine(fn)",
    "partial": "import functools\nx = functools.partial(flow, name='given')(fn)",
    "with_options": "x = flow(fn).with_options(name='given')",
    "with_options twice": "y = flow(fn, name='y')\n"
    "x = y.with_options(name='x').with_options(retries=1, name='given')\ndel y",
    "dynamic, then known": "x = flow(fn, name=fn()).with_options(name='given')",
    "annotated": "x: object = flow(fn, name='given')",
    "walrus": "(x := flow(fn, name='given'))",
    "unpacked": "x, y = flow(fn, name='given'), 2",
    "several targets": "x = z = flow(fn, name='given')",
    "rebound": "x = flow(fn, name='first')\nx = flow(fn, name='given')",
    "none first": "x = None\nif fn:\n    x = flow(fn, name='given')",
    "in try": "try:\n    x = flow(fn, name='given')\nfinally:\n    pass",
    "in with": "with open('a') as a, open('b'):\n    x = flow(fn, name='given')",
    "in for": "for a, *b in fn():\n    x = flow(fn, name='given')\nelse:\n    pass",
    "in while": "while fn():\n    x = flow(fn, name='given')",
    "in else of the guard": "if __name__ == '__main__':\n    x = 1\n"
    "else:\n    x = flow(fn, name='given')",
    "name from a constant": "NAME = 'given'\nx = flow(fn, name=NAME)",
    "name from parts": "A = 'gi'\nx = flow(fn, name=f'{A}v' 'e' + 'n')",
    "constant of constants": "A = 'gi'\nB: str = A + 'ven'\nx = flow(fn, name=B)",
    "constant bound twice": "NAME = 'first'\nNAME = 'given'\nx = flow(fn, name=NAME)\nNAME = ''",
    "local of the same name": "NAME = 'given'\nx = flow(fn, name=NAME)\n"
    "def other(NAME):\n    NAME = 'local'\nlambda: (NAME := 1)",
}


@pytest.mark.parametrize("lines", MAKERS.values(), ids=MAKERS)
def test_flow_spellings(lines):
    """However a flow is made and bound, it is found under its last name."""
    source = "import prefect\nfrom prefect import flow, Flow\ndef fn(): pass\n" + lines
    discovery = found(source)
    assert not discovery.undetermined
    (flow,) = discovery.flows
    assert (flow.name, flow.variable, flow.function) == ("given", "x", "fn")
    assert flow.entrypoint == "script.py:x"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="has no match statement")
def test_in_match():
    """Module level includes the cases of a match statement."""
    discovery = found(
        """
        import sys
        from prefect import flow

        match sys.platform:
            case "linux":
                @flow
                def f(): pass
            case _:
                pass
        """
    )
    assert [flow.name for flow in discovery.flows] == ["f"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="has no except*")
def test_in_except_star():
    """Module level includes ``try`` with ``except*``."""
    discovery = found(
        """
        try:
            from prefect import flow
        except* ImportError:
            from flowpack import flow

        @flow
        def f(): pass
        """
    )
    assert [flow.origin for flow in discovery.flows] == [BOTH]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no such syntax")
def test_newest_syntax():
    """Type parameters, type aliases and nested f-strings do not hide a flow."""
    discovery = found(
        """
        from prefect import flow

        type Names[T] = list[T]
        NAME = f"{'a' + f"{'b'}"}"

        @flow(name=NAME)
        def f[T](x: T, *, y: Names[str] = ()) -> T: return x
        """
    )
    (flow,) = discovery.flows
    assert flow.name == "ab"
    assert list(flow.parameters.values()) == ["T", "Names[str]"]


UNFOUND = {
    "method": "class A:\n    @flow\n    def f(self): pass",
    "nested": "def outer():\n    @flow\n    def f(): pass\n    return f",
    "guarded": "if __name__ == '__main__':\n    @flow\n    def f(): pass",
    "guarded, turned around": "if '__main__' == __name__:\n    @flow\n    def f(): 1",
    "guarded twice": "if __name__ == '__main__' and 1:\n    @flow\n    def f(): 1",
    "else of not main": "if __name__ != '__main__':\n    pass\n"
    "else:\n    @flow\n    def f(): pass",
    "not not main": "if not __name__ != '__main__':\n    @flow\n    def f(): pass",
    "never": "if False:\n    @flow\n    def f(): pass",
    "never loops": "while 0:\n    @flow\n    def f(): pass",
    "for type checkers": "import typing\nif typing.TYPE_CHECKING:\n"
    "    @flow\n    def f(): pass",
    "replaced": "@flow\ndef f(): pass\nf = 1",
    "replaced by a class": "@flow\ndef f(): pass\nclass f: pass",
    "changed": "f = flow(len, name='f')\nf += 1",
    "deleted": "@flow\ndef f(): pass\ndel f",
    "not bound": "flow(len, name='x').serve()",
    "in a list": "flows = [flow(len, name='x')]",
    "unpacked from one": "a, (b, *c) = flow(len, name='x')",
    "attribute": "class ns: pass\nns.x = flow(len, name='x')",
    "task": "from prefect import task\n@task\ndef f(): pass",
    "other decorator": "import click\n@click.command()\ndef f(): pass",
    "other with_options": "from prefect import task\n"
    "t = task(len).with_options(name='t')",
    "with_options of a function": "def fn(): pass\nx = fn.with_options(name='x')",
    "shadowed": "flow = 1\nx = flow",
}


@pytest.mark.parametrize("lines", UNFOUND.values(), ids=UNFOUND)
def test_not_a_flow_of_the_module(lines):
    """What is no flow at module level when the script is loaded is not found."""
    discovery = found("from prefect import flow\n" + lines)
    assert (discovery.flows, discovery.undetermined) == ((), ())


def test_conditions_that_load_time_decides():
    """Known conditions decide, also within ``and``, ``or`` and ``not``."""
    discovery = found(
        """
        from prefect import flow

        if __name__ == "__main__" or True:
            a = flow(len, name="a")
        if not (__name__ == "__main__" or False):
            b = flow(len, name="b")
        if __name__ != "__main__" and True:
            c = flow(len, name="c")
        if __name__ == "__main__" or len:
            d = flow(len, name="d")
        if __name__ == "something" == "else":
            e = flow(len, name="e")
        if __name__ < "__main__":
            f = flow(len, name="f")
        if not len:
            g = flow(len, name="g")
        """
    )
    assert [flow.name for flow in discovery.flows] == list("abcdefg")


def test_default_name_and_version():
    """Without options they are what Prefect computes: dashes, MD5 of the bytes."""
    code = "from prefect import flow\n@flow\ndef my_long_name(): pass\n"
    discovery = found(code)
    (flow,) = discovery.flows
    assert flow.name == "my-long-name"
    assert flow.version == script(code).md5
    assert flow.description is None


@pytest.mark.parametrize(
    "given, version",
    [("'v1'", "v1"), ("2", "2"), ("1.5", "1.5"), ("''", None), ("None", None)],
)
def test_version(given, version):
    """A version that is given is taken as text, one that says nothing is not."""
    code = f"from prefect import flow\n@flow(version={given})\ndef f(): pass\n"
    (flow,) = found(code).flows
    assert flow.version == (version or script(code).md5)


def test_description():
    """It is the cleaned docstring unless it is given."""
    discovery = found(
        '''
        from prefect import flow

        @flow
        def documented():
            """First line.

            More.
                Indented.
            """

        @flow(description="Given.")
        def given():
            """Not this."""

        @flow(description=None, name="")
        def cleared():
            """This."""
        '''
    )
    descriptions = {flow.name: flow.description for flow in discovery.flows}
    assert descriptions == {
        "documented": "First line.\n\nMore.\n    Indented.",
        "given": "Given.",
        "cleared": "This.",
    }


def test_description_is_that_of_the_module():
    """``__doc__`` is known, unless releases of Python read it differently."""
    lines = "from prefect import flow\n@flow(description=__doc__)\ndef x(): 1"
    (flow,) = found(f'"""What it does.\n\nMore."""\n{lines}').flows
    assert flow.description == "What it does.\n\nMore."
    assert not found(f'"""What it does.\n\n    More."""\n{lines}').flows


def test_parameters():
    """Names and annotations are those of the function, in the order of its signature."""
    (flow,) = found(
        """
        from prefect import flow

        @flow
        async def f(a, b: int = 1, /, c: "str | None" = None, *d: float,
                    e: list[int], g=2, **h): ...
        """
    ).flows
    assert flow.parameters == {
        "a": None,
        "b": "int",
        "c": "'str | None'",
        "d": "float",
        "e": "list[int]",
        "g": None,
        "h": None,
    }


def test_lambda():
    """A lambda with a name is a flow like others."""
    (flow,) = found("from prefect import flow\nx = flow(lambda y=1: y, name='n')").flows
    assert (flow.name, flow.function, flow.description) == ("n", "<lambda>", None)
    assert list(flow.parameters) == ["y"]


def test_function_of_another_module():
    """With a name of its own it is a flow of this script; its function is not."""
    (flow,) = found(
        "from lib import fn\nfrom prefect import flow\nx = flow(fn, name='n')"
    ).flows
    assert (flow.function, flow.parameters, flow.definition) == ("fn", {}, None)


def test_stacked_decorators():
    """Decorators below ``@flow`` that keep the name do no harm, nor do those that do nothing."""
    discovery = found(
        """
        import functools
        from prefect import flow

        def loud(fn):
            @functools.wraps(fn)
            def wrapper(*args): return fn(*args)
            return wrapper

        def seen(fn):
            print(fn)
            return fn

        @seen
        @flow
        def above(): pass

        @flow
        @loud
        def below(): pass

        @flow(name="named")
        @functools.singledispatch
        def named(): pass
        """
    )
    assert [flow.name for flow in discovery.flows] == ["above", "below", "named"]


def test_realistic_script(scripts):
    """All of a longer script's flows are found, in the order of their lines."""
    flows = find_flows(scripts("orders.py")).flows
    assert [(flow.name, flow.variable, flow.function) for flow in flows] == [
        ("orders-import", "import_orders", "import_orders"),
        ("pack-orders", "pack_orders", "pack_orders"),
        ("ship orders", "ship", "_ship"),
        ("ship fast", "ship_fast", "_ship"),
    ]
    assert {flow.origin for flow in flows} == {BOTH}
    first = flows[0]
    assert (first.version, first.description) == (
        "2024.1",
        "Read the orders.\n\nThey come from a file.",
    )


def test_aliases_are_one_flow():
    """A flow that is bound to several names is still one."""
    (flow,) = found(
        "from prefect import flow\n@flow\ndef a(): pass\nb = a\nc = b"
    ).flows
    assert (flow.variable, flow.aliases) == ("a", ("b", "c"))


def test_namesakes():
    """Flows of one name know of each other."""
    flows = found(
        "from prefect import flow\n@flow\ndef a(): pass\n"
        "b = a.with_options(retries=2)\nc = a.with_options(name='c')"
    ).flows
    assert {flow.variable: flow.namesakes for flow in flows} == {
        "a": ("b",),
        "b": ("a",),
        "c": (),
    }


@pytest.mark.parametrize(
    "name, file",
    [
        ("flows/etl.py", "etl.py"),
        ("http://host/a/etl.py?token=***", "etl.py"),
        ("C:\\flows\\etl.py", "etl.py"),
    ],
)
def test_entrypoint(name, file):
    """It is the file's own name and the module-level name."""
    code = "import prefect\nx = prefect.flow(len, name='n')"
    (flow,) = find_flows(script(code, name)).flows
    assert flow.entrypoint == f"{file}:x"

"""What holds for every script."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowpack.analysis.discovery import FlowInfo, find_flows
from flowpack.analysis.parameters import parameter_schema
from flowpack.analysis.script import Script
from flowpack.analysis.values import is_plain
from flowpack.exceptions import DiscoveryError

#: Pieces that meet in scripts with flows, in any order and nesting.
PIECES = st.sampled_from(
    """
    from|prefect|flowpack|import|flow|Flow|lib|as|@|(|)|(name=|'a'|'b/c'|,|=|:|.|x|
    y|def x(): pass|async def|class y:|lambda: 1|with_options|**o|f'{x}'|partial|*|
    if x:|else:|try:|except:|finally:|for x in y:|while x:|with x as y:|match x:|
    case 1:|
    if __name__ == '__main__':|if not True:|and|or|global x|del x|:=|'''|""".replace(
        "\n    ", ""
    ).split(
        "|"
    )
)
LINES = st.builds(
    lambda indent, pieces: "    " * indent + " ".join(pieces),
    st.integers(0, 2),
    st.lists(PIECES, max_size=8),
)
#: Statements that parse, so that what is beyond the parser is tried, too.
STATEMENTS = st.sampled_from(
    [
        "from prefect import flow",
        "from lib import *",
        "import flowpack as prefect, os",
        "@flow\ndef x(): pass",
        "@prefect.flow(name=N)\n@y\nasync def y(a, *b): 'doc'",
        "N = 'a' + f'{M}'",
        "M: str = N",
        "x = y.with_options(name=M)",
        "y = flow(x, **o)",
        "x, *y = flow(y), flow(x)",
        "flow = flow(name='b') if x else y",
        "del x",
        "class x: flow = flow",
        "(x := flow(lambda: 1, name='c'))",
        "flow = os.path.flow",
        "global N",
        "class A:\n    @staticmethod\n    @flow\n    def x(y): pass\nA.x = y",
        "while x:\n    N = 'b'\n    break\nelse:\n    raise x",
        "from prefect import *",
        "def y(x):\n    global M\n    return x",
        "@y\n@flow\ndef x(): pass",
        "import sys\nif sys.platform:\n    sys.exit()",
    ]
)


def blocks(statements):
    """Return statements nested in other statements."""
    body = st.lists(statements, min_size=1, max_size=4).map("\n".join)
    return st.one_of(
        st.builds(lambda b, o: f"if x:\n{pushed(b)}\nelse:\n{pushed(o)}", body, body),
        st.builds(
            lambda b, h: f"try:\n{pushed(b)}\nexcept x as y:\n{pushed(h)}\n"
            f"else:\n{pushed(h)}\nfinally:\n{pushed(b)}",
            body,
            body,
        ),
        st.builds(lambda b: f"for x in y:\n{pushed(b)}", body),
        st.builds(lambda b: f"with x as y:\n{pushed(b)}", body),
        body,
    )


def pushed(text):
    """Return *text*, indented."""
    return "\n".join("    " + line for line in text.split("\n"))


def check(content):
    """Find flows; whatever is in *content*, only our errors come out."""
    script = Script(content=content, name="s.py")
    try:
        discovery = find_flows(script)
    except DiscoveryError:
        return
    for flow in (*discovery.flows, *discovery.methods):
        if flow.definition is not None:
            parameter_schema(flow.definition, script.scope)
        assert flow.script is script
        assert flow.name and flow.variable and flow.origin
    for name in (None, "x", "a"):
        try:
            assert isinstance(discovery.select(name), FlowInfo)
        except DiscoveryError as exc:
            assert str(exc)


@given(st.binary())
def test_any_bytes(content):
    """Bytes that are no Python are an error of ours."""
    check(content)


@given(st.text())
def test_any_text(text):
    """So is text."""
    check(text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from(["utf-7", "utf-16", "rot13", "punycode"]), st.binary())
def test_any_coding(coding, content):
    """So is what some codec makes of the bytes."""
    check(b"# coding: " + coding.encode() + b"\n" + content)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_any_pieces(text):
    """So is Python with its words in any order."""
    check(text.encode())


@given(st.lists(st.recursive(STATEMENTS, blocks, max_leaves=8), max_size=8))
def test_any_statements(statements):
    """Statements in any order are followed, and what is found can be chosen."""
    check("\n".join(statements).encode())


#: Statements about a few names, of which most fail, or change what others stand for.
CHANGES = st.sampled_from(
    [
        *("a = b", "b = a + [3]", "a.append(2)", "b += [1]", "c = (a, b)", "c = {'k': a}"),
        *("d = c['k']", "b[0] = 5", "del a[0]", "def f(): return a", "b = f()", "a, b = b, a"),
        *("def g(x): x.append(4)", "g(a)", "g(c[0])", "a = c or b", "b = a[1:]", "(a := b)"),
        *("a = [x for x in b]", "d = len(a)", "d = a if d else b", "h()", "f = lambda: d"),
        *("d = f()", "e = g(b)", "globals()['a'] = [0]", "c[0].append(6)", "a = a.pop()"),
        *("d = dict(k=a)", "d['k'] = 7", "del b", "c = list(a)"),
    ]
)


class _Hiding:
    """Hides errors, as context managers may."""

    def __enter__(self):
        return self

    def __exit__(self, *details):
        return True


@settings(derandomize=True)
@example([(0, "del b"), (0, "h()")], False)
@example([(0, "def g(x): x.append(4)"), (2, "c = (a, b)"), (0, "g(c[0])")], False)
@example([(0, "def f(): return a"), (0, "b = f()"), (0, "b += [1]")], False)
@given(st.lists(st.tuples(st.integers(0, 4), CHANGES), max_size=10), st.booleans())
def test_what_is_known_is_so(statements, condition):
    """A value that is known of a name is the one that it has when the script has run."""
    around = ["{}", "if CONDITION: {}", "with HIDING: {}", "for _ in range(2): {}", "while 0: {}"]
    lines = [
        "from lib import CONDITION, HIDING",
        *("a, b, c, d = [1], [1, 2], {'k': [3]}, 1", "def h():\n    global b\n    b = [9]"),
        *(
            around[0 if " f(" in each or " g(" in each else n].format(each)
            for n, each in statements
        ),
    ]
    content = "\n".join(lines)
    names = {"CONDITION": condition, "HIDING": _Hiding()}
    try:
        exec(content.partition("\n")[2], names)
    except Exception:
        return
    scope = Script(content.encode(), "s.py").scope
    for name in "abcd":
        known = scope.look_up(name) if name in names else None
        if known is not None and is_plain(known):
            assert repr(known) == repr(names[name]), content

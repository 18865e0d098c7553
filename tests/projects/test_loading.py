"""flowpack's own loader leaves packed projects usable, and keeps them from other scripts."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import textwrap
import warnings
from types import ModuleType
from typing import Any

import pytest

from flowpack._interpreter import BUNDLES, in_bundle, restored
from flowpack.analysis.script import Script
from flowpack.exceptions import MissingFlowError, ScriptError
from flowpack.loading import load_flow_from_script, script_error
from flowpack.projects.bundle import Bundle, pack

FLOWS = """
    from flowpack.flows import flow
    from helper import NAME, twice
    @flow
    def main():
        import lazy
        return NAME, lazy.NAME
    class Flows:
        @flow
        def inner(): return "inner"
    """
HELPER = "NAME = {!r}\ndef twice(x): return 2 * x"


def bundle(name, flow="main", **texts):
    """Return a script that is a packed project of some modules."""
    texts = {"flows": FLOWS, "helper": HELPER.format(name), "lazy": f"NAME = {name!r}", **texts}
    files = {f"{key}.py": textwrap.dedent(text).encode() for key, text in texts.items()}
    return Script(pack(Bundle(files, "flows", "flows.py", flow, ("",))), f"{name}.py")


def forget():
    """Forget the packed projects in this process."""
    for name, module in list(sys.modules.items()):
        if in_bundle(module):
            del sys.modules[name]
    sys.modules.pop(BUNDLES, None)


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """Begin without those of other tests, and leave none."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if not in_bundle(each)])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    forget()
    yield
    forget()


@pytest.fixture
def shared(monkeypatch):
    """Put things where scripts of this test find them: ``shared_with_scripts``."""
    module: Any = ModuleType("shared_with_scripts")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def beside(tmp_path):
    """Write a script with modules beside it."""

    def write(text, **others):
        folder = tmp_path / "beside"
        folder.mkdir(exist_ok=True)
        for name, each in {"script": text, **others}.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(each))
        return folder / "script.py"

    return write


def test_flow_of_a_bundle():
    """It imports later on, as when its body runs, and has the version of its own script."""
    script = bundle("a")
    path = sys.path[:]
    flow = load_flow_from_script(script)
    assert flow() == ("a", "a")
    assert flow.version == hashlib.md5(textwrap.dedent(FLOWS).encode()).hexdigest()
    assert [each for each in sys.path if not in_bundle(each)] == path
    assert in_bundle(sys.path[0])
    assert load_flow_from_script(script, "main").fn is flow.fn


def test_entry_points():
    """By the flow's variable, in a class, too."""
    flow = load_flow_from_script(bundle("a"), "given", variable="main")
    assert (flow.name, flow()) == ("given", ("a", "a"))
    with pytest.warns(UserWarning, match="^flows, helper, lazy were loaded from elsewhere"):
        flow = load_flow_from_script(bundle("a", "Flows.inner"), "given", variable="Flows.inner")
    assert (flow.name, flow()) == ("given", "inner")
    with pytest.raises(MissingFlowError):
        load_flow_from_script(bundle("a", "Flows.inner"), variable="other")


def test_run_with_all_restored():
    """As the command line runs it: what the flow imports stays for what it has started."""
    flow = load_flow_from_script(bundle("a"))
    with restored():
        assert flow() == ("a", "a")
    assert in_bundle(sys.modules["lazy"].__file__)


@pytest.mark.parametrize("change", ["sys.path[:] = []", "sys.path = None", "del sys.path"])
def test_path_is_restored(change):
    """A flow that clears it is not taken for one that loaded a packed project."""
    flow = load_flow_from_script(bundle("a", lazy=f"import sys\n{change}\nNAME = 'a'"))
    path = sys.path[:]
    with restored():
        assert flow() == ("a", "a")
    assert sys.path == path


def test_other_processes():
    """A spawned process finds the modules."""
    load_flow_from_script(bundle("a"))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(sys.modules["helper"].twice, [1, 2]) == [2, 4]


def test_script_after_a_bundle(beside):
    """It has its own modules, and the bundle's flow still has those of its project."""
    bundled = load_flow_from_script(bundle("a"))
    helper = sys.modules["helper"]
    path = sys.path[:]
    text = FLOWS.replace("import lazy\n        return NAME, lazy.NAME", "return NAME")
    script = beside(text, helper=HELPER.format("beside"))
    for _ in range(2):
        assert load_flow_from_script(script, "main")() == "beside"
        assert sys.modules["helper"] is helper
        assert sys.path == path
    assert bundled() == ("a", "a")


def test_script_while_the_flow_of_a_bundle_runs(shared):
    """What that imports in another thread is there, and afterwards all is as before."""
    flow = load_flow_from_script(bundle("a"))
    path = sys.path[:]
    text = """
        from concurrent.futures import ThreadPoolExecutor
        from flowpack import flow
        import shared_with_scripts
        with ThreadPoolExecutor() as pool:
            result = pool.submit(shared_with_scripts.flow.fn).result()
        @flow
        def main(): return result
        """
    shared.flow = flow
    script = Script(textwrap.dedent(text).encode(), "stored.py")
    assert load_flow_from_script(script)() == ("a", "a")
    assert sys.path == path


def test_missing_module_of_a_script():
    """The error says how to store it along."""
    with pytest.raises(ScriptError, match="No module named 'helper'") as caught:
        load_flow_from_script(Script(b"from helper import NAME", "stored.py"))
    assert "unless it is deployed with --project" in str(caught.value)


def test_package_after_a_bundle(monkeypatch, tmp_path):
    """Modules of an installed package of a name of the bundle's do not mix with the bundle's."""
    load_flow_from_script(bundle("a"))
    (tmp_path / "site" / "helper").mkdir(parents=True)
    (tmp_path / "site" / "helper" / "__init__.py").write_text("NAME = 'installed'")
    (tmp_path / "site" / "helper" / "more.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    text = "import helper.more\nfrom flowpack import flow\n@flow\ndef main(): return helper.NAME"
    assert load_flow_from_script(Script(text.encode(), "stored.py"))() == "installed"
    assert in_bundle(sys.modules["helper"].__file__)
    assert "helper.more" not in sys.modules


def test_bundle_after_a_script(beside):
    """Modules beside a script are gone, and those of elsewhere are set aside."""
    text = "from flowpack import flow\nimport helper\n@flow\ndef main(): return helper.NAME"
    plain = load_flow_from_script(beside(text, helper=HELPER.format("beside")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_flow_from_script(bundle("a"))() == ("a", "a")
    assert plain() == "beside"


def test_script_that_loads_a_bundle(shared):
    """The bundle's modules stay, whichever other ones are kept from the script."""
    load_flow_from_script(bundle("a"))
    shared.load = lambda: load_flow_from_script(bundle("b", lazy="NAME = 'b'"))
    text = "import shared_with_scripts\nmain = shared_with_scripts.load()"
    # Others of sys.path, such as a flows.py of another test, are kept from the script.
    with pytest.warns(UserWarning, match="helper were loaded from elsewhere"):
        assert load_flow_from_script(Script(text.encode(), "stored.py"))() == ("b", "b")
    assert sys.modules["helper"].NAME == "b"


def test_two_bundles():
    """Each has its own when it loads; the last one's are found later, which a warning says."""
    first = load_flow_from_script(bundle("a"))
    with pytest.warns(UserWarning, match="^flows, helper were loaded from elsewhere"):
        second = load_flow_from_script(bundle("b"))
    assert (first(), second()) == (("a", "b"), ("b", "b"))
    with pytest.warns(UserWarning, match="^flows, helper, lazy were loaded from elsewhere"):
        again = load_flow_from_script(bundle("a"))
    assert again() == ("a", "a")


def test_two_bundles_without_a_common_name():
    """Both keep theirs."""
    first = load_flow_from_script(bundle("a"))
    text = b"from flowpack import flow\n@flow\ndef other():\n  import x\n  return x.N"
    files = {"other.py": text, "x.py": b"N = 1"}
    other = Script(pack(Bundle(files, "other", "other.py", "other", ("",))), "other.py")
    second = load_flow_from_script(other)
    assert (first(), second()) == (("a", "a"), 1)


def test_missing_module_of_a_bundle():
    """The error says how to include it, at import and when the flow runs."""
    advice = "is deployed with --project, and an import or --include names it; if one does, "
    advice += "--project ROOT or --path DIR says where it is"
    with pytest.raises(ScriptError, match="No module named 'gone'") as caught:
        load_flow_from_script(bundle("a", helper="import gone"))
    assert advice in str(caught.value)
    assert not any(map(in_bundle, sys.path))
    assert "helper" not in sys.modules
    flow = load_flow_from_script(bundle("b", lazy="import gone"))
    with pytest.raises(ModuleNotFoundError) as missing:
        flow()
    assert advice in str(script_error("b.py", missing.value))


def test_missing_prefect():
    """The error says how to do without."""
    with pytest.raises(ScriptError, match="install Prefect where flowpack runs"):
        load_flow_from_script(bundle("a", flows="import prefect.nothing"))


def test_missing_file_of_a_bundle():
    """The error says how to include it."""
    text = "open(__file__ + '.json')"
    with pytest.raises(ScriptError, match="with --project the files that --include names"):
        load_flow_from_script(bundle("a", helper=text))

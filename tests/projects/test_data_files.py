"""Hints at data files that code names."""

from __future__ import annotations

import textwrap

import pytest

from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError
from flowpack.projects.data_files import DataFiles

FILES = (
    "flows/sql/q.sql flows/x.yaml data/a.csv data/sub/b.json templates/m.html pkg/__init__.py"
    " pkg/res/t.txt pkg/templates/p.html dbt/dbt_project.yml scripts/x.py run.sh .env models/m.pkl"
    " conf.yaml src/lib/__init__.py src/lib/l.json src/lib/top.py notes.md"
).split()
HEAD = """
import glob, importlib.resources, json, os, pkgutil, subprocess, yaml
import os.path as osp
import pandas as pd
from importlib import resources
from pathlib import Path
import lib
HERE = Path(__file__).parent
BASE = os.path.dirname(os.path.abspath(__file__))
ROOT = Path(__file__).resolve().parents[1]
UP = HERE / ".."
"""


@pytest.fixture
def root(tmp_path):
    for path in FILES:
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("")
    return tmp_path


def hints(root, code, taken=(), path="flows/f.py"):
    (root / path).write_text(textwrap.dedent(HEAD + code))
    files = DataFiles(str(root), ("src",), taken)
    files.find(Script.read(root / path))
    return files.hints


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('data/a.csv')", "data/a.csv"),
        ("def f(name='conf.yaml'): pass", "conf.yaml"),
        ("with open(HERE / 'sql' / 'q.sql') as f: pass", "flows/sql/q.sql"),
        ("(HERE / 'sql/q.sql').read_text()", "flows/sql/q.sql"),
        ("Path(__file__).with_name('x.yaml')", "flows/x.yaml"),
        ("HERE.joinpath('sql', 'q.sql').open()", "flows/sql/q.sql"),
        ("Path('sql/q.sql').read_bytes()", "flows/sql/q.sql"),
        ("SQL = HERE / 'sql'\nopen(SQL / name)", "flows/sql/"),
        ("SQL = HERE / 'sql'\nopen(SQL / 'q.sql')", "flows/sql/ flows/sql/q.sql"),
        ("yaml.safe_load(open(os.path.join(BASE, 'x.yaml')))", "flows/x.yaml"),
        ("open(osp.join(osp.dirname(__file__), 'x.yaml'))", "flows/x.yaml"),
        ("open(BASE + '/x.yaml')", "flows/x.yaml"),
        ("open(f'{BASE}/x.yaml')", "flows/x.yaml"),
        ("open(str(ROOT / 'models/m.pkl'), 'rb')", "models/m.pkl"),
        ("open(UP / 'models/m.pkl', 'rb')", "models/m.pkl"),
        ("pd.read_csv(Path.cwd() / 'data' / 'a.csv')", "data/a.csv"),
        ("pd.read_csv(filepath_or_buffer='data/a.csv')", "data/a.csv"),
        ("def f(i): open(f'data/sub/{i}.json')", "data/sub/"),
        ("glob.glob('data/*.csv')", "data/"),
        ("Path('data').glob('*.csv')", "data/"),
        ("pkgutil.get_data('pkg', 'res/t.txt')", "pkg/res/t.txt"),
        ("importlib.resources.files('pkg').joinpath('res/t.txt')", "pkg/ pkg/res/t.txt"),
        ("resources.files('pkg.res') / 't.txt'", "pkg/res/t.txt"),
        ("(resources.files('lib') / 'l.json').read_text()", "src/lib/ src/lib/l.json"),
        ("resources.files(lib).joinpath('l.json')", "src/lib/l.json"),
        ("resources.files(__package__) / 'x.yaml'", "flows/x.yaml"),
        ("resources.read_text('pkg.res', 't.txt')", "pkg/res/t.txt"),
        ("FileSystemLoader('templates')", "templates/"),
        ("Environment(loader=FileSystemLoader(searchpath='templates'))", "templates/"),
        ("PackageLoader('pkg').get_template('p.html')", "pkg/ pkg/templates/p.html"),
        ("DbtCoreOperation(commands=['dbt run'], project_dir='dbt')", "dbt/"),
        ("subprocess.run(['python', 'scripts/x.py'])", "scripts/x.py"),
        ("def f():\n  own = HERE / 'sql'\n  open(own / name)", "flows/sql/"),
        ("open(self.base / 'sql' / 'q.sql')", "flows/sql/ flows/sql/q.sql"),
        ("os.path.join(base(), 'x.yaml')", "flows/x.yaml"),
        ("class A:\n  base = 'data'\n  def f(self): open('data/a.csv')", "data/a.csv"),
        ("os.system('bash run.sh -v')", "run.sh"),
        ("load_dotenv('.env')", ".env"),
        ("pd.read_csv('data/a.csv').to_csv('run.sh')", "data/a.csv"),
        ("FILES = ['data/a.csv', {'k': 'models/m.pkl'}]", "data/a.csv models/m.pkl"),
    ],
)
def test_paths_that_are_there(root, code, expected):
    assert sorted(hints(root, code)) == expected.split()


@pytest.mark.parametrize(
    "code",
    [
        "'data/a.csv'",  # Docstrings, and text.
        "x = {'data': 1, 'f.py': 2}; print('templates', 'See data/a.csv for more.')",
        "open('run.sh', 'w')",
        "open('run.sh', mode='a')",
        "Path('run.sh').open('w')",
        "df.to_csv('data/a.csv'); Path('run.sh').write_text('')",
        "open('/etc/passwd'); open('../../x.csv'); open(HERE / '../../x.csv')",
        "pd.read_csv('https://example.com/data/a.csv'); pd.read_csv('s3://bucket/a.csv')",
        "open(name); open(HERE); open('.'); open(''); os.listdir('flows')",
        "open('a\\0b.csv'); open('a\\nb.csv'); open('x' * 9999)",
        "', '.join(['a', 'b']); open(1); open(b'data/a.csv'); open()",
        "X = X + X; open(X); Y = Z; Z = Y; open(Y + '/a.csv')",
        "Path(); 'a'.parent; HERE.parents[x]; HERE.parents['1']; files(); HERE.parents[99]",
    ],
)
def test_no_noise(root, code):
    assert hints(root, code) == {}


def test_what_a_hint_says(root):
    code = "open('data/a.csv')\nopen('.env')\nlistdir('models')"
    data, secret, folder = hints(root, code).values()
    text = "f.py:12 names the file data/a.csv, which is not stored; --include data/a.csv stores it"
    assert data.endswith(text)
    assert "names the folder models/, which is not stored; --include models/ stores" in folder
    assert secret.endswith(
        "f.py:13 names the file .env, which is not stored; it may hold secrets, so use blocks or"
        " environment variables; --include .env stores it"
    )


def test_what_is_in_the_package_is_not_hinted_at(root):
    code = "open('data/a.csv'); open(ROOT / 'models' / 'm.pkl'); FileSystemLoader('pkg/templates')"
    taken = ["data/a.csv", "pkg/templates/p.html", "pkg/__init__.py"]
    assert list(hints(root, code, taken)) == ["models/m.pkl"]
    # A folder of modules is no data.
    assert hints(root, "x = ROOT / 'pkg'", taken[2:]) == {}


def test_a_file_that_helpers_look_for_by_its_name(root):
    code = "run_query('sub/b.json'); run_query('m.pkl'); run_query('x.json'); run_query('top.py')"
    assert list(hints(root, code)) == ["data/sub/b.json", "models/m.pkl"]
    (root / "flows/m.pkl.d/sub").mkdir(parents=True)
    (root / "flows/m.pkl.d/sub/b.json").write_text("")  # Now it may be either.
    assert list(hints(root, code)) == ["models/m.pkl"]


def test_names_with_spaces_are_quoted(root):
    (root / "my data.csv").write_text("")
    (hint,) = hints(root, "open('my data.csv')").values()
    assert hint.endswith("; --include 'my data.csv' stores it")


def test_each_path_once_where_it_stands_first(root):
    (hint,) = hints(root, "NAME = 'data/a.csv'\nopen(NAME)\nopen('data/a.csv')").values()
    assert "f.py:12 " in hint


def test_a_module_in_a_package_names_its_own_folder(root):
    found = hints(root, "open(HERE / 'l.json'); open('l.json')", path="src/lib/top.py")
    assert list(found) == ["src/lib/l.json"]


@pytest.mark.parametrize("operator", "+/")
def test_deep_code(root, operator):
    code = "x = " + operator.join(["'a'"] * 3000) + "\ny = 'data/a.csv'"
    try:
        assert list(hints(root, code)) == ["data/a.csv"]
    except DiscoveryError as exc:  # Older Pythons cannot parse it.
        assert "nested too deeply" in str(exc)


def test_what_is_no_python(root):
    with pytest.raises(DiscoveryError):
        hints(root, "def (")

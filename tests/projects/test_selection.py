"""What include, exclude and the size limit select, in real folders and real git checkouts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from flowpack.exceptions import DeploymentValidationError, ProjectError
from flowpack.projects.listing import walk
from flowpack.projects.reader import FileReader, format_size
from flowpack.projects.selection import Selection, holds_secrets


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def write(root, *paths, content=b"x"):
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            place.write_bytes(content)
        else:
            place.mkdir(exist_ok=True)


def git(folder, *arguments):
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    named = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    command = ["git", "-C", str(folder), *named, *arguments]
    subprocess.run(command, check=True, capture_output=True, env=env)


def select(root, *include, exclude=(), **options):
    return list(Selection(include, tuple(exclude)).select(str(root), **options).patterns)


def problem(root, *include, exclude=()):
    with pytest.raises(ProjectError) as caught:
        chosen = Selection(include, tuple(exclude)).select(str(root))
        reader = FileReader(str(root))
        reader.check_size(chosen.patterns)
        for path in chosen.patterns:
            reader.read(path)
    return str(caught.value)


TREE = (
    "flow.py a.csv .hidden.csv data/b.csv data/raw/c.csv data/raw/deep/d.csv data/.keep"
    " .config/e.csv data/[1].csv data/1.csv"
).split()


@pytest.mark.parametrize("is_git", [False, True])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", "a.csv"),
        ("data/*.csv", "data/1.csv data/[1].csv data/b.csv"),
        ("./data//?.csv", "data/1.csv data/b.csv"),
        ("data/[!0-9].csv", "data/b.csv"),
        ("data/[1].csv", "data/[1].csv"),  # A file that is there is meant as it is.
        ("**/d.csv", "data/raw/deep/d.csv"),
        ("data/**/c.csv", "data/raw/c.csv"),
        ("data/*/*.csv", "data/raw/c.csv"),
        ("**/raw", "data/raw/c.csv data/raw/deep/d.csv"),
        ("*/raw/", "data/raw/c.csv data/raw/deep/d.csv"),
        ("data/raw", "data/raw/c.csv data/raw/deep/d.csv"),
        ("data/raw/**", "data/raw/c.csv data/raw/deep/d.csv"),
        (".*/*.csv", ".config/e.csv"),
        (".config", ".config/e.csv"),
        (".config/", ".config/e.csv"),
        (".hidden.csv", ".hidden.csv"),
        ("d*/.keep", "data/.keep"),
        ("**/.keep", "data/.keep"),
    ],
)
def test_patterns(root, is_git, pattern, expected):
    write(root, *TREE)
    if is_git:
        git(root, "init")
    assert select(root, pattern) == expected.split()


def test_the_root_itself_is_a_folder(root):
    write(root, *TREE, "__pycache__/x.pyc", "y.pyo", ".DS_Store")
    assert select(root, ".") == sorted(TREE)
    assert select(root, "**") == sorted(path for path in TREE if "/." not in f"/{path}")


def test_a_file_keeps_the_first_pattern_that_brings_it(root):
    write(root, *TREE)
    chosen = Selection(("data/raw", "data/**")).select(str(root))
    assert chosen.patterns["data/raw/c.csv"] == "data/raw"
    assert chosen.patterns["data/b.csv"] == "data/**"


def test_modules_and_packages_by_name(root):
    write(root, "pkg/__init__.py", "pkg/tasks.py", "pkg/plugins/a.py", "pkg/plugins/q.sql")
    write(root, "src/lib/__init__.py", "jobs/own/x.py", "one.py")
    assert select(root, "pkg.tasks") == ["pkg/tasks.py"]
    assert select(root, "pkg.plugins") == ["pkg/plugins/a.py", "pkg/plugins/q.sql"]
    assert select(root, "one") == ["one.py"]
    assert select(root, "lib") == ["src/lib/__init__.py"]
    assert select(root, "own.x", search_paths=("jobs",)) == ["jobs/own/x.py"]


def test_an_empty_folder_is_held_by_a_path_with_a_slash(root):
    write(root, "empty/", "full/cache/__pycache__/x.pyc")
    assert select(root, "empty", "full/cache/") == ["empty/", "full/cache/"]
    assert FileReader(str(root)).read("empty/") == b""


@pytest.mark.parametrize(
    "pattern", ["/etc/passwd", "../x", "a/../../x", "a/..", "~/x", "C:\\x", "a\\..\\b", "", "a\0b"]
)
def test_patterns_that_lead_out_are_refused(pattern):
    with pytest.raises(DeploymentValidationError, match="include: "):
        Selection(include=(pattern,))
    with pytest.raises(DeploymentValidationError, match="exclude: "):
        Selection(exclude=(pattern,))


@pytest.mark.parametrize("value", ["data", 5, [5], [b"x"], None])
def test_patterns_are_lists_of_texts(value):
    with pytest.raises(DeploymentValidationError):
        Selection(include=value)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "10"])
def test_the_size_limit_is_a_number_above_zero(limit):
    with pytest.raises(DeploymentValidationError, match="size_limit"):
        Selection(size_limit=limit)


@pytest.mark.parametrize("pattern", ["dta/raw/", "data/*.cvs", "pkg.plugin", "flow.yp", "Data"])
def test_a_pattern_that_matches_nothing(root, pattern):
    write(root, *TREE, "pkg/plugins.py")
    assert problem(root, pattern) == f"include '{pattern}' matches no file under {root}"


def test_brackets_that_are_no_range(root):
    write(root, "a[.csv", "b.csv")
    assert select(root, "?[.csv") == ["a[.csv"]
    try:  # Python 3.9 and 3.10 refuse it.
        assert "matches no file" in problem(root, "[z-a].csv")
    except DeploymentValidationError as exc:
        assert "'[z-a].csv' is no pattern: bad character range" in str(exc)


def test_many_wildcards_are_matched_quickly(root):
    write(root, "/".join("abcdefghijklmnopqrstuvwxyz"))
    assert select(root, "**/" * 30 + "z") == ["/".join("abcdefghijklmnopqrstuvwxyz")]
    assert "matches no file" in problem(root, "**/" * 30 + "nothing")


def test_folders_that_are_too_deep(root):
    write(root, "a/" * 300 + "x.csv")
    assert "100 in each other, are under" in problem(root, "**/*.csv")
    git(root, "init")
    assert select(root, "**/*.csv") == ["a/" * 300 + "x.csv"]


def test_exclude_takes_away_from_include(root):
    write(root, *TREE, "pkg/a.py", "pkg/b/c.py", "src/pkg/d.py")
    assert select(root, "data", exclude=["data/raw/**", "**/1.csv", "data/[[]1].csv"]) == [
        "data/.keep",
        "data/b.csv",
    ]
    assert select(root, "**/*.py", exclude=["pkg.b", "flow"]) == ["pkg/a.py", "src/pkg/d.py"]
    assert select(root, "**/*.py", exclude=["pkg"]) == ["flow.py"]
    assert select(root, "data/**", exclude=["data/raw/"])[-1] == "data/b.csv"
    assert "excluded (a.csv)" in problem(root, "a.csv", exclude=["*.csv"])
    assert Selection(exclude=("data/*",)).excludes("data/.keep")  # Wildcards, too.


# --- git


def test_git_decides_what_globs_and_folders_bring(root):
    write(root, "data/a.csv", "data/out.csv", "data/sub/b.csv", "data/sub/tmp.csv")
    write(root, ".gitignore", content=b"out.csv\n")
    write(root, "data/sub/.gitignore", content=b"tmp*\n")
    git(root, "init")
    assert select(root, "data/**/*.csv") == ["data/a.csv", "data/sub/b.csv"]
    assert select(root, "data")[:2] == ["data/a.csv", "data/sub/.gitignore"]
    # A root below the checkout, too.
    assert select(root / "data", "*.csv") == ["a.csv"]
    text = problem(root, "data/o*.csv")
    assert "matches only what git ignores (data/out.csv); name each" in text
    # A file that is named is taken.
    assert select(root, "data/out.csv") == ["data/out.csv"]


def test_ignores_of_a_user_or_a_clone_do_not_count(root, tmp_path, monkeypatch):
    write(root, "a.csv", "b.csv", "c.csv")
    git(root, "init")
    write(tmp_path, "ignores", content=b"a.csv\n")
    write(tmp_path, "home/.gitconfig", content=f"[core]\nexcludesFile={tmp_path}/ignores".encode())
    write(tmp_path, "home/.config/git/ignore", content=b"b.csv\n")
    write(root, ".git/info/exclude", content=b"c.csv\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/.config"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "ignores"))
    assert select(root, "*.csv") == ["a.csv", "b.csv", "c.csv"]


def test_a_hostile_repository_runs_nothing(root, tmp_path):
    write(root, "a.csv", "sub/.gitignore")
    git(root, "init")
    git(root, "add", ".")
    touched = tmp_path / "touched"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {touched}\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor"):
        git(root, "config", key, str(program))
    for hook in ("post-index-change", "query-watchman", "fsmonitor-watchman"):
        os.symlink(program, root / ".git" / "hooks" / hook)
    git(root, "config", "alias.ls-files", f"!{program}")
    touched.unlink(missing_ok=True)
    assert select(root, "*.csv") == ["a.csv"]
    assert not touched.exists()
    # The trap is a real one.
    subprocess.run(["git", "-C", str(root), "status"], capture_output=True)
    assert touched.exists()


def test_a_repository_that_would_fetch_runs_nothing(root, tmp_path):
    """git reads a .gitignore that is not there from the index, and fetches it if it may."""
    write(root, "a.csv", "sub/b.csv", ".gitignore", content=b"b.csv\n")
    git(root, "init")
    git(root, "add", "-f", ".")
    git(root, "update-index", "--skip-worktree", ".gitignore")
    touched = tmp_path / "touched"
    blob = subprocess.check_output(["git", "-C", str(root), "rev-parse", ":.gitignore"], text=True)
    (root / ".git/objects" / blob[:2] / blob[2:].strip()).unlink()
    (root / ".gitignore").unlink()
    git(root, "config", "extensions.partialClone", "evil")
    git(root, "config", "remote.evil.promisor", "true")
    git(root, "config", "remote.evil.url", f"ext::sh -c touch% {touched}")
    git(root, "config", "protocol.ext.allow", "always")
    command = ["git", "-C", str(root), "ls-files", "-zco", "--exclude-per-directory=.gitignore"]
    subprocess.run(command, capture_output=True)
    assert touched.exists()  # The trap is a real one.
    touched.unlink()
    Selection(("a.csv",)).select(str(root))
    try:
        select(root, "*.csv")
    except ProjectError as exc:
        assert "git must list" in str(exc)
    assert not touched.exists()


def test_git_is_asked_once_and_only_for_globs_and_folders(root, tmp_path, monkeypatch):
    write(root, "a.csv", "data/b.csv", "pkg/c.py")
    git(root, "init")
    log = tmp_path / "log"
    write(tmp_path, "bin/")
    real = subprocess.check_output(["sh", "-c", "command -v git"], text=True).strip()
    (tmp_path / "bin/git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    assert select(root, "a.csv", "data/b.csv", "pkg.c") == ["a.csv", "data/b.csv", "pkg/c.py"]
    assert not log.exists()
    assert select(root, "*.csv", "data", "pkg/**") == ["a.csv", "data/b.csv", "pkg/c.py"]
    assert len(log.read_text().splitlines()) == 1


def test_without_git_files_must_be_named(root, monkeypatch):
    write(root, "a.csv")
    git(root, "init")
    monkeypatch.setenv("PATH", str(root))
    text = problem(root, "*.csv")
    assert f"checkout {root}" in text and "cannot be run: No such file" in text
    assert "name each file in include without wildcards" in text
    assert select(root, "a.csv") == ["a.csv"]


def test_git_that_refuses_is_an_error(root):
    write(root, "a.csv", ".git/")
    assert "not a git repository" in problem(root, "*.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root for chown")
def test_a_checkout_of_another_user(root, tmp_path, monkeypatch):
    write(root, "a.csv")
    git(root, "init")
    for path in (root, root / ".git"):
        os.chown(path, 12345, 12345)
    monkeypatch.setenv("HOME", str(tmp_path))
    text = problem(root, "*.csv")
    assert "dubious ownership" in text
    assert f"git config --global --add safe.directory {root}" in text
    git(root, "config", "--global", "--add", "safe.directory", str(root))
    assert select(root, "*.csv") == ["a.csv"]


def test_submodules_checkouts_in_it_and_deleted_files(root, tmp_path):
    other = tmp_path / "other"
    write(other, "lib.sql", "tmp.sql")
    write(other, ".gitignore", content=b"tmp.sql\n")
    git(other, "init")
    git(other, "add", ".")
    git(other, "commit", "-m", "x")
    write(root, "gone.sql", "here.sql")
    git(root, "init")
    git(root, "submodule", "add", str(other), "vendor/other")
    git(root, "add", ".")
    write(root, "vendor/other/tmp.sql", "nested/n.sql", "nested/tmp2.sql")
    write(root, "nested/.gitignore", content=b"tmp2.sql\n")
    git(root / "nested", "init")
    (root / "gone.sql").unlink()
    assert select(root, "**/*.sql") == ["here.sql", "nested/n.sql", "vendor/other/lib.sql"]
    # One that is not checked out is an empty folder.
    git(root, "submodule", "deinit", "-f", "vendor/other")
    assert select(root, "**/*.sql") == ["here.sql", "nested/n.sql"]


def test_names_that_git_would_quote(root):
    names = ["ä ö.csv", "a'b\".csv", "日本.csv", "-c.csv"]
    write(root, *names)
    git(root, "init")
    assert select(root, "*.csv") == sorted(names)


# --- what is never taken, and secrets


NEVER = (
    ".git/config .hg/x .svn/x .venv/x.py venv/x.py env/pyvenv.cfg env/lib/x.py __pycache__/x.json"
    " .mypy_cache/x .tox/x .nox/x node_modules/x.js a/.ipynb_checkpoints/x a/b.egg-info/x .eggs/x"
    " x.pyc y.PYO .DS_Store a/site-packages/x.py conda/conda-meta/x conda/x.py"
).split()


@pytest.mark.parametrize("is_git", [False, True])
def test_history_environments_and_caches_are_never_taken(root, is_git):
    write(root, *(path for path in NEVER if is_git is False or path[:5] != ".git/"), "keep.txt")
    if is_git:
        git(root, "init")
    else:
        (root / ".git/config").unlink()
        (root / ".git").rmdir()
    assert select(root, ".") == ["keep.txt"]
    for path in ("venv", "env/lib/x.py", "x.pyc", "env"):
        assert "matches only virtual environments, caches or" in problem(root, path)


SECRET = (
    ".env .env.local prod.env .ENV .env.example .envrc server.pem tls.key Key.P12 cert.pfx a.jks"
    " id_rsa id_ed25519.pub putty.ppk db.kdbx passwords.csv my_Password.txt db-passwd"
    " credentials credentials.json gcp-credentials.yaml .netrc _netrc .pypirc .npmrc .pgpass"
    " .htpasswd .git-credentials secrets.toml client_secret.json service-account.json"
    " my_service_account_key.json api_key.txt .aws/config .ssh/known_hosts .kube/config"
    " terraform.tfstate terraform.tfstate.backup prod.tfvars prod.auto.tfvars.json"
    " token.json .token access-token.txt secrets/a.yaml"
).split()
OPEN = "tokenizer.json key_figures.csv environment.yml keys.csv monkey.txt tokens.csv a.crt".split()


@pytest.mark.parametrize("path", SECRET)
def test_secrets_never_come_by_themselves(root, path):
    write(root, f"conf/{path}", "conf/app.yaml")
    for pattern in ("conf", "**"):
        chosen = Selection((pattern,)).select(str(root))
        assert list(chosen.patterns) == ["conf/app.yaml"]
        is_hidden = "/." in f"/{path}" and pattern == "**"  # No match at all.
        assert is_hidden or chosen.left_out == (f"conf/{path}",)
    chosen = Selection((f"conf/{path}",)).select(str(root))
    assert list(chosen.patterns) == [f"conf/{path}"]
    (problem,) = chosen.problems
    assert f"conf/{path} may hold secrets" in problem
    assert "block or environment variables" in problem


@pytest.mark.parametrize("path", OPEN)
def test_what_is_no_secret(path):
    assert not holds_secrets(path)


def test_secrets_in_named_folders_and_globs(root):
    write(root, "secrets/a.yaml", "secrets/.env", "conf/.env", "conf/app.yaml")
    chosen = Selection(("secrets", "conf/", "conf/.env")).select(str(root))
    assert set(chosen.patterns) == {"secrets/a.yaml", "conf/app.yaml", "conf/.env"}
    assert len(chosen.problems) == 2 and chosen.left_out == ("secrets/.env",)
    text = problem(root, "conf/.e*")
    assert "matches only what may hold secrets (conf/.env); name each without wildcards" in text


def test_modules_with_the_names_of_secrets(root):
    code = ["credential_store.py", "secret_santa.py", "token_cache.py"]
    write(root, "credentials.py", "passwords.py", "secrets.py", *code)
    assert select(root, "*.py") == code
    assert select(root, "credentials") == ["credentials.py"]


# --- links, names, special files


@pytest.mark.parametrize("is_git", [False, True])
def test_links(root, tmp_path, is_git):
    write(root, "data/a.csv", "data/ignored.csv", "pkg/x.py")
    write(root, ".gitignore", content=b"ignored.csv\n")
    write(tmp_path, "outside/secret.csv")
    (root / "pkg/data").symlink_to("../data")
    (root / "pkg/up").symlink_to("..")
    (root / "data/self").symlink_to("self")
    (root / "data/b.csv").symlink_to("a.csv")
    (root / "data/gone.csv").symlink_to("nothing.csv")
    expected = ["data/a.csv", "data/b.csv", "pkg/data/a.csv", "pkg/data/b.csv"]
    if is_git:
        git(root, "init")
    else:
        expected = sorted([*expected, "data/ignored.csv", "pkg/data/ignored.csv"])
    assert select(root, "**/*.csv") == expected
    assert FileReader(str(root)).read("pkg/data/b.csv") == b"x"
    assert "'data/gone.csv': there is no such file" in problem(root, "data/gone.csv")
    assert "'data/self': it cannot be read: Too many levels" in problem(root, "data/self")
    (root / "ext").symlink_to(tmp_path / "outside")
    (root / "passwd.csv").symlink_to("/etc/passwd")
    (root / "data/inner").symlink_to(tmp_path / "outside")
    for pattern in ("ext", "ext/*.csv", "ext/secret.csv", "passwd.csv", "data", "**/*.csv"):
        text = problem(root, pattern)
        assert "is a link that leads out of the project, to /" in text and "exclude it" in text
    assert select(root, "**/*.csv", exclude=["ext", "passwd.csv", "**/inner"]) == expected
    assert select(root, "data/*") == [path for path in expected if path.startswith("data")]


def test_links_that_lead_in_circles_end(root):
    write(root, "a/x.csv", "b/y.csv")
    (root / "a/b").symlink_to("../b")
    (root / "b/a").symlink_to("../a")
    assert select(root, "**/*.csv") == ["a/b/y.csv", "a/x.csv", "b/a/x.csv", "b/y.csv"]


def test_a_root_that_is_reached_by_a_link(root, tmp_path):
    write(root, "data/a.csv")
    (tmp_path / "link").symlink_to(root)
    assert select(tmp_path / "link", "data") == ["data/a.csv"]
    assert FileReader(str(tmp_path / "link")).read("data/a.csv") == b"x"


def test_names_that_are_not_the_same_everywhere_are_refused(root):
    reader = FileReader(str(root))
    write(root, "a\nb.csv", "c\x1b.csv", "data/A.csv", "data/a.csv", "e\u0301.csv", "\u00e9.csv")
    write(root, "Lib/x.csv", "lib/y.csv")
    for name in ("a\nb.csv", "c\x1b.csv"):
        with pytest.raises(ProjectError, match=r"the name '[^\n]+' has control characters"):
            reader.read(name)
    for one, other in (
        ("data/A.csv", "data/a.csv"),
        ("e\u0301.csv", "\u00e9.csv"),
        ("Lib/x.csv", "lib/y.csv"),
    ):
        reader.read(one)
        with pytest.raises(ProjectError, match="differ only in case or in how accents"):
            reader.read(other)
    assert set(reader.files) == {"data/A.csv", "e\u0301.csv", "Lib/x.csv"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8")
def test_names_that_are_no_utf8_are_refused(root):
    name = os.fsdecode(b"\xff.csv")
    write(root, name)
    git(root, "init")
    assert r"the name '\udcff.csv' is not UTF-8" in problem(root, "*.csv")


def test_special_files(root, monkeypatch):
    write(root, "a.csv")
    os.mkfifo(root / "fifo.csv")
    monkeypatch.chdir(root)  # The path of a socket is short.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.csv")
        assert select(root, "*.csv") == ["a.csv"]
        assert "'fifo.csv': it cannot be read: it is no regular file" in problem(root, "fifo.csv")
        assert "'socket.csv': it cannot be read" in problem(root, "socket.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_folder_that_cannot_be_read(root):
    write(root, "data/a.csv")
    (root / "data").chmod(0)
    try:
        assert "cannot be read: Permission denied" in problem(root, "**/*.csv")
    finally:
        (root / "data").chmod(0o755)


# --- sizes and reading


def test_too_large_lists_the_largest_files_and_folders(root):
    write(root, "data/raw/a.bin", content=b"a" * 3000)
    write(root, "data/b.bin", content=b"b" * 500)
    write(root, "c.bin", content=b"c" * 100)
    reader = FileReader(str(root), limit=2048)
    reader.read("c.bin")
    with pytest.raises(ProjectError) as caught:
        reader.check_size(["data/raw/a.bin", "data/b.bin"])
    assert str(caught.value) == (
        "the project's files have 3.5 KiB, more than the limit of 2.0 KiB; the largest files are"
        " data/raw/a.bin (2.9 KiB), data/b.bin (500 bytes), c.bin (100 bytes); the largest folders"
        " are data/ (3.4 KiB), data/raw/ (2.9 KiB). Leave some out (--exclude), include less"
        " (--include), or raise the limit (--size-limit)"
    )
    with pytest.raises(ProjectError, match="2.0 KiB"):
        reader.read("data/raw/a.bin")
    assert set(reader.files) == {"c.bin"}


def test_a_file_that_is_too_large_is_not_read(root):
    with open(root / "huge.bin", "wb") as file:
        file.truncate(1 << 40)  # Sparse: reading it would take all memory.
    assert "huge.bin (1024.0 GiB)" in problem(root, "*.bin")


def test_exactly_the_limit_is_taken(root):
    write(root, "a", "b", content=b"12345")
    reader = FileReader(str(root), limit=10)
    assert (reader.read("a"), reader.read("b")) == (b"12345", b"12345")
    (root / "a").unlink()
    assert reader.read("a") == b"12345"  # Each file is read once.
    with pytest.raises(ProjectError, match="'c': there is no such file"):
        reader.read("c")


def test_sizes_for_people():
    assert [format_size(size) for size in (0, 1023, 1024, 3_355_443, 5 << 30)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "3.2 MiB",
        "5.0 GiB",
    ]


def test_many_files(root):
    write(root, *(f"d{number % 20}/{number}.csv" for number in range(2000)))
    assert len(list(walk(str(root)))) == len(select(root, "**/*.csv")) == 2000

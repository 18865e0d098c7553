"""What is printed, where, and that it is safe to print."""

import datetime
import io
import json
import logging
import subprocess
import sys
import uuid
import warnings

import pytest

from flowpack.cli import output
from flowpack.exceptions import FlowpackError

NASTY = "a\x1b[31m\r\u202eb"
ID = uuid.UUID(int=7)
TIME = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)


def test_table_has_columns():
    """Cells stand under their headings; what is empty is a dash."""
    rows = [("a", True), ("long name", False), (None, [])]
    assert output.table(("NAME", "ON"), rows) == [
        "NAME       ON",
        "a          yes",
        "long name  no",
        "-          -",
    ]


def test_tables_and_notes_are_escaped(capsys):
    """Control characters from outside do not reach the terminal."""
    shown = output.table(("NAME",), [(NASTY,), ([NASTY],), ({NASTY: NASTY},)])
    shown += output.facts({NASTY: NASTY})
    output.note(NASTY)
    output.error(NASTY)
    out, err = capsys.readouterr()
    assert not {"\x1b", "\r", "\u202e"} & set(f"{shown}{out}{err}")


def test_order_in_one_file(tmp_path):
    """Where a file has both streams, notes stand between the results that they are about."""
    program = """if True:
        from flowpack.cli import output
        for number in "12":
            output.result(None, [f"result {number}"], as_json=False)
            output.note(f"note {number}")
    """
    with open(tmp_path / "log", "wb") as log:
        command = [sys.executable, "-c", program]
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)
    said = (tmp_path / "log").read_text().splitlines()
    assert said == ["result 1", "note 1", "result 2", "note 2"]


def test_errors_keep_their_lines(capsys):
    """An error of several lines stays one."""
    output.error("two problems:\n  - a\n  - b")
    lines = ["flowpack: error: two problems:", "  - a", "  - b"]
    assert capsys.readouterr().err.splitlines() == lines


def test_document_is_json(capsys):
    """Ids and times are text, tuples are lists, and no NaN comes out."""
    document = {"id": ID, "at": TIME, "tags": ("a",), "x": [float("nan")], 1: 2}
    output.result(document, (), as_json=True)
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "id": str(ID),
        "at": TIME.isoformat(),
        "tags": ["a"],
        "x": ["nan"],
        "1": 2,
    }


class Grumpy:
    def __repr__(self):
        raise RuntimeError("no")


def endless():
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value, shown",
    [
        (None, None),
        ({"a": [1]}, {"a": [1]}),
        ("text", "text"),
        ({1, 2}, "{1, 2}"),
        ({"at": TIME}, {"at": TIME.isoformat()}),
        (Grumpy(), "a Grumpy that cannot be shown"),
        (endless(), "[[...]]"),
    ],
    ids=["None", "json", "text", "set", "nested", "unshowable", "endless"],
)
def test_any_returned_value_is_printed(capsys, value, shown):
    """What a flow returns becomes one JSON document, whatever it is."""
    output.returned(value, as_json=True)
    assert json.loads(capsys.readouterr().out) == shown


@pytest.mark.parametrize(
    "value, shown",
    [("two\nlines", "two\nlines"), ([1], "[1]"), (Grumpy(), "a Grumpy that")],
    ids=["text", "list", "unshowable"],
)
def test_returned_text(capsys, value, shown):
    """Text is itself, other values are their repr."""
    output.returned(value, as_json=False)
    assert capsys.readouterr().out.startswith(shown)


def test_facts_within_facts():
    """Mappings within are shown by their items."""
    lines = output.facts({"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": {}})
    assert lines == ["a    1", "b.c  2", 'b.d  {"e": 3}', "f    -"]


def test_narrow_encodings_are_no_error(monkeypatch):
    """What standard output cannot encode is escaped."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output.text("gr\u00fc\u00df")
    output.flush()
    assert raw.getvalue() == b"gr\\xfc\\xdf\n"


@pytest.mark.parametrize("print_it", [output.text, output.note])
def test_no_streams(monkeypatch, print_it):
    """Without standard streams nothing is printed, and nothing fails."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    print_it("x")
    output.content(b"x")
    output.flush()


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_full_disk_is_our_error(monkeypatch):
    """A result that cannot be written is an error, not silence."""
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(FlowpackError, match="No space left"):
        output.text("x")


def test_closed_stream_is_our_error(monkeypatch):
    """So is one that was closed; what else has a wrong value is not taken for that."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(ValueError, match="other"):
        with output.guarded():
            raise ValueError("other")
    sys.stdout.close()
    with pytest.raises(FlowpackError, match="cannot be written.*closed file"):
        output.text("x")


def test_reader_has_gone(monkeypatch):
    """Nobody to read results ends the command; for the rest it does not matter."""
    monkeypatch.setattr(sys, "stdout", Broken())
    monkeypatch.setattr(sys, "stderr", Broken())
    output.note("x")
    with pytest.raises(output.OutputClosed):
        output.text("x")


def test_warnings_are_lines(capsys):
    """A UserWarning is one line without file and source."""
    shown = warnings.showwarning
    with output.warnings_as_lines():
        warnings.warn("mind\nthe gap", UserWarning, stacklevel=1)
        warnings.warn("mind\nthe gap", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: mind\\nthe gap\n" * 2
    assert warnings.showwarning is shown


def test_other_warnings_stay_as_they_are(capsys, monkeypatch):
    """Warnings for developers are shown as Python shows them."""
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda *found: shown.append(found))
    with output.warnings_as_lines():
        warnings.simplefilter("always")
        warnings.warn("old", FutureWarning, stacklevel=1)
    assert [found[1] for found in shown] == [FutureWarning]
    assert capsys.readouterr().err == ""


def test_verbose_and_quiet(flowpack, script):
    """-v shows each write, -vv each request, before the command or behind it; -q no notes."""
    options = ("deploy", script, "-n", "d", "--storage", "file:store")
    quiet = flowpack(*options, "-q")
    assert quiet.err == "" and quiet.out.startswith("created hello/d (")
    assert flowpack(*options, "-v").err == ""
    flowpack("delete", "hello/d")
    shown = flowpack("-v", *options).err
    assert "info: created deployment 'd' " in shown and "debug: " not in shown
    shown = flowpack("ls", "-vv").err
    assert "debug: POST /deployments/filter: 200 in " in shown
    assert logging.getLogger("flowpack").level == logging.NOTSET
    assert flowpack("ls").err == ""


def test_quiet_leaves_errors_and_warnings(flowpack, script):
    """What is wrong is said all the same."""
    failed = flowpack("-q", "inspect", "hello/d")
    assert failed.status == 1 and "flowpack: error: " in failed.err
    done = flowpack("deploy", script, "--storage", "store", "--cron", "0 3 * * *", "-q")
    assert done.err.startswith("warning: ")


def test_verbose_and_quiet_contradict(flowpack):
    """One of them is meant."""
    assert flowpack("ls", "-v", "-q").status == 2


class Terminal(io.StringIO):
    """Standard output of so many columns."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (30, ["NAME      TAGS           SEEN", "flow/dep  a, b, c, d, e  today"]),
        (28, ["NAME      TAGS         SEEN", "flow/dep  a, b, c, d…  today"]),
        (27, ["NAME      TAGS        SEEN", "flow/dep  a, b, c, …  today"]),
        (20, ["NAME   TAGS    SEEN", "flow…  a, b,…  today"]),
        (2, ["…  …  …", "…  …  …"]),
    ],
)
def test_table_fits_the_terminal(monkeypatch, width, lines):
    """The longest cells are cut, the name last; in a pipe nothing is."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(output, "columns", lambda stream: width)
    rows = [("flow/dep", list("abcde"), "today")]
    assert output.table(("NAME", "TAGS", "SEEN"), rows) == lines


def test_names_are_cut_last(monkeypatch):
    """They are what one goes on with."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(output, "columns", lambda stream: 30)
    ((_, shown), (_, narrow)) = (
        output.table(("NAME", "A"), [("f" * length, "x" * 40)]) for length in (18, 90)
    )
    assert shown == "f" * 18 + "  " + "x" * 9 + "\u2026"
    assert narrow == "f" * 17 + "\u2026  " + "x" * 9 + "\u2026"


def test_wide_characters(monkeypatch):
    """They take two columns each, and combining ones none."""
    rows = [("\u6d41\u7a0b", 1), ("e\u0301", 2)]
    assert output.table(("N", "X"), rows) == ["N     X", "\u6d41\u7a0b  1", "e\u0301     2"]
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(output, "columns", lambda stream: 10)
    assert output.table(("N",), [("\u6d41" * 9,)])[1] == "\u6d41\u6d41\u6d41\u6d41\u2026"


def test_nothing_is_cut_in_a_pipe():
    """Whoever reads it by machine gets all of it."""
    assert output.table(("N",), [("x" * 9999,)])[1] == "x" * 9999


@pytest.mark.parametrize(
    "argv", [("-vv", "storage", "ls"), ("storage", "-vv", "ls"), ("storage", "ls", "-vv")]
)
def test_verbose_anywhere(flowpack, argv):
    """Before the command, between, or behind it."""
    done = flowpack(*argv)
    assert done.status == 0
    assert "debug: POST /block_documents/filter: 200 in " in done.err

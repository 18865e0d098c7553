"""Pages are read as they are written, and sessions are real."""

import os
import time

import pytest

from tests.docs.transcripts import Block, Session, difference, read_page

PAGE = """\
Title
=====

Text with ``$ no command``.

.. code-block:: python
   :caption: sub/show.py

   import sys

   print(sys.argv[1:])

Then:

* In a list:

  .. code-block:: console

     $ cd sub
     $ ls
     show.py
     $ export WHO="port 4200"; python3 show.py "$WHO" \\
     >   b
     ['port 4200', 'b']
     $ echo "$WHO at $(date +%s)"; echo
     port 4200 at ...

.. code-block:: console
   :class: setup

   $ exit 1

.. code-block:: python
   :caption: show.py

   print("changed")

.. code-block:: console

   $ python3 show.py
   changed
   $ true
"""


@pytest.fixture
def page(tmp_path):
    """The blocks of the page above."""
    path = tmp_path / "page.rst"
    path.write_text(PAGE)
    return read_page(path)


@pytest.fixture
def session(tmp_path):
    """A shell in an empty folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with Session(folder, {"PATH": os.environ["PATH"]}) as session:
        yield session


def console(text):
    """A shell session."""
    return Block("console", "", text, 1)


def test_read_page(page):
    """Language, caption, class, line and text are those of the page."""
    assert [(each.language, each.caption, each.line) for each in page] == [
        ("python", "sub/show.py", 6),
        ("console", "", 17),
        ("console", "", 28),
        ("python", "show.py", 33),
        ("console", "", 38),
    ]
    assert page[0].text == "import sys\n\nprint(sys.argv[1:])\n"
    assert page[2].classes == ("setup",)
    assert page[1].commands == [
        ("cd sub", ""),
        ("ls", "show.py\n"),
        ('export WHO="port 4200"; python3 show.py "$WHO" \\\n  b', "['port 4200', 'b']\n"),
        ('echo "$WHO at $(date +%s)"; echo', "port 4200 at ...\n"),
    ]
    with pytest.raises(ValueError, match="starts with"):
        console("no command\n").commands


def test_play(page, session, tmp_path):
    """Files are written where the shell is, and texts are replaced everywhere."""
    assert session.play(page, {"4200": "4311"}) == 6
    assert session.folder == tmp_path / "folder" / "sub"
    assert session.run("echo $WHO") == ("port 4311\n", 0)
    assert (session.folder / "show.py").read_text() == 'print("changed")\n'


@pytest.mark.parametrize("text", ["$ echo a\nb\n", "$ echo a\n", "$ false\n", "$ echo a b\na..c\n"])
def test_play_fails(session, text):
    """Another output, an unexpected one, and a silent failure are found."""
    with pytest.raises(AssertionError, match="at line 1: "):
        session.play([console(text)])


def test_difference():
    """Dots stand for any text, and for nothing else."""
    assert not difference("a ... c\n...\nz\n", "a b c  \n1\n2\nz\n\n")
    assert not difference("", "")
    assert difference("a\n", "a b\n")
    assert difference("", "a\n")
    assert difference("a  b\n", "a b\n")


def test_background(session):
    """A program in the background ends with the session; its job can be named."""
    session.run("sleep 1000 & while :; do date +%N > tick; sleep 0.1; done &")
    printed, status = session.run("kill %1; wait %1")
    assert "Terminated" in printed and status == 143
    tick = session.folder / "tick"
    for _ in range(2):
        assert session.run("until [ -s tick ]; do sleep 0.1; done; rm tick") == ("", 0)
    session.__exit__()
    last = tick.read_text() if tick.exists() else None
    time.sleep(0.5)
    assert last == (tick.read_text() if tick.exists() else None)


def test_standard_input_and_time(session):
    """A command that reads does not read the next ones; one that hangs is an error."""
    assert session.run("cat") == ("", 0)
    with pytest.raises(TimeoutError, match="does not end"):
        session.run("echo said; sleep 1000", timeout=0.5)


def test_end_of_the_shell(session):
    """A command that ends the shell is an error."""
    with pytest.raises(RuntimeError, match="ended the shell"):
        session.run("exit")

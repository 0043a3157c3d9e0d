"""`fa-dynamics explore`: where it listens, what it says, how it refuses and how it ends."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from fa_dynamics.errors import InputError
from fa_dynamics.explore.server import HOST, listen

pytest.importorskip("marimo", reason="the extra 'explore'")


def run(*arguments):
    code = "from fa_dynamics.cli import main; main()"
    command = [sys.executable, "-c", code, "explore", "--no-browser", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_serves_this_machine_alone_and_ends_with_control_c():
    served = run("--port", "0", "--preset", "D'")
    line = served.stdout.readline()
    found = re.fullmatch(r"the explorer is at (http://127\.0\.0\.1:(\d+)/)\?preset=D%27 \(Ctrl-C ends it\)\n", line)
    assert found, line
    with urllib.request.urlopen(found.group(1), timeout=20) as page:
        html = page.read().decode()
    assert "Feedback alignment explorer" in html
    assert not re.search(r"""(src|href)=["']https?://""", html)
    assert "solve_modes" not in html  # the code of the page is not sent
    try:
        others = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        others = set()
    for other in others - {HOST}:
        if not other.startswith("127."):
            with (
                pytest.raises((ConnectionError, TimeoutError)),
                socket.create_connection((other, int(found.group(2))), timeout=2),
            ):
                pass
    served.send_signal(signal.SIGINT)
    out, err = served.communicate(timeout=20)
    assert (served.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("--port", str(port))
        out, err = refused.communicate(timeout=60)
    assert (refused.returncode, out) == (2, "")
    assert err == f"fa-dynamics: error: port: {port} is taken; give another one, or 0 for any that is free\n"


@pytest.mark.parametrize("port", [-1, 65536])
def test_bad_ports(port):
    with pytest.raises(InputError, match=f"port: {port} given, expected a whole number"):
        listen(port)


def test_unknown_preset():
    refused = run("--preset", "Q")
    out, err = refused.communicate(timeout=60)
    assert (refused.returncode, out) == (2, "")
    assert err.startswith("fa-dynamics: error: preset: no row of the table is called 'Q'; known: A, B")
    assert err.count("\n") == 1


def test_without_marimo(monkeypatch):
    from fa_dynamics.explore.server import serve

    monkeypatch.setitem(sys.modules, "marimo", None)
    with pytest.raises(InputError, match="marimo is not installed; pip install 'fa_dynamics"):
        serve(0)


def test_a_socket_is_given_back():
    first = listen(0)
    port = first.getsockname()[1]
    first.close()
    listen(port).close()

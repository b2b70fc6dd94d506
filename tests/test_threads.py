import subprocess
import sys

import pytest

from robustness import paths, threads

PROGRAM = """
import ctypes, sys, tempfile, threading
from robustness import threads

if sys.argv[1] == "settled":
    threads.settle()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
together = threading.Barrier(8)

def work():
    together.wait()
    libc.free(libc.malloc(1000))
    together.wait()

made = [threading.Thread(target=work) for _ in range(8)]
for one in made:
    one.start()
for one in made:
    one.join()
with tempfile.NamedTemporaryFile() as out:
    file = libc.fopen(out.name.encode(), b"w")
    libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    libc.malloc_info(0, file)
    libc.fclose(file)
    print(out.read().count(b"<heap nr="))
"""


def test_waiting_threads_sleep_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    threads.settle()
    assert threads.os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert threads.os.environ["GOMP_SPINCOUNT"] == "0"


@pytest.mark.parametrize(("how", "most", "least"), [("settled", 2, 1), ("unsettled", 99, 3)])
def test_what_threads_free_is_kept_in_two_places(how: str, most: int, least: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=paths.ROOT, capture_output=True, text=True,
        check=True,
    )
    assert least <= int(done.stdout) <= most

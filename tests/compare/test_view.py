"""The tests of `freqbias view` (tests/compare/rendered_view.py), in a process of their own.

VTK brings OpenGL and with it, where a driver compiles its shaders, an LLVM that stays in the process; torch may bring
another later, and the two have ended a process by a segmentation fault.
"""

from pathlib import Path

from tests.launch import run


def test_what_view_writes():
    tests = Path(__file__).with_name("rendered_view.py")
    done = run("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", tests, timeout=600)
    print(done.stdout)  # which were skipped, and why
    assert done.returncode == 0, done.stdout + done.stderr

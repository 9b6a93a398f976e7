"""Run the tests of `freqbias view` (rendered_view.py and rendered_images.py) in a process of their own.

VTK loads OpenGL, and some drivers load LLVM to compile shaders. torch may load another LLVM into the same process
later, and both together have caused a segmentation fault.
"""

from pathlib import Path

from tests.launch import run


def test_rendered_view():
    tests = [Path(__file__).with_name(f"rendered_{name}.py") for name in ("view", "images")]
    done = run("-m", "pytest", "-q", "-rs", "-n0", "-p", "no:cacheprovider", *tests, timeout=600)
    print(done.stdout)  # shows the skipped tests and the reason
    assert done.returncode == 0, done.stdout + done.stderr

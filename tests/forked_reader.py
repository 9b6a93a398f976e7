"""Mesh files, each read in a fork of a process that has imported meshio, instead of in a new process.

A new process needs 0.4 s for its imports. The fork runs `freqbias.meshes.reader_process` with the same limits.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[1]


@contextmanager
def forked_reader() -> Iterator[None]:
    """Let `read_mesh` of this process use forks."""
    replaced = SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL)
    with patch("freqbias.meshes.mesh_readers.subprocess", replaced):
        yield


@cache
def _server(_process: int) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the process that forks. It ends when the connection closes, at the latest with this process."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.forked_reader", str(its.fileno())],
            pass_fds=[its.fileno()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        )
    return ours, process


def run(command: list[str], *, cwd: Path, env: dict[str, str], **_options: Any) -> subprocess.CompletedProcess[bytes]:
    """Do what `subprocess.run` does with the command of `read_mesh`."""
    assert command[:-1] == [sys.executable, "-P", "-m", "freqbias.meshes.reader_process"]
    server, _ = _server(os.getpid())
    pipes = [os.pipe() for _ in range(2)]
    request = {"path": command[-1], "cwd": str(cwd), "env": env}
    text = json.dumps(request).encode()
    socket.send_fds(server, [len(text).to_bytes(8)], [writing for _, writing in pipes])
    server.sendall(text)
    for _, writing in pipes:
        os.close(writing)
    printed = [b"", b""]

    def receive(index: int) -> None:
        with os.fdopen(pipes[index][0], "rb") as pipe:
            printed[index] = pipe.read()

    errors = threading.Thread(target=receive, args=(1,))
    errors.start()
    receive(0)
    errors.join()
    return subprocess.CompletedProcess(command, json.loads(server.recv(64)), *printed)


def serve(connection: socket.socket) -> None:
    while True:
        size, pipes, *_ = socket.recv_fds(connection, 8, 2)
        if not size:
            return
        text = connection.recv(int.from_bytes(size), socket.MSG_WAITALL)
        if not (child := os.fork()):
            connection.close()
            read(json.loads(text), pipes)
        for pipe in pipes:
            os.close(pipe)
        connection.sendall(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def read(request: dict[str, Any], pipes: list[int]) -> None:
    """Run the reader in this process, and end it."""
    from freqbias.meshes import reader_process

    for number, pipe in enumerate(pipes, start=1):
        os.dup2(pipe, number)
        os.close(pipe)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    code = 1
    try:
        reader_process.main(request["path"])
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    import h5py  # noqa: F401  (the reader imports it for many files)

    import freqbias.meshes.reader_process  # noqa: F401

    sys.path.remove(str(ROOT))  # the reader may open the files on Python's path
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    serve(socket.socket(fileno=int(sys.argv[1])))

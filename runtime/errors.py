"""The endings of a command that `runtime` itself decides; every exception's `exit_code` becomes the process's."""


class UsageError(ValueError):
    """The command cannot be done as asked: a result in the way, a stage that is missing, a folder that is read-only."""

    exit_code = 2


class NotFiniteError(ArithmeticError):
    """NaN or infinity was to be kept as a state to go on from."""

    exit_code = 3


class StoppedEarly(Exception):  # noqa: N818  (it is no error)
    """A signal or the wall time ended the work at a safe point; the same command with `--resume` goes on from there."""

    exit_code = 75

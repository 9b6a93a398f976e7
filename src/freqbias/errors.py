"""Every way a command can fail or stop early. `exit_code` is what the process leaves with."""


class InputError(ValueError):
    """Bad input. The message names the key or argument, the value, and the remedy."""

    exit_code = 2


class UsageError(ValueError):
    """The command cannot run as asked: a result is in the way, a stage is missing, a folder is read-only."""

    exit_code = 2


class MissingLibraryError(ImportError):
    """A library or the C compiler is not installed, or cannot be used. The message names it and the remedy."""

    exit_code = 2


class ComputationError(ArithmeticError):
    """The computation diverged, did not converge, or lost accuracy. The message names the step and the remedy."""

    exit_code = 3


class NotFiniteError(ArithmeticError):
    """A state that was to be kept holds NaN or infinity."""

    exit_code = 3


class StoppedEarly(Exception):  # noqa: N818  (it is no error)
    """A signal or the wall time stopped the work at a safe point; `--resume` continues it."""

    exit_code = 75

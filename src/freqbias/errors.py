"""The exceptions with which a command can fail or stop early. `exit_code` is the exit code of the process."""


class InputError(ValueError):
    """Bad input. The message names the key or argument, the value, and the remedy."""

    exit_code = 2


class UsageError(ValueError):
    """The command cannot run as requested: a result exists already, a stage is missing, or a folder is read-only."""

    exit_code = 2


class MissingLibraryError(ImportError):
    """A library or the C compiler is missing or unusable. The message names the library or compiler, and the remedy."""

    exit_code = 2


class ComputationError(ArithmeticError):
    """The computation diverged, did not converge, or lost accuracy. The message names the step and the remedy."""

    exit_code = 3


class NotFiniteError(ArithmeticError):
    """A state that should be saved contains NaN or infinity."""

    exit_code = 3


class StoppedEarly(Exception):  # noqa: N818  (an early stop is no error)
    """A signal or the wall time stopped the work at a safe point. `--resume` continues the work."""

    exit_code = 75

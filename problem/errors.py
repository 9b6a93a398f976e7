"""The two ways a computation can be refused; `exit_code` is what the commands leave with."""


class InputError(ValueError):
    """Bad input. The message names the key (or argument), the value met, and the remedy."""

    exit_code = 2


class ComputationError(ArithmeticError):
    """The computation diverged, failed to converge, or lost accuracy. The message names the step and the remedy."""

    exit_code = 3

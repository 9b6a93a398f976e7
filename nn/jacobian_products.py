"""The neural tangent kernel of any torch module, by products with its Jacobian.

For a module f with trained parameters theta, let J = df/dtheta on n inputs, and let R be the relative learning rates of
the parameters. Then

    K u = J R J^T u / n,

by one vector-Jacobian product (vjp) and one Jacobian-vector product (jvp). J is never stored. If each output depends on
its own input only, both products go through a few inputs at a time, so that the memory does not grow with n.
Source: Novak, Sohl-Dickstein, Schoenholz, Fast finite width neural tangent kernel, ICML 2022.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from freqbias.errors import InputError
from freqbias.nn.eigenvalue import largest_eigenpair, random_start

CHUNK = 4096  # inputs at a time
PROBES = 8  # inputs that tell whether outputs depend on other inputs
SAME = 1e-4  # largest difference of outputs by rounding, relative to the largest output
MIXING = (torch.nn.modules.batchnorm._BatchNorm,)
RANDOM = (torch.nn.modules.dropout._DropoutNd,)
Tensors = dict[str, torch.Tensor]


class ModuleKernel:
    """K of a module at its current parameters, on n inputs. `module_kernel` makes it.

    parameters: the trained parameters by name. chunk: the number of inputs at a time. values: f on the inputs, (C, n).
    Values are arrays (C, n) for C outputs, in double precision. The products have the precision of the module, and run
    on its device.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        inputs: torch.Tensor | np.ndarray,
        *,
        rates: Mapping[str, float] | None = None,
        chunk: int | None = None,
    ) -> None:
        _check_frozen(module)
        self._module = module
        trained = {name: each for name, each in module.named_parameters() if each.requires_grad}
        if not trained:
            raise InputError("module_kernel: no parameter of the module has requires_grad; there is nothing to train")
        self.parameters: Tensors = {name: each.detach() for name, each in trained.items()}
        self._frozen = {
            name: each.detach() for name, each in [*module.named_parameters(), *module.named_buffers()]
            if name not in trained
        }  # fmt: skip
        self._scales = _scales(rates or {}, self.parameters)
        self._like = next(iter(self.parameters.values()))
        self.inputs = self._tensor(inputs)
        try:
            self.chunk = chunk or (CHUNK if self._is_separable() else len(self.inputs))
            self.values = self.values_at(self.inputs)
        except (InputError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as failure:
            raise InputError(
                f"module_kernel: the module refuses inputs of shape {tuple(self.inputs.shape)}: {failure}"
            ) from failure
        first = self.inputs[: self.chunk]
        again, largest = self.values_at(first), np.abs(self.values).max(initial=0.0)
        if np.abs(again - self.values[:, : len(first)]).max(initial=0.0) > SAME * largest:
            raise InputError("module_kernel: the outputs of the module are random; freeze it with module.eval()")

    def values_at(self, inputs: torch.Tensor | np.ndarray) -> np.ndarray:
        """Return f on P inputs, (C, P)."""
        with torch.no_grad(), _differentiable():
            parts = [self._call(self.parameters, part) for part in self._parts(self._tensor(inputs))]
        return torch.cat(parts, dim=1).double().cpu().numpy()

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return J R J^T u / n, (C, n) -> (C, n). Raises FloatingPointError if a product is not finite."""
        return self.push(self.pull(values), self.inputs)

    def at(self, inputs: torch.Tensor | np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the product with the rows of K for P other inputs, (C, n) -> (C, P)."""
        others = self._tensor(inputs)
        return lambda values: self.push(self.pull(values), others)

    def pull(self, values: np.ndarray) -> Tensors:
        """Return R J^T u / n, by the names of the parameters. values: u, (C, n)."""
        cotangents = self._values_tensor(values / values.shape[-1]).split(self.chunk, dim=1)
        total = {name: torch.zeros_like(each) for name, each in self.parameters.items()}
        names = list(total)
        for part, cotangent in zip(self._parts(self.inputs), cotangents, strict=True):
            with torch.enable_grad(), _differentiable():
                leaves = _leaves(self.parameters)
                found = torch.autograd.grad(
                    self._call(leaves, part), [leaves[name] for name in names], cotangent, allow_unused=True
                )
            for name, each in zip(names, found, strict=True):
                if each is not None:
                    total[name] += each
        return {name: self._scales[name] * each for name, each in total.items()}

    def push(self, change: Tensors, inputs: torch.Tensor) -> np.ndarray:
        """Return J times a change of the parameters, (C, P), on P inputs."""
        pushed = torch.cat([self._push(change, part) for part in self._parts(inputs)], dim=1).double()
        if not torch.isfinite(pushed).all():
            raise FloatingPointError("a product with the kernel of the module is not finite")
        return pushed.cpu().numpy()

    def largest_eigenvalue(self) -> float:
        """Return an upper estimate of lambda_max. Gradient descent of the linearised module needs step < 2 / this."""
        shape = self.values.shape
        start = random_start(self.values.size)
        return largest_eigenpair(lambda u: self.apply(u.reshape(shape)).ravel(), start)[0]

    def _push(self, change: Tensors, inputs: torch.Tensor) -> torch.Tensor:
        def values(parameters: Tensors) -> torch.Tensor:
            return self._call(parameters, inputs)

        with _differentiable():
            try:
                return torch.func.jvp(values, (self.parameters,), (change,))[1]
            except (NotImplementedError, RuntimeError):  # an operation of the module has no forward mode
                return _jvp_by_two_vjps(values, self.parameters, change)

    def _call(self, parameters: Tensors, inputs: torch.Tensor) -> torch.Tensor:
        """Return f, (C, P)."""
        output = torch.func.functional_call(self._module, {**self._frozen, **parameters}, (inputs,))
        if not isinstance(output, torch.Tensor) or output.ndim not in (1, 2) or len(output) != len(inputs):
            shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise InputError(
                f"module_kernel: the module maps {len(inputs)} inputs to {shape}; it must return one row for each "
                "input, (n, C) or (n,)"
            )
        return output.reshape(len(inputs), -1).T

    def _parts(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return inputs.split(self.chunk)

    def _is_separable(self) -> bool:
        """Return whether outputs depend on their own inputs only, as far as a few inputs show."""
        few = self.inputs[: 2 * PROBES]
        if len(few) < 2 * PROBES:
            return True
        with torch.no_grad(), _differentiable():
            try:
                together, alone = (
                    self._call(self.parameters, few)[:, :PROBES],
                    self._call(self.parameters, few[:PROBES]),
                )
            except (RuntimeError, ValueError, InputError):  # the module takes all inputs only, such as a whole grid
                return False
        return bool((together - alone).abs().max() <= SAME * together.abs().max())

    def _tensor(self, inputs: torch.Tensor | np.ndarray) -> torch.Tensor:
        tensor = torch.as_tensor(inputs, device=self._like.device)
        if not tensor.ndim or not tensor.numel():
            raise InputError(f"module_kernel: the inputs have shape {tuple(tensor.shape)}; give at least one, (n, ...)")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError("module_kernel: some inputs are NaN or infinite; leave them out")
        return tensor.to(self._like.dtype) if tensor.is_floating_point() else tensor

    def _values_tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._like)


def module_kernel(
    module: torch.nn.Module,
    positions: torch.Tensor | np.ndarray,
    *,
    rates: Mapping[str, float] | None = None,
    chunk: int | None = None,
) -> ModuleKernel:
    """Return the neural tangent kernel of a module at its current parameters, as an operator.

    module: maps inputs (n, ...) to (n, C) or (n,). Parameters with requires_grad = False are frozen. positions: the
    inputs, (n, ...). rates: relative learning rates of parameters by name, or of a part of the module by its name such
    as "0"; 1 by default. chunk: inputs at a time; by default 4096, or all if outputs depend on other inputs.

        kernel = module_kernel(module, x)
        kernel.apply(u)                  J R J^T u / n, (C, n) -> (C, n)
        kernel.at(y)(u)                  the same at other inputs, (C, n) -> (C, P)
        kernel.largest_eigenvalue()      an upper estimate of lambda_max

    Raises InputError if the module has dropout or batch norm in training mode, nothing to train, or other outputs, if
    it refuses the inputs or one is not finite, and if a rate has no parameter.
    """
    return ModuleKernel(module, positions, rates=rates, chunk=chunk)


def _check_frozen(module: torch.nn.Module) -> None:
    """Raise InputError if the module is random, or mixes samples, as it does in training mode."""
    for name, each in module.named_modules():
        without_effect = isinstance(each, RANDOM) and each.p == 0
        if each.training and isinstance(each, (*MIXING, *RANDOM)) and not without_effect:
            raise InputError(
                f"module_kernel: {name or 'the module'} is {type(each).__name__} in training mode, whose output "
                f"{'depends on the other samples' if isinstance(each, MIXING) else 'is random'}; freeze it with "
                "module.eval()"
            )


def _scales(rates: Mapping[str, float], parameters: Tensors) -> dict[str, float]:
    scales = dict.fromkeys(parameters, 1.0)
    for prefix, rate in rates.items():
        matching = [name for name in parameters if name == prefix or name.startswith(f"{prefix.removesuffix('.')}.")]
        if not matching:
            raise InputError(f"rates: no trained parameter is named {prefix!r}; the names are {', '.join(parameters)}")
        if not 0 <= rate < float("inf"):
            raise InputError(f"rates: {prefix} = {rate}; use 0 or a positive number")
        scales |= dict.fromkeys(matching, float(rate))
    return scales


def _leaves(parameters: Tensors) -> Tensors:
    """Return tensors that share the memory of the parameters, and for which autograd computes gradients."""
    return {name: each.detach().requires_grad_() for name, each in parameters.items()}


def _jvp_by_two_vjps(values: Callable[[Tensors], torch.Tensor], parameters: Tensors, change: Tensors) -> torch.Tensor:
    """Return the jvp as the derivative in r of <J^T r, change>, which is linear in r."""
    names = list(parameters)
    with torch.enable_grad():
        leaves = _leaves(parameters)
        output = values(leaves)
        r = torch.zeros_like(output, requires_grad=True)
        pulled = torch.autograd.grad(output, [leaves[name] for name in names], r, create_graph=True, allow_unused=True)
        used = [(name, each) for name, each in zip(names, pulled, strict=True) if each is not None]
        inner = torch.stack([(each * change[name]).sum() for name, each in used]).sum()
        (found,) = torch.autograd.grad(inner, r)
    return found


@contextmanager
def _differentiable() -> Iterator[Any]:
    """Let attention use the implementation that has all derivatives, and hide what torch says of its own code."""
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)
        yield

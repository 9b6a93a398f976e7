"""Kept networks as torch modules. `freqbias.nn.network_description` has their formulas."""

import hashlib
from collections.abc import Mapping
from math import pi, sqrt

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.network_description import NetworkDescription
from freqbias.nn.siren import sine_layers, siren_output
from freqbias.nn.siren_layout import SirenParts
from freqbias.nn.tensor_activations import TENSOR_ACTIVATIONS
from freqbias.nn.transforms import CHUNK
from freqbias.numerics import Positions, Sites, check_kind
from freqbias.problem import ACTIVATIONS, Neurons, WeightShapes, counted, network_size, network_values, weight_shapes
from freqbias.runtime import threads_alone

PRECISE = (torch.float32, torch.float64)  # types of weights


class KeptNetwork(torch.nn.Module):
    """A network with its weights: positions (n, d) of the user -> values (n, C) in the unit of the data.

    The weights are parameters in double precision, unless you convert the module; positions may be of any type. The
    module can be trained further, exported by `torch.export` and `torch.onnx.export`, and written by `nn.save`.
    description: what the network is, and where it comes from.
    """

    value_mean: torch.Tensor
    value_scale: torch.Tensor
    position_shift: torch.Tensor
    turn: torch.Tensor  # 2 pi
    original: str  # the fingerprint of the weights that belong to the description

    def __init__(self, description: NetworkDescription) -> None:
        super().__init__()
        self.description = description
        for name in ("value_mean", "value_scale", "position_shift"):
            self._constant(name, getattr(description, name))
        self._constant("turn", 2 * pi)

    def current_description(self) -> NetworkDescription:
        """Return the description of the weights as they are now: without a time if they have changed."""
        about = self.description
        if about.time is None or _fingerprint(self) == self.original:
            return about
        changed = f"after t = {about.time:.6g}"
        return about.model_copy(update={"time": None, "provenance": {**about.provenance, "weights_changed": changed}})

    def _get_name(self) -> str:
        return "KeptNetwork"

    def extra_repr(self) -> str:
        """Return size, data and time in words."""
        about, network = self.current_description(), self.description.network
        when = "changed weights" if about.time is None else f"t = {about.time:.6g}"
        size = network_size(network.width, network.depth, siren=network.omega_0 is not None)
        return f"{size}, {about.dimension}-D, {counted(about.channels, 'channel')}, {when}"

    def forward(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the values (n, C) at positions (n, d). Raises InputError if they have another shape."""
        check_kind("positions", positions, torch.Tensor, remedy="a torch tensor, for example torch.from_numpy(x)")
        if positions.ndim != 2 or positions.shape[1] != self.description.dimension:
            raise InputError(
                f"positions have shape {tuple(positions.shape)}; give (n, {self.description.dimension}), a row for each"
            )
        y = positions.to(self.turn.dtype) - self.position_shift
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            values = self._values(y)
        else:  # a few positions at a time save memory
            values = torch.cat([self._values(part) for part in y.split(max(1, CHUNK // self._numbers()))])
        return self.value_mean + self.value_scale * values

    def _constant(self, name: str, value: float | list[float]) -> None:
        """Add a tensor that follows the type of the module, because ONNX has single precision for plain numbers."""
        self.register_buffer(name, torch.tensor(value, dtype=torch.float64), persistent=False)

    def values_at(self, sites: Sites) -> np.ndarray:
        """Return the values at sites, (C, P), in double precision. The positions of the sites are those of the user."""
        with torch.no_grad():
            return self(torch.tensor(sites.positions(), device=self.turn.device)).double().cpu().numpy().T

    def _values(self, y: torch.Tensor) -> torch.Tensor:
        """Return what the network computes before the units are restored, (n, C), at shifted positions y (n, d)."""
        raise NotImplementedError

    def _numbers(self) -> int:
        """Return how many numbers `_values` holds for each position."""
        raise NotImplementedError


class _TwoLayerNetwork(KeptNetwork):
    """frequencies: (m, d). cosine, sine: (C, m). gains: (2, m), with a diagonal layer."""

    frequencies: torch.Tensor
    cosine: torch.Tensor
    sine: torch.Tensor
    gains: torch.Tensor | None
    scale: torch.Tensor  # 1 / sqrt(m)

    def __init__(self, description: NetworkDescription, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__(description)
        self.gains = None
        self._constant("scale", 1 / sqrt(description.network.width))
        for name in shapes(description):
            setattr(self, name, torch.nn.Parameter(weights[name]))

    def _values(self, y: torch.Tensor) -> torch.Tensor:
        angle = self.turn * y @ self.frequencies.T
        cosine, sine = angle.cos(), angle.sin()
        if self.gains is not None:
            cosine, sine = self.gains[0] * cosine, self.gains[1] * sine
        return self.scale * (cosine @ self.cosine.T + sine @ self.sine.T)

    def _numbers(self) -> int:
        return 3 * len(self.frequencies)

    def values_at(self, sites: Sites) -> np.ndarray:
        """Return the values at sites, (C, P), by a non-uniform FFT in time O(m + P log P)."""
        w, a, b = (each.detach().double().cpu().numpy() for each in (self.frequencies, self.cosine, self.sine))
        if self.gains is not None:
            p, q = self.gains.detach().double().cpu().numpy()
            a, b = p * a, q * b
        shift = np.array(self.description.position_shift)
        shifted = Positions(sites.positions() - shift) if shift.any() else sites
        values = network_values(Neurons(w, a, b), shifted, threads=threads_alone())
        mean, scale = (each.double().cpu().numpy()[:, None] for each in (self.value_mean, self.value_scale))
        return np.asarray(mean + scale * values)


class _DeepNetwork(KeptNetwork):
    """frequencies: W, (S, m, d). hidden: V_1 (S, n, 2m), V_2, ... (S, n, n). output: c, (S, C, n). biases (S, L, n)."""

    frequencies: torch.Tensor
    output: torch.Tensor
    input_scale: torch.Tensor  # 1 / sqrt(m)
    hidden_scale: torch.Tensor  # 1 / sqrt(n E phi(z)^2)
    signs: torch.Tensor  # of the copies, (S,)
    biases: torch.Tensor | None
    bias: torch.Tensor  # beta
    deviation: torch.Tensor  # sqrt(1 + beta^2)

    def __init__(self, description: NetworkDescription, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__(description)
        network = description.network
        assert network.activation is not None  # the settings fill it in
        self._phi, moment = TENSOR_ACTIVATIONS[network.activation].value, ACTIVATIONS[network.activation].second_moment
        self.frequencies, self.output = (torch.nn.Parameter(weights[name]) for name in ("frequencies", "output"))
        hidden = [torch.nn.Parameter(weights[f"hidden.{layer}"]) for layer in range(network.depth - 2)]
        self.hidden = torch.nn.ParameterList(hidden)
        self.biases = torch.nn.Parameter(weights["biases"]) if network.bias is not None else None
        self._constant("bias", network.bias or 0.0)
        self._constant("deviation", sqrt(1 + (network.bias or 0.0) ** 2))
        self._constant("input_scale", 1 / sqrt(self.frequencies.shape[1]))
        self._constant("hidden_scale", 1 / sqrt(moment * self.output.shape[-1]))
        self._constant("signs", [sqrt(0.5), -sqrt(0.5)] if network.symmetric else [1.0])

    def _values(self, y: torch.Tensor) -> torch.Tensor:
        copies = [self.signs[s] * self._copy(s, y) for s in range(len(self.frequencies))]
        return torch.stack(copies).sum(dim=0)

    def _copy(self, s: int, y: torch.Tensor) -> torch.Tensor:
        angle = self.turn * y @ self.frequencies[s].T
        x = self.input_scale * torch.cat([angle.cos(), angle.sin()], dim=1)
        for layer, matrices in enumerate(self.hidden):
            z = x @ matrices[s].T
            if self.biases is not None:
                z = (z + self.bias * self.biases[s, layer]) / self.deviation
            x = self.hidden_scale * self._phi(z)
        return x @ self.output[s].T

    def _numbers(self) -> int:
        return 4 * max(2 * self.frequencies.shape[1], self.output.shape[-1])


class _SirenNetwork(KeptNetwork):
    """first: W, (S, n, d). hidden: V_2, ... (S, n, n). output: c, (S, C, n). biases (S, L, n). output_bias (S, C)."""

    first: torch.Tensor
    output: torch.Tensor
    biases: torch.Tensor
    output_bias: torch.Tensor
    signs: torch.Tensor  # of the copies, (S,)
    omega_0: torch.Tensor

    def __init__(self, description: NetworkDescription, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__(description)
        network = description.network
        assert network.omega_0 is not None  # the choice of this class
        for name in ("first", "output", "biases", "output_bias"):
            setattr(self, name, torch.nn.Parameter(weights[name]))
        hidden = [torch.nn.Parameter(weights[f"hidden.{layer}"]) for layer in range(network.depth - 2)]
        self.hidden = torch.nn.ParameterList(hidden)
        self._constant("omega_0", network.omega_0)
        self._constant("signs", [sqrt(0.5), -sqrt(0.5)] if network.symmetric else [1.0])

    def _values(self, y: torch.Tensor) -> torch.Tensor:
        weights = SirenParts(self.first, [*self.hidden], self.output, self.biases, self.output_bias)
        _, sines = sine_layers(weights, y.T, self.omega_0, y.dtype)
        return siren_output(weights, sines[-1], self.signs).T

    def _numbers(self) -> int:
        return 4 * self.first.shape[0] * self.first.shape[1]


def shapes(description: NetworkDescription) -> WeightShapes:
    """Return the shape of each tensor of weights, by its name in the state dict."""
    return weight_shapes(description.network, channels=description.channels, dimension=description.dimension)


def make_module(description: NetworkDescription, weights: Mapping[str, torch.Tensor]) -> KeptNetwork:
    """Return the module with these weights. Raises InputError if they are not those that the description demands."""
    expected = shapes(description)
    if unknown := sorted(set(weights) ^ set(expected)):
        state = "missing" if unknown[0] in expected else "unknown"
        raise InputError(f"the tensor {unknown[0]} is {state}; the network has the tensors {', '.join(expected)}")
    for name, shape in expected.items():
        given = weights[name]
        if tuple(given.shape) != shape or given.dtype not in PRECISE:
            raise InputError(
                f"{name} has shape {tuple(given.shape)} and type {given.dtype}; the network has shape {shape} and "
                "numbers in single or double precision"
            )
        if not torch.isfinite(given).all():
            raise InputError(f"{name} has NaN or infinity")
    types = {given.dtype for given in weights.values()}
    if len(types) > 1:
        raise InputError("some weights are in single and some in double precision; use one of the two")
    network = description.network
    kind = _SirenNetwork if network.omega_0 is not None else _TwoLayerNetwork if network.depth == 2 else _DeepNetwork
    module: KeptNetwork = kind(description, weights)
    module.original = _fingerprint(module)
    return module.to(types.pop()).eval()  # the constants have the type of the weights


def _fingerprint(module: KeptNetwork) -> str:
    """Return the SHA-256 of the weights in single precision, so that conversion to it is no change."""
    digest = hashlib.sha256()
    for each in module.state_dict().values():
        digest.update(each.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()

"""The shapes of a network's weights, and the memory that the drawn network needs."""

from math import prod

from freqbias.problem.settings import Network

WeightShapes = dict[str, tuple[int, ...]]


def weight_shapes(network: Network, *, channels: int, dimension: int) -> WeightShapes:
    """Return the shape of each tensor of weights, by its name in kept networks. channels: C. dimension: d.

    Networks with hidden layers, and SIREN, have S copies of all weights: two if they are symmetric, otherwise one.
    """
    copies = 2 if network.symmetric else 1
    m = network.width // copies
    if network.fourier_sum:
        amplitudes = channels, network.width
        plain: WeightShapes = {"frequencies": (network.width, dimension), "cosine": amplitudes, "sine": amplitudes}
        return plain | {"gains": (2, network.width)} if network.diagonal else plain
    if network.omega_0 is not None:
        hidden = {f"hidden.{layer}": (copies, m, m) for layer in range(network.depth - 2)}
        return {
            "first": (copies, m, dimension), **hidden, "output": (copies, channels, m),
            "biases": (copies, network.depth - 1, m), "output_bias": (copies, channels),
        }  # fmt: skip
    assert network.hidden_width is not None  # the settings fill it in
    n = network.hidden_width // copies
    matrices = {f"hidden.{layer}": (copies, n, 2 * m if layer == 0 else n) for layer in range(network.depth - 2)}
    deep: WeightShapes = {"frequencies": (copies, m, dimension), **matrices, "output": (copies, channels, n)}
    return deep if network.bias is None else deep | {"biases": (copies, network.depth - 2, n)}


def drawing_memory(network: Network, *, channels: int, dimension: int) -> float:
    """Return the bytes that the initial values of the drawn network need: its weights, and the work with them.

    A symmetric network starts at 0, so nothing is drawn.
    """
    if network.symmetric:
        return 0.0
    copies = 8 if network.fourier_sum else 3  # of the weights at one time, measured
    return copies * 8.0 * sum(map(prod, weight_shapes(network, channels=channels, dimension=dimension).values()))

"""The exact NTK on the data: the independent reference for `pde` and `nn`. It shares no code with them.

K(x, x') = (1 + 4 pi^2 sigma_a^2 x.x') k(x - x'),    du/dt(x_i) = -mean_j K(x_i, x_j) u(x_j),

and of deeper networks the recursion from layer to layer, Jacot, Gabriel, Hongler (2018). The kernel is a sum over the
parameters; `frequencies`, `hidden` and `output` multiply the terms of the parameters in these groups.
"""

from functools import cache

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.special import erf, ive, j1, ndtr


def gaussian(sigma):
    """k(z) of a normal law of standard deviation sigma."""
    return lambda z: np.exp(-0.5 * (2 * np.pi * sigma) ** 2 * (z**2).sum(axis=-1))


def uniform(radius):
    """k(z) of the uniform law on the box of half-width radius."""

    def kernel(z):
        angle = 2 * np.pi * radius * z
        return np.prod(np.where(np.abs(angle) < 1e-8, 1.0, np.sin(angle) / np.where(angle == 0, 1.0, angle)), axis=-1)

    return kernel


def disc(radius):
    """k(z) of the uniform law on the disc, d = 2."""

    def kernel(z):
        s = 2 * np.pi * radius * np.linalg.norm(z, axis=-1)
        return np.where(s < 1e-6, 1.0, 2 * j1(s) / np.where(s < 1e-6, 1.0, s))

    return kernel


def laplace(scale):
    """k(z) of the product of Laplace laws."""
    return lambda z: 1 / np.prod(1 + (2 * np.pi * scale * z) ** 2, axis=-1)


def student_t(sigma, freedom):
    """k(z) of Student's t in any dimension, for 1 or 3 degrees of freedom."""

    def kernel(z):
        s = 2 * np.pi * np.sqrt(freedom) * sigma * np.linalg.norm(z, axis=-1)
        return {1: 1.0, 3: 1 + s}[freedom] * np.exp(-s)

    return kernel


def annulus(inner, radius):
    """k(z) of the uniform law on inner < |xi| <= radius, d = 1 or 2: the difference of two intervals or discs."""

    def kernel(z):
        whole = {1: uniform, 2: disc}[z.shape[-1]]
        share = (inner / radius) ** z.shape[-1]
        return (whole(radius)(z) - share * whole(inner)(z)) / (1 - share)

    return kernel


def points(w):
    """k(z) of the frequencies w (n, d), each with the same probability."""
    return lambda z: np.mean([np.cos(2 * np.pi * (z @ each)) for each in np.asarray(w, dtype=float)], axis=0)


def mixture(weights, kernels):
    """k(z) of a mixture."""
    return lambda z: sum(w * k(z) for w, k in zip(weights, kernels, strict=True)) / sum(weights)


def table(values, half_width):
    """k(z) of the law that is linear between values on an axis, bilinear in a plane: Gauss-Legendre in each cell."""
    t, weight = np.polynomial.legendre.leggauss(20)

    def waves(axis, z):
        """integral of hat_j(xi) exp(-2 pi i xi z), (..., n)."""
        nodes = np.linspace(-half_width[axis], half_width[axis], values.shape[axis])
        h = nodes[1] - nodes[0]
        xi = (nodes[:-1, None] + h / 2 * (1 + t)).ravel()
        hats = np.array([np.interp(xi, nodes, row) for row in np.eye(len(nodes))])
        distinct, place = np.unique(z, return_inverse=True)  # differences of positions on a grid repeat
        found = np.exp(-2j * np.pi * distinct[:, None] * xi) @ (np.tile(h / 2 * weight, len(nodes) - 1) * hats).T
        return found[place]

    def kernel(z):
        total = waves(0, z[..., 0]) @ values
        if z.shape[-1] == 2:
            total = np.sum(total * waves(1, z[..., 1]), axis=-1)
        return total.real

    def normalised(z):
        return kernel(z) / kernel(np.zeros((1, values.ndim)))

    return normalised


def grid(shape, extent):
    """Cell centres of [-extent/2, extent/2)^d, (N, d), the last axis running fastest."""
    axes = [-length / 2 + length * (2 * np.arange(n) + 1) / (2 * n) for n, length in zip(shape, extent, strict=True)]
    return np.array(np.meshgrid(*axes, indexing="ij")).reshape(len(shape), -1).T


def dense_kernel(positions, k, sigma_a, *, frequencies=1.0, output=1.0):
    """The matrix K(x_i, x_j) / N, (N, N)."""
    differences = positions[:, None, :] - positions[None, :, :]
    moments = frequencies * (2 * np.pi * sigma_a) ** 2 * positions @ positions.T
    return (output + moments) * k(differences) / len(positions)


def diagonal_kernel(positions, k, sigma_a, *, hidden=1.0, **rates):
    """The same with a trained diagonal layer p, q: E[a^2 cos cos' + b^2 sin sin'] = sigma_a^2 k(x - x') is added."""
    differences = positions[:, None, :] - positions[None, :, :]
    return dense_kernel(positions, k, sigma_a, **rates) + hidden * sigma_a**2 * k(differences) / len(positions)


def bell(y):
    """The normal law's density."""
    return np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi)


ACTIVATIONS = {  # phi and phi'
    "relu": (lambda y: np.maximum(y, 0), lambda y: (y > 0).astype(float)),
    "sine": (np.sin, np.cos),
    "tanh": (np.tanh, lambda y: 1 / np.cosh(y) ** 2),
    "erf": (erf, lambda y: 2 / np.sqrt(np.pi) * np.exp(-(y**2))),
    "gelu": (lambda y: y * ndtr(y), lambda y: ndtr(y) + y * bell(y)),
}


@cache
def correlations(activation):
    """E phi(y) phi(z) / E phi(y)^2 and E phi'(y) phi'(z) / E phi(y)^2 of unit normals y, z of correlation cos theta, as
    functions of theta in [0, pi].

    With y = r cos(s - theta/2), z = r cos(s + theta/2), r^2/2 exponential and s uniform: by Gauss-Legendre in r and on
    the arcs of s between the zeros of y and z. Both are smooth in theta, that of a relu too.
    """
    t, weight = np.polynomial.legendre.leggauss(64)
    r = 5 * (1 + t)[:, None, None]
    measure = 5 * weight[:, None, None] * r * np.exp(-(r**2) / 2)

    def mean(function, theta):
        zeros = [theta / 2 - np.pi / 2, np.pi / 2 - theta / 2, theta / 2 + np.pi / 2, 3 * np.pi / 2 - theta / 2]
        starts, ends = np.array([*zeros]), np.array([*zeros[1:], zeros[0] + 2 * np.pi])
        half = (ends - starts)[:, None] / 2
        s = starts[:, None] + half * (1 + t)
        values = function(r * np.cos(s - theta / 2)) * function(r * np.cos(s + theta / 2))
        return np.sum(measure * half * weight * values) / (2 * np.pi)

    phi, negative_gradient = ACTIVATIONS[activation]
    second_moment = mean(phi, 0.0)
    return [
        Chebyshev.interpolate(np.vectorize(lambda theta: mean(f, theta) / second_moment), 60, [0, np.pi])  # noqa: B023
        for f in (phi, negative_gradient)
    ]


def deep_kernel(
    positions, k, sigma_a, activation, depth, *, frequencies=1.0, hidden=1.0, output=1.0, biases=1.0, bias=0.0
):
    """The matrix K(x_i, x_j) / N, (N, N), of a network of depth - 2 hidden layers on Fourier Features: `dense_kernel`
    at depth 2.

    covariance: of the values that a layer is given; tangent: the NTK of its sums. Above the features tangent =
    (1 + 4 pi^2 x.x') k; above a layer of weights of variance v,
    tangent' = covariance' + v E phi' phi' tangent. Biases of standard deviation `bias` add bias^2 to the covariance and
    to the tangent of a hidden layer's sums, which are then divided by their standard deviation.
    """
    value, negative_gradient = correlations(activation)
    covariance = k(positions[:, None, :] - positions[None, :, :])
    tangent = (hidden + frequencies * 4 * np.pi**2 * positions @ positions.T) * covariance + biases * bias**2
    if depth == 2:
        return dense_kernel(positions, k, sigma_a, frequencies=frequencies, output=output)
    for layer in range(depth - 2):
        last = layer == depth - 3
        theta = np.arccos(np.clip((covariance + bias**2) / (1 + bias**2), -1, 1))
        covariance = value(theta)
        variance, rate = (sigma_a**2, output) if last else (1.0, hidden)
        tangent = rate * covariance + variance * negative_gradient(theta) * tangent / (1 + bias**2)
        tangent = tangent if last else tangent + biases * bias**2
    return tangent / len(positions)


def siren_kernel(
    positions, k, width, sine_layers, omega_0, *, frequencies=1.0, hidden=1.0, output=1.0, biases=1.0, sigma_a=None
):
    """The matrix K(x_i, x_j) / N, (N, N), of SIREN, with the phases of the first layer uniform on the circle.

    products: y.y' of the sines of a layer; tangent: the NTK of one of them. The means over normal sums and the uniform
    biases of a layer are by quadrature.
    """
    sigma_a = 1 / omega_0 if sigma_a is None else sigma_a
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    bias, share = np.polynomial.legendre.leggauss(24)
    g, h, b = np.meshgrid(nodes, nodes, omega_0 / np.sqrt(width) * bias, indexing="ij")
    weight = weights[:, None, None] * weights[:, None] * share / (2 * weights.sum() ** 2)

    def mean(f, variance, covariance):
        """E f(u + b) f(v + b), by interpolation in the covariance of u and v."""

        def at(c):
            u, v = np.sqrt(variance) * g, np.sqrt(variance) * (c * g + np.sqrt(1 - c**2) * h)
            return np.sum(weight * f(u + b) * f(v + b))

        return Chebyshev.interpolate(np.vectorize(at), 24, [-1, 1])(np.clip(covariance / variance, -1, 1))

    differences = positions[:, None, :] - positions[None, :, :]
    products = width / 2 * k(differences)
    tangent = omega_0**2 / 2 * (frequencies * positions @ positions.T + biases) * k(differences)
    for _ in range(sine_layers - 1):
        covariance = 2 * products / width  # V has the variance 2 / (n omega_0^2)
        variance = covariance[0, 0]
        tangent = omega_0**2 * (hidden * products + biases) + 2 * tangent
        tangent = tangent * mean(np.cos, variance, covariance)
        products = width * mean(np.sin, variance, covariance)
    return (output * products + biases + 2 * sigma_a**2 * tangent) / len(positions)


def prediction(joint, count, start, at, function):
    """f(y) - f(y, 0) = -K(y, X) w at the positions y, (T, C, P), and u on the samples, (T, C, N).

    joint: the kernel between all positions, of which the first `count` are the samples X, not divided by N. start:
    u(0), (C, N). function: lambda (n,), t -> exp(-t lambda) or its like; w has its integral (1 - .) / lambda.
    at: the times t.
    """
    values, vectors = np.linalg.eigh(joint[:count, :count] / count)
    values = np.maximum(values, 1e-16 * values[-1])
    modes = start @ vectors
    u = np.array([(modes * function(values, t)) @ vectors.T for t in at])
    w = np.array([(modes * (1 - function(values, t)) / values) @ vectors.T for t in at])
    return -w @ joint[:count, count:] / count, u


def toeplitz_kernel(shape, extent, k, sigma_a):
    """u -> K u / N on a grid, (N,) -> (N,), K as in `dense_kernel`: k(x - x') by FFTs on twice the grid."""
    lags = [np.fft.fftfreq(2 * n, 1 / (2 * n)) * length / n for n, length in zip(shape, extent, strict=True)]
    symbol = np.fft.rfftn(k(np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1)))
    positions, twice, axes = grid(shape, extent), [2 * n for n in shape], tuple(range(len(shape)))

    def convolve(u):
        padded = np.fft.irfftn(symbol * np.fft.rfftn(u.reshape(shape), twice, axes), twice, axes)
        return padded[tuple(slice(n) for n in shape)].ravel()

    def product(u):
        moments = sum(x * convolve(x * u) for x in positions.T)
        return (convolve(u) + (2 * np.pi * sigma_a) ** 2 * moments) / len(u)

    return product


def chebyshev_flow(product, start, times, largest, terms):
    """u(t) = exp(-t K) u(0), (T, N), for eigenvalues in [0, largest], by the series
    exp(-t K) = sum_n c_n I_n(z) exp(-z) T_n(1 - 2 K / largest), z = t largest / 2, c_0 = 1 and c_n = 2 later."""
    z = np.asarray(times) * largest / 2
    assert np.all(ive(terms, z) < 1e-12)  # the series has converged
    before, now = start, start - 2 / largest * product(start)
    result = ive(0, z)[:, None] * before + 2 * ive(1, z)[:, None] * now
    for n in range(2, terms):
        before, now = now, 2 * (now - 2 / largest * product(now)) - before
        result += 2 * ive(n, z)[:, None] * now
    return result


def flow(matrix, start, times):
    """u(t) = exp(-t K) u(0), shape (T, ...), for u(0) of shape (..., N)."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    coefficients = start @ vectors
    return np.array([(coefficients * np.exp(-np.clip(eigenvalues, 0, None) * t)) @ vectors.T for t in times])


def spectrum(values, positions, frequencies):
    """v(xi) = mean_j u(x_j) exp(-2 pi i xi.x_j)."""
    angle = 2 * np.pi * positions @ frequencies.T  # cos and sin take a quarter of the time of a complex exp
    return (values @ np.cos(angle) - 1j * (values @ np.sin(angle))) / len(positions)

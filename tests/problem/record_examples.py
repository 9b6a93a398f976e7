"""A spectrum and an error history with a value in every field, and their comparison."""

import numpy as np

from freqbias.problem import (
    ErrorHistory,
    Normalisation,
    Spectrum,
)

RNG = np.random.default_rng(0)
SPECTRUM = Spectrum(
    time=np.array([0.0, 1.5, 4.0]),
    frequency=np.array([[-1.0, 0.0], [-1.0, 2.0], [3.0, 0.0], [3.0, 2.0]]),
    error=RNG.normal(size=(3, 2, 4)) + 1j * RNG.normal(size=(3, 2, 4)),
    cells=np.array([[0, 2, 1, 3]]),
    cell_type="quadrilateral",
    degree=1,
    attributes={"name": "trial", "seed": 3, "tolerance": 1e-3},
    loss=np.array([3.0, 2.0, 1.0]),
    sample_error=RNG.normal(size=(3, 2, 5)),
    normalisation=Normalisation((280.5, -1.0), (7.25, 1e-3), (400.0, -70.1)),
)
HISTORY = ErrorHistory(
    time=np.array([0.0, 2.0]),
    position=RNG.normal(size=(5, 3)),
    error=RNG.normal(size=(2, 2, 5)),
    loss=np.array([2.0, 1.0]),
    attributes={"width": 100},
    normalisation=Normalisation((280.5, -1.0), (7.25, 1e-3), (400.0, -70.1, 0.0)),
)


def same(one, other):
    assert type(one) is type(other)
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
            assert value.dtype == getattr(other, name).dtype, name
        else:
            assert value == getattr(other, name), name

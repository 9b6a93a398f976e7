"""The choice of the held-out samples, as `[data] held_out` states it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from freqbias.errors import InputError
from freqbias.numerics import Grid, Sites
from freqbias.problem.section import Section

SPLIT_STREAM = 1  # a random stream that is independent of the stream for the network
MOST = 0.9  # largest share of the samples that may be held out

Share = Annotated[float, Field(gt=0, le=MOST)]


class HeldOut(Section):
    """One of `every`, `block` with `share`, and `mask`. The data must be a grid.

    every: along each axis only every n-th point is used for training, as Tancik et al. do, Fourier features let
    networks learn high frequency functions in low dimensional domains, NeurIPS 2020.
    block, share: this share of all blocks of `block` points along each axis, drawn at random, is held out.
    mask: the path of a file with one number for each point of the grid, not 0 at the points to hold out.
    """

    every: Annotated[int, Field(ge=2)] | None = None
    block: Annotated[int, Field(ge=1)] | None = None
    share: Share | None = None
    mask: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> "HeldOut":
        if sum(each is not None for each in (self.every, self.block, self.mask)) != 1:
            raise ValueError("give exactly one of every, block and mask")
        if (self.block is None) != (self.share is None):
            raise ValueError("block and share belong together")
        return self

    def __str__(self) -> str:
        keys = self.model_dump(exclude_none=True).items()
        return f"{{ {', '.join(f'{key} = {value!r}' for key, value in keys)} }}"


HELD_OUT = (
    "a number from 0 to 0.9: the fraction of the samples, drawn at random, that is used only to measure the held-out "
    "error; or, on a grid, { every = 2 } (train on every second point along each axis), { block = 8, share = 0.5 } "
    "(hold out half of all blocks of 8 points along each axis), or { mask = 'm.png' } (hold out the points where the "
    'file is not 0); with held_out, the equation needs [pde] operator = "data"'
)


def _parse(value: Any) -> Any:
    """Return the HeldOut of a table. A single message names what is wrong."""
    if not isinstance(value, dict):
        return value
    try:
        return HeldOut.model_validate(value)
    except ValidationError as failure:
        error = failure.errors()[0]
        name = ".".join(str(part) for part in error["loc"])
        reason = error["ctx"]["error"] if error["type"] == "value_error" else error["msg"]
        raise ValueError(f"= {value}: {f'{name}: ' if name else ''}{reason}; expected {HELD_OUT}") from None


Choice = Annotated[Annotated[float, Field(ge=0, le=MOST)] | HeldOut, BeforeValidator(_parse)]


def choose_held_out(
    choice: float | HeldOut, sites: Sites, seed: int, *, read_mask: Callable[[str], np.ndarray] | None = None
) -> np.ndarray:
    """Return whether each sample is held out, (N,).

    choice: a fraction, which is drawn at random, or a HeldOut. seed: determines random choices. read_mask: returns the
    values in a file, (n_1, ..., n_d, C).
    Raises InputError if the choice needs a grid and the samples are scattered, or if the mask has another shape or NaN.
    """
    rng = np.random.default_rng([seed, SPLIT_STREAM])
    if not isinstance(choice, HeldOut):
        return _drawn(rng, sites.size, choice)
    if not isinstance(sites, Grid):
        raise InputError("this choice needs samples on a grid; for scattered samples give a fraction, such as 0.5")
    if choice.mask is not None:
        assert read_mask is not None
        return _mask(read_mask(choice.mask), choice.mask, sites)
    if choice.every is not None:
        used = np.zeros(sites.shape, dtype=bool)
        used[(slice(None, None, choice.every),) * sites.dimension] = True
        return ~used.ravel()
    assert choice.block is not None and choice.share is not None  # checked by the model
    blocks = [np.arange(n) // choice.block for n in sites.shape]
    counts = tuple(int(axis[-1]) + 1 for axis in blocks)
    return _drawn(rng, int(np.prod(counts)), choice.share).reshape(counts)[np.ix_(*blocks)].ravel()


def _drawn(rng: np.random.Generator, count: int, share: float) -> np.ndarray:
    drawn: np.ndarray = np.zeros(count, dtype=bool)
    drawn[rng.permutation(count)[: round(share * count)]] = True
    return drawn


def _mask(values: np.ndarray, path: str, grid: Grid) -> np.ndarray:
    if not np.isfinite(values).all():
        raise InputError(f"{Path(path).name} has values that are not finite; write 0 or 1 at each point")
    if values.shape[:-1] != grid.shape:
        met, wanted = (" x ".join(map(str, shape)) for shape in (values.shape[:-1], grid.shape))
        raise InputError(
            f"{Path(path).name} has {met} points, but the data have {wanted}; give one point for each sample"
        )
    return np.asarray((values != 0).any(axis=-1).ravel())

"""The section [data] of the run file, a model for each kind; see `freqbias.problem.settings`."""

from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from freqbias.numerics import LARGEST
from freqbias.problem.section import Section
from freqbias.problem.settings import DTYPE, KEY, PATH, DataType, Positive, check_ending, per_axis, positive

MOST_SAMPLES = 10**8  # some 10 GB with their positions
AxisPoints = Annotated[int, Field(ge=2, le=10**9)]
Points = AxisPoints | Annotated[list[AxisPoints], Field(min_length=1, max_length=3)]
Extent = Positive | Annotated[list[Positive], Field(min_length=1, max_length=3)]
TABLE_SUFFIXES = (".npy", ".npz", ".csv", ".txt")  # of scattered samples
EXTENT = "a positive number or one per axis: the length of the box of data, for example extent = 1.0"
POINTS = "a whole number from 2 to 10^9, or one per axis, for example points = 512 or points = [128, 96]"
STANDARDIZE = (
    "true or false: whether each channel is brought to mean 0 and variance 1, of the samples that are trained on"
)
HELD_OUT = (
    "a number from 0 to 0.9: the share of the samples, drawn by the seed, that is not trained on but asked for its "
    "error; what is left of a grid is scattered"
)
NOISE = (
    "a number of at least 0, in units of the values: the standard deviation of normal noise, drawn by the seed, on the "
    "samples that are trained on"
)


class WavesSection(Section):
    kind: Literal["waves"]
    dimension: int = Field(ge=1, le=3, description="1, 2 or 3")
    points: Points = Field(description=POINTS)
    extent: Extent = Field(1.0, description=EXTENT)
    frequencies: Annotated[list[Annotated[list[float], Field(min_length=1)]], Field(min_length=1)] = Field(
        description="a list of frequencies, each a list of one number per axis, "
        "for example frequencies = [[3.0], [10.0]]"
    )
    window: float | None = positive(
        "a positive number: the standard deviation of the Gaussian window, or leave it out", default=None
    )
    standardize: bool = Field(False, description=STANDARDIZE)
    held_out: float = Field(0.0, ge=0, le=0.9, description=HELD_OUT)
    noise: float = Field(0.0, ge=0, le=LARGEST, description=NOISE)

    @model_validator(mode="after")
    def _agree(self) -> "WavesSection":
        for name, value in (("points", self.points), ("extent", self.extent)):
            if isinstance(value, list) and len(value) != self.dimension:
                raise ValueError(
                    f"{name} = {value} contradicts dimension = {self.dimension}; give one number, or one per axis"
                )
        points, extent = per_axis(self.points, self.dimension), per_axis(self.extent, self.dimension)
        if prod(points) > MOST_SAMPLES:
            raise ValueError(f"points = {self.points} makes {prod(points):,} samples; use at most {MOST_SAMPLES:,}")
        for nu in self.frequencies:
            if len(nu) != self.dimension:
                raise ValueError(
                    f"frequencies: {nu} contradicts dimension = {self.dimension}; give one number per axis"
                )
            for f, n, length in zip(nu, points, extent, strict=True):
                if abs(f) > n / (2 * length):
                    raise ValueError(
                        f"frequencies: {f} aliases on {n} points over {length}: the limit is {n / (2 * length)}; "
                        f"use more points or lower frequencies"
                    )
        return self


class FileSection(Section):
    kind: Literal["file"]
    path: str = Field(min_length=1, description=PATH)
    dimension: int | None = Field(
        None,
        ge=1,
        le=3,
        description="1, 2 or 3; leave it out to take it from the file, unless its samples are scattered",
    )
    points: Points | None = Field(None, description=POINTS + "; leave it out to take the data as they are")
    extent: Extent = Field(1.0, description=EXTENT)
    standardize: bool = Field(False, description=STANDARDIZE)
    held_out: float = Field(0.0, ge=0, le=0.9, description=HELD_OUT)
    noise: float = Field(0.0, ge=0, le=LARGEST, description=NOISE)
    key: str | None = Field(None, description=KEY)
    dtype: DataType | None = Field(None, description=DTYPE)
    layout: Literal["grid", "scattered"] = Field(
        "grid",
        description='"grid", or "scattered" for a table with a row for each sample: its position, then its values',
    )

    @model_validator(mode="after")
    def _agree(self) -> "FileSection":
        if self.layout == "scattered":
            self._agree_as_table()
        check_ending(self.path, key=self.key, dtype=self.dtype)
        return self

    def _agree_as_table(self) -> None:
        if not self.path.lower().endswith(TABLE_SUFFIXES):
            raise ValueError(
                f'layout = "scattered" is for tables, and path = {self.path!r}; use one of {" ".join(TABLE_SUFFIXES)}'
            )
        if self.dimension is None:
            raise ValueError(
                'layout = "scattered" needs dimension: how many of the first columns are the position, for example '
                "dimension = 2"
            )
        for name in ("points", "extent"):
            if name in self.model_fields_set:
                raise ValueError(
                    f'{name} = {getattr(self, name)} is for layout = "grid": scattered samples lie where their file '
                    f"says; leave {name} out"
                )

    @model_serializer(mode="wrap")
    def _without_the_box(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Scattered samples have no extent of their own choice, not even its default."""
        fields: dict[str, Any] = serialize(self)
        if self.layout == "scattered":
            del fields["extent"]
        return fields


DataSection = Annotated[WavesSection | FileSection, Field(discriminator="kind")]

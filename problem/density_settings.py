"""The section [density] of the run file. There is one model for each kind of density."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from freqbias.errors import InputError
from freqbias.problem import files
from freqbias.problem.densities import FREEDOM, Gaussian, Laplace, StudentT
from freqbias.problem.density import Density
from freqbias.problem.discrete_density import MOST_OCTAVES, Octaves, Points
from freqbias.problem.file_keys import (
    COLUMNS,
    DECIMAL,
    DELIMITER,
    DTYPE,
    KEY,
    PATH,
    TABLE_SUFFIXES,
    ColumnList,
    DataType,
    Decimal,
    Delimiter,
    check_ending,
    check_table_keys,
)
from freqbias.problem.mixture import Mixture
from freqbias.problem.position_files import read_rows
from freqbias.problem.section import Section, error_prefix
from freqbias.problem.settings import Positive, per_axis, positive
from freqbias.problem.supports import THICKEST_INNER, Annulus, Ball, Uniform
from freqbias.problem.table import Table
from freqbias.problem.tables import TableFormat


class GaussianSection(Section):
    kind: Literal["gaussian"]
    sigma: float = positive(
        "a positive number: the standard deviation of the frequencies, in cycles per unit length, for example "
        "sigma = 10.0"
    )

    def build(self) -> Density:
        return Gaussian(self.sigma)


class UniformSection(Section):
    kind: Literal["uniform"]
    radius: float = positive(
        "a positive number: the half-width of the box |xi_i| <= radius, in cycles per unit length, for example "
        "radius = 20.0"
    )

    def build(self) -> Density:
        return Uniform(self.radius)


class BallSection(Section):
    kind: Literal["ball"]
    radius: float = positive(
        "a positive number: the radius of the ball, in cycles per unit length, for example radius = 20.0"
    )

    def build(self) -> Density:
        return Ball(self.radius)


class AnnulusSection(Section):
    kind: Literal["annulus"]
    inner: float = positive(
        "a positive number, less than radius: the inner radius of the annulus inner < |xi| <= radius, in cycles per "
        "unit length, for example inner = 10.0"
    )
    radius: float = positive(
        "a positive number: the outer radius of the annulus, in cycles per unit length, for example radius = 20.0"
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> "AnnulusSection":
        if self.inner > THICKEST_INNER * self.radius:
            raise ValueError(
                f"inner = {self.inner} is not less than {THICKEST_INNER} radius = {THICKEST_INNER * self.radius:.6g}; "
                f'use a smaller inner radius, or kind = "ball" for a ball'
            )
        return self

    def build(self) -> Density:
        return Annulus(self.inner, self.radius)


class LaplaceSection(Section):
    kind: Literal["laplace"]
    scale: float = positive(
        "a positive number: the scale b of the density exp(-|xi_i| / b) / (2b) along each axis, in cycles per unit "
        "length, for example scale = 10.0"
    )

    def build(self) -> Density:
        return Laplace(self.scale)


class StudentTSection(Section):
    kind: Literal["student-t"]
    sigma: float = positive(
        "a positive number: the scale of the frequencies, in cycles per unit length, for example sigma = 10.0"
    )
    freedom: float = Field(
        ge=FREEDOM[0],
        le=FREEDOM[1],
        description="a number from 1 (heaviest tails) to 100 (nearly Gaussian): the degrees of freedom, for example "
        "freedom = 5.0",
    )

    def build(self) -> Density:
        return StudentT(self.sigma, self.freedom)


class TableSection(Section):
    kind: Literal["table"]
    path: str = Field(min_length=1, description=PATH)
    key: str | None = Field(None, description=KEY)
    dtype: DataType | None = Field(None, description=DTYPE)
    half_width: Positive | Annotated[list[Positive], Field(min_length=1, max_length=3)] = Field(
        description="a positive number, or one per axis: the nodes of the table cover |xi_i| <= half_width, in cycles "
        "per unit length, for example half_width = 20.0"
    )
    columns: ColumnList | None = Field(None, description=COLUMNS)
    delimiter: Delimiter | None = Field(None, description=DELIMITER)
    decimal: Decimal | None = Field(None, description=DECIMAL)

    @model_validator(mode="after")
    def _check_consistency(self) -> "TableSection":
        check_ending(self.path, key=self.key, dtype=self.dtype)
        check_table_keys(self.path, self.columns, self.delimiter, self.decimal)
        return self

    def build(self) -> Density:
        path = files.resolve(self.path, Path(), section="density")
        table = TableFormat(self.columns, self.delimiter, self.decimal)
        values = files.read(path, key=self.key, dtype=self.dtype, section="density", table=table)
        axes, channels = values.ndim - 1, values.shape[-1]
        if channels > 1:
            raise InputError(
                f"[density] path = {self.path!r}: the file contains {channels} channels; give a table with one channel"
            )
        with error_prefix(f"[density] path = {self.path!r}: "):
            return Table(values[..., 0], per_axis(self.half_width, axes))


class OctavesSection(Section):
    kind: Literal["octaves"]
    scale: float = positive(
        "a positive number: the lowest frequency of a positional encoding, in cycles per unit length, for example "
        "scale = 0.5 for NeRF's features sin(2^j pi x) and cos(2^j pi x)"
    )
    count: int = Field(
        ge=1,
        le=MOST_OCTAVES,
        description=f"a whole number from 1 to {MOST_OCTAVES}: the number of octaves; the frequencies are scale 2^j "
        "with j = 0, ..., count - 1, for example count = 10",
    )
    directions: Literal["axes", "all"] = Field(
        "axes", description='"axes" (each frequency along each axis), or "all" (along the diagonals too)'
    )

    def build(self) -> Density:
        with error_prefix("[density] "):
            return Octaves(self.scale, self.count, self.directions)


class PointsSection(Section):
    kind: Literal["points"]
    path: str = Field(min_length=1, description=PATH)
    key: str | None = Field(None, description=KEY)
    columns: ColumnList | None = Field(None, description=COLUMNS)
    delimiter: Delimiter | None = Field(None, description=DELIMITER)
    decimal: Decimal | None = Field(None, description=DECIMAL)

    @model_validator(mode="after")
    def _check_consistency(self) -> "PointsSection":
        if not self.path.lower().endswith(TABLE_SUFFIXES):
            raise ValueError(
                f"path = {self.path!r} is not a table of frequencies; give a file with one of the endings "
                f"{' '.join(TABLE_SUFFIXES)}"
            )
        check_ending(self.path, key=self.key, dtype=None)
        check_table_keys(self.path, self.columns, self.delimiter, self.decimal, column_files=TABLE_SUFFIXES)
        return self

    def build(self) -> Density:
        path = files.resolve(self.path, Path(), section="density")
        table = TableFormat(self.columns, self.delimiter, self.decimal)
        try:
            return Points(read_rows(path, table, key=self.key, section="density").complete("correct the cell").values)
        except InputError as failure:
            if str(failure).startswith("[density]"):  # it names the file
                raise
            raise InputError(f"[density] path = {self.path!r}: {failure}") from failure


Part = Annotated[
    GaussianSection | UniformSection | BallSection | AnnulusSection | LaplaceSection | StudentTSection | TableSection,
    Field(discriminator="kind"),
]


class MixtureSection(Section):
    kind: Literal["mixture"]
    weights: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="a list of positive numbers, one for each part, for example weights = [1.0, 3.0]"
    )
    parts: Annotated[list[Part], Field(min_length=1)] = Field(
        description="a table [[density.parts]] for each part, with its kind and its keys; a part cannot be a mixture"
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> "MixtureSection":
        if len(self.weights) != len(self.parts):
            raise ValueError(
                f"weights = {self.weights} has {len(self.weights)} entries, but there are {len(self.parts)} tables "
                f"[[density.parts]]; give one weight for each part"
            )
        return self

    def build(self) -> Density:
        return Mixture(tuple(self.weights), tuple(part.build() for part in self.parts))


DensitySection = Annotated[
    GaussianSection
    | UniformSection
    | BallSection
    | AnnulusSection
    | LaplaceSection
    | StudentTSection
    | TableSection
    | OctavesSection
    | PointsSection
    | MixtureSection,
    Field(discriminator="kind"),
]

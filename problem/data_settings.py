"""The section [data] of the run file. There is one model for each kind of data."""

from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from freqbias.numerics import LARGEST
from freqbias.problem.file_keys import (
    COLUMNS,
    DECIMAL,
    DELIMITER,
    DTYPE,
    KEY,
    PATH,
    TABLE_SUFFIXES,
    TEXT_TABLES,
    ColumnList,
    DataType,
    Decimal,
    Delimiter,
    check_ending,
    check_table_keys,
)
from freqbias.problem.held_out import HELD_OUT, Choice
from freqbias.problem.section import Section
from freqbias.problem.settings import Positive, per_axis, positive
from freqbias.problem.tables import TableFormat

MOST_SAMPLES = 10**8  # these need about 10 GB of memory, including positions
AxisPoints = Annotated[int, Field(ge=2, le=10**9)]
Points = AxisPoints | Annotated[list[AxisPoints], Field(min_length=1, max_length=3)]
Deviation = Annotated[float, Field(ge=0, le=LARGEST)]
NoiseLevel = Deviation | Annotated[list[Deviation], Field(min_length=1)] | Literal["estimate"]
Extent = Positive | Annotated[list[Positive], Field(min_length=1, max_length=3)]
SPACED_SUFFIXES = (".wav", ".flac", ".ogg", ".nii", ".nii.gz", ".nrrd")  # formats that state a spacing
EXTENT = "a positive number, or one per axis: the side lengths of the box of data, for example extent = 1.0"
SPACING = (
    "a positive number, or one per axis, instead of extent: the distance between neighbouring points of the file, for "
    "example spacing = 0.5; the default is the spacing that the file states, if any"
)
POINTS = "a whole number from 2 to 10^9, or one per axis: the number of grid points, for example points = [128, 96]"
STANDARDIZE = "true or false: shift and scale each channel to mean 0 and variance 1 over the training samples"
PREDICT_AT = (
    "the path of a table with one position per row (.csv .tsv .txt .npy), relative to the run file: the program "
    'predicts what the network learns at these positions, with [pde] operator = "data"'
)
PREDICT_POINTS = (
    "a whole number from 2 to 10^9, or one per axis, instead of predict_at: the number of points of a grid over the "
    "box of the data, for example predict_points = 256, at which the program predicts what the network learns"
)
NOISE = (
    "a number of at least 0, in units of the values: the standard deviation of the normal noise that is added to the "
    "training samples"
)

NOISE_LEVEL = (
    "a number of at least 0, or one per channel: the standard deviation of the noise that the values contain, in units "
    'of the file, or "estimate"; for a known level the program predicts the loss without noise and when to stop'
)

MISSING = (
    '"refuse", or "drop" to leave out the rows of scattered samples in which a value is missing; `check` and the log '
    "give the number of rows left out"
)

CENTER = (
    "true or false: shift the positions of scattered samples so that the centre of the box around the training samples "
    "is x = 0; use this for positions far from 0, such as longitudes and latitudes"
)


class WavesSection(Section):
    kind: Literal["waves"]
    dimension: int = Field(ge=1, le=3, description="1, 2 or 3: the number of axes")
    points: Points = Field(description=POINTS)
    extent: Extent = Field(1.0, description=EXTENT)
    frequencies: Annotated[list[Annotated[list[float], Field(min_length=1)]], Field(min_length=1)] = Field(
        description="a list of frequencies, in cycles per unit length, each a list with one number per axis, for "
        "example frequencies = [[3.0], [10.0]]"
    )
    window: float | None = positive(
        "a positive number, in units of length: the standard deviation of the Gaussian window; leave window out for "
        "waves without a window",
        default=None,
    )
    standardize: bool = Field(False, description=STANDARDIZE)
    held_out: Choice = Field(0.0, description=HELD_OUT)
    noise: float = Field(0.0, ge=0, le=LARGEST, description=NOISE)
    predict_at: str | None = Field(None, min_length=1, description=PREDICT_AT)
    predict_points: Points | None = Field(None, description=PREDICT_POINTS)

    @model_validator(mode="after")
    def _check_consistency(self) -> "WavesSection":
        _check_prediction(self.predict_at, self.predict_points)
        for name, value in (("points", self.points), ("extent", self.extent)):
            if isinstance(value, list) and len(value) != self.dimension:
                raise ValueError(
                    f"{name} = {value} contradicts dimension = {self.dimension}; give one number, or one number for "
                    "each axis"
                )
        points, extent = per_axis(self.points, self.dimension), per_axis(self.extent, self.dimension)
        if prod(points) > MOST_SAMPLES:
            raise ValueError(f"points = {self.points} gives {prod(points):,} samples; use at most {MOST_SAMPLES:,}")
        for nu in self.frequencies:
            if len(nu) != self.dimension:
                raise ValueError(
                    f"frequencies = {nu} contradicts dimension = {self.dimension}; give one number per axis"
                )
            for f, n, length in zip(nu, points, extent, strict=True):
                if abs(f) > n / (2 * length):
                    raise ValueError(
                        f"frequencies = {f} cannot be resolved by {n} points over a length of {length}: the limit is "
                        f"points/(2 extent) = {n / (2 * length)}; use more points or lower frequencies"
                    )
        return self


class FileSection(Section):
    kind: Literal["file"]
    path: str = Field(min_length=1, description=PATH)
    dimension: int | None = Field(
        None,
        ge=1,
        le=3,
        description="1, 2 or 3: the number of axes; required for scattered samples; the default for a grid is the "
        "number of axes in the file",
    )
    points: Points | None = Field(None, description=POINTS + "; leave points out to keep the resolution of the file")
    extent: Extent = Field(1.0, description=EXTENT + "; files that state a spacing need no extent")
    spacing: Extent | None = Field(None, description=SPACING)
    standardize: bool = Field(False, description=STANDARDIZE)
    held_out: Choice = Field(0.0, description=HELD_OUT)
    noise: float = Field(0.0, ge=0, le=LARGEST, description=NOISE)
    noise_level: NoiseLevel = Field(0.0, description=NOISE_LEVEL)
    predict_at: str | None = Field(None, min_length=1, description=PREDICT_AT)
    predict_points: Points | None = Field(None, description=PREDICT_POINTS)
    key: str | None = Field(None, description=KEY)
    dtype: DataType | None = Field(None, description=DTYPE)
    layout: Literal["grid", "scattered"] = Field(
        "grid",
        description='"grid", or "scattered" for a table with one row per sample: first the position, then the values',
    )
    columns: ColumnList | None = Field(None, description=COLUMNS)
    delimiter: Delimiter | None = Field(None, description=DELIMITER)
    decimal: Decimal | None = Field(None, description=DECIMAL)
    missing: Literal["refuse", "drop"] = Field("refuse", description=MISSING)
    center: bool = Field(False, description=CENTER)

    @property
    def table_format(self) -> TableFormat:
        return TableFormat(self.columns, self.delimiter, self.decimal)

    @model_validator(mode="after")
    def _check_consistency(self) -> "FileSection":
        _check_prediction(self.predict_at, self.predict_points)
        scattered = self.layout == "scattered"
        if scattered:
            self._check_scattered()
        else:
            self._check_grid()
        check_ending(self.path, key=self.key, dtype=self.dtype)
        files = TABLE_SUFFIXES if scattered else TEXT_TABLES
        check_table_keys(self.path, self.columns, self.delimiter, self.decimal, column_files=files)
        return self

    def _check_grid(self) -> None:
        if self.spacing is not None and "extent" in self.model_fields_set:
            raise ValueError(f"spacing = {self.spacing} contradicts extent = {self.extent}; give only one of them")
        if self.missing == "drop":
            raise ValueError(
                'missing = "drop" is for layout = "scattered" only, because a grid has a value at every point; leave '
                "missing out"
            )
        if self.center:
            raise ValueError(
                'center = true is for layout = "scattered" only, because a grid is centred already; leave center out'
            )

    def _check_scattered(self) -> None:
        if not self.path.lower().endswith(TABLE_SUFFIXES):
            raise ValueError(
                f'layout = "scattered" needs a table, but path = {self.path!r}; use a file that ends in one of '
                f"{' '.join(TABLE_SUFFIXES)}"
            )
        if self.dimension is None:
            raise ValueError(
                'layout = "scattered" needs dimension, the number of leading columns with the position; add for '
                "example dimension = 2"
            )
        if self.columns is not None and len(self.columns) <= self.dimension:
            raise ValueError(
                f"columns = {self.columns} contradicts dimension = {self.dimension}; first name the columns of the "
                "position, one for each axis, and then one or more columns of values"
            )
        for name in ("points", "extent", "spacing"):
            if name in self.model_fields_set:
                raise ValueError(
                    f'{name} = {getattr(self, name)} is for layout = "grid" only: the file gives the positions of '
                    f"scattered samples; leave {name} out"
                )

    @model_serializer(mode="wrap")
    def _serialize(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out extent where this key is an error, or would replace the spacing that the file states."""
        fields: dict[str, Any] = serialize(self)
        from_file = self.path.lower().endswith(SPACED_SUFFIXES) and "extent" not in self.model_fields_set
        if self.layout == "scattered" or self.spacing is not None or from_file:
            del fields["extent"]
        return fields


def _check_prediction(predict_at: str | None, predict_points: int | list[int] | None) -> None:
    if predict_at is not None and predict_points is not None:
        raise ValueError(
            f"predict_at = {predict_at!r} contradicts predict_points = {predict_points}; give only one of them"
        )


DataSection = Annotated[WavesSection | FileSection, Field(discriminator="kind")]

"""A finished result to look at: the spectra of the error, their difference, the learning rates and the laws on the
nodes of the mesh."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from freqbias.compare.kappa import FLOOR, mean_rate
from freqbias.compare.spectra import has_signal, inside_nyquist, leakage, signal_floor
from freqbias.compare.style import frequency_unit
from freqbias.errors import UsageError
from freqbias.problem import Spectrum
from freqbias.runtime import Store

LAWS = ("damping", "diffusion", "rho_w")


@dataclass(frozen=True)
class View:
    """What there is to see of a result.

    time (T,) gradient-flow time; frequency (n, d) [cycles/length]; cells, cell_type, degree: see `problem.Spectrum`.
    spectra: (T, C, n) complex [as the data], by name: "pde", and where the result is compared "nn" and "difference",
    nn - pde. static: (n,) that do not change in time: "damping", "diffusion" and "rho_w", and where there are two times
    "kappa_pde" and "kappa_nn", the mean learning rates over the run, NaN where they are undefined. limit (d,): the
    Nyquist box |xi_i| <= limit_i [cycles/length], infinite for scattered samples. largest: |v_pde| at t = 0 within it;
    tolerance: the size of the errors of v, over that; leakage: what samples at random places leave of |v| at every
    frequency (`freqbias.compare.spectra.signal.leakage`). unit: of x, for labels.
    """

    time: np.ndarray
    frequency: np.ndarray
    cells: np.ndarray
    cell_type: str
    degree: int
    spectra: Mapping[str, np.ndarray]
    static: Mapping[str, np.ndarray]
    limit: np.ndarray
    largest: float
    name: str
    unit: str
    tolerance: float = 0.0
    leakage: float = 0.0

    @property
    def dimension(self) -> int:
        return self.frequency.shape[1]

    @property
    def inside(self) -> np.ndarray:
        """Which nodes lie in the Nyquist box, (n,) bool."""
        return inside_nyquist(self.frequency, self.limit)

    @property
    def magnitudes(self) -> dict[str, np.ndarray]:
        """The root of the sum over channels of |v_c|^2, (T, n) each."""
        return {name: np.linalg.norm(values, axis=1) for name, values in self.spectra.items()}

    @property
    def units(self) -> dict[str, str]:
        """Of every field, by its name. With sigma_a in 1/length, since 1 + (2 pi sigma_a x)^2 has none."""
        length, d = self.unit or "length", self.dimension
        per_frequency = {0: "1", 1: length}.get(d, f"{length}^{d}")
        slope = {-1: f"1/{length}", 0: "1", 1: length}[d - 2]
        start = {name: values[0] for name, values in self.spectra.items()}
        of_spectra = dict.fromkeys(spectrum_fields(start), "unit of the data")
        of_laws = {"rho_w": per_frequency, "damping": f"{per_frequency}/time", "diffusion": f"{slope}/time"}
        return of_spectra | {name: of_laws.get(name, "1/time") for name in self.static}

    @property
    def per_unit(self) -> str:
        """The unit of frequencies."""
        return frequency_unit(self.unit)


def load_view(folder: Path) -> View:
    """The view of a result folder: of its finished stage `pde`, and of `compare` where that is there.

    Raises UsageError where there is no finished pde result, a file is damaged, or the comparison is of another pde
    result.
    """
    store = Store(Path(folder))
    view_sources(store)
    return read_view(store.root)


def view_sources(store: Store) -> dict[str, str]:
    """SHA-256 of the files that a view is made of, once they are found whole."""
    if not store.root.is_dir():
        met = "is a file" if store.root.exists() else "does not exist"
        raise UsageError(f"{store.root} {met}: give the folder that `freqbias run` wrote, such as out/NAME")
    store.verify("pde")
    sources = {"pde": store.manifest("pde")["files"]["spectrum.nc"]["sha256"]}
    if (store.root / "compare").is_dir():
        store.verify("compare")
        manifest = store.manifest("compare")
        if manifest["sources"]["pde"] != sources["pde"]:
            raise UsageError(
                f"{store.root / 'compare'} compares another pde result than {store.root / 'pde'}: compare again with "
                "`freqbias compare RUN.toml --overwrite`"
            )
        sources["compare"] = manifest["files"]["spectra.nc"]["sha256"]
    return sources


def read_view(root: Path) -> View:
    import pyvista
    import xarray as xr

    spectrum = Spectrum.load(root / "pde" / "spectrum.nc")
    attributes = spectrum.attributes
    time, spectra = spectrum.time, {"pde": spectrum.error}
    if (root / "compare").is_dir():
        with xr.open_dataset(root / "compare" / "spectra.nc", engine="h5netcdf", decode_times=False) as data:
            time = data["time"].values
            spectra = {name: data[f"{name}_real"].values + 1j * data[f"{name}_imag"].values for name in ("pde", "nn")}
        spectra["difference"] = spectra["nn"] - spectra["pde"]
    limit = np.full(spectrum.frequency.shape[1], np.inf)
    if "points" in attributes:  # samples on a grid
        limit = attributes["points"] / (2 * attributes["extent"]) * np.ones_like(limit)
    laws = pyvista.read(root / "pde" / "fields_000000.vtu").point_data
    inside = has_signal(spectrum.frequency, spectrum.error[0], limit)
    view = View(
        time, spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree, spectra,
        {name: np.array(laws[name]) for name in LAWS}, limit,
        float(np.linalg.norm(spectrum.error[0][:, inside], axis=0).max(initial=0.0)),
        str(attributes.get("name", root.name)), str(attributes.get("unit", "")),
        float(attributes.get("tolerance", 0.0)), leakage(spectrum),
    )  # fmt: skip
    return view if len(time) < 2 else with_rates(view)


def with_rates(view: View) -> View:
    """The same view with the mean learning rates among `static`, as `freqbias.compare.kappa.measurement` has them."""
    floor, noise = signal_floor(view.largest, view.leakage, FLOOR), view.tolerance * view.largest
    there = has_signal(view.frequency, view.spectra["pde"][0], view.limit, floor=floor)
    rates = {
        f"kappa_{name}": np.where(there, mean_rate(view.time, view.spectra[name], floor=floor, noise=noise), np.nan)
        for name in ("pde", "nn")
        if name in view.spectra
    }
    return replace(view, static={**view.static, **rates})


def spectrum_fields(spectra: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of spectra (C, n) at one time, (n,) each: NAME_magnitude of all, and real and imaginary part of each channel of
    the two that are compared."""
    fields = {f"{name}_magnitude": np.linalg.norm(v, axis=0) for name, v in spectra.items()}
    for name in ("pde", "nn"):
        for channel, v in enumerate(spectra.get(name, ())):
            suffix = f"_{channel}" if len(spectra[name]) > 1 else ""
            fields |= {f"{name}_real{suffix}": v.real, f"{name}_imaginary{suffix}": v.imag}
    return fields

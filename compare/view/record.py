"""The data of a view: spectra and their difference, learning rates, damping, diffusion and density on the mesh."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from freqbias.compare.kappa import FLOOR, mean_rate
from freqbias.compare.spectra import has_signal, inside_nyquist, leakage, signal_floor
from freqbias.compare.style import frequency_unit
from freqbias.errors import UsageError
from freqbias.meshes import plan_mesh
from freqbias.problem import Spectrum, build, counted, load, read_netcdf, time_range
from freqbias.runtime import Store

FIELDS = "fields_000000.vtu"
LAWS = ("damping", "diffusion", "rho_w")


@dataclass(frozen=True, repr=False)
class View:
    """The fields of a result at the nodes of the mesh.

    time (T,): gradient-flow time.
    frequency (n, d) [cycles/length], cells, cell_type, degree: the mesh, as in `problem.Spectrum`.
    spectra: complex arrays (T, C, n) by name, in the unit of the data. The names are "pde" and, if the stage compare is
    finished, "nn" and "difference" (nn - pde).
    static: arrays (n,) by name, constant in time. The names are "damping", "diffusion", "rho_w" and, for two or
    more times, "kappa_pde" and "kappa_nn". The last two are the mean learning rates over the run, NaN where undefined.
    limit (d,): the limits of the Nyquist box |xi_i| <= limit_i [cycles/length], infinite for scattered samples.
    largest: the maximum of |v_pde(0)| in this box. tolerance: the error of v, relative to largest.
    leakage: |v| that scattered samples add at every frequency (`freqbias.compare.spectra.leakage`).
    unit: the unit of x, for labels.
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

    def __repr__(self) -> str:
        spectra, nodes = ", ".join(self.spectra), counted(len(self.frequency), "node")
        return f"View({self.name!r}: {spectra}; {time_range(self.time)}, {nodes} in {self.dimension}-D)"

    @property
    def dimension(self) -> int:
        return self.frequency.shape[1]

    @property
    def inside(self) -> np.ndarray:
        """Whether each node is in the Nyquist box, (n,) bool."""
        return inside_nyquist(self.frequency, self.limit)

    @property
    def magnitudes(self) -> dict[str, np.ndarray]:
        """|v| = (sum_c |v_c|^2)^(1/2) of each spectrum, (T, n)."""
        return {name: np.linalg.norm(values, axis=1) for name, values in self.spectra.items()}

    @property
    def units(self) -> dict[str, str]:
        """The unit of every field, by name. The unit of sigma_a is 1/length, because 2 pi sigma_a x has no unit."""
        length, d = self.unit or "length", self.dimension
        per_frequency = {0: "1", 1: length}.get(d, f"{length}^{d}")
        diffusion = {-1: f"1/{length}", 0: "1", 1: length}[d - 2]
        first = {name: values[0] for name, values in self.spectra.items()}
        spectrum_units = dict.fromkeys(spectrum_fields(first), "unit of the data")
        law_units = {"rho_w": per_frequency, "damping": f"{per_frequency}/time", "diffusion": f"{diffusion}/time"}
        return spectrum_units | {name: law_units.get(name, "1/time") for name in self.static}

    @property
    def per_unit(self) -> str:
        """The unit of frequencies, for labels."""
        return frequency_unit(self.unit)


def load_view(folder: Path) -> View:
    """Load the view of a result folder, from the stage `pde` and, if the folder has it, the stage `compare`.

    Raises UsageError if the result of `pde` is not finished, a file is damaged, or `compare` used another pde result.
    """
    store = Store(Path(folder))
    view_sources(store)
    return read_view(store.root)


def view_sources(store: Store) -> dict[str, str]:
    """Return the SHA-256 of each file that a view is made from. Raises UsageError like `load_view`."""
    if not store.root.is_dir():
        problem = "is a file" if store.root.exists() else "does not exist"
        raise UsageError(f"{store.root} {problem}: give the folder that `freqbias run` wrote, such as out/NAME")
    store.verify("pde", needs=["spectrum.nc"])
    sources = {"pde": store.manifest("pde")["files"]["spectrum.nc"]["sha256"]}
    if store.has("compare"):
        store.verify("compare", needs=["spectra.nc"])
        manifest = store.manifest("compare")
        if manifest.get("sources", {}).get("pde") != sources["pde"]:
            raise UsageError(
                f"{store.root / 'compare'} was computed from another pde result than {store.root / 'pde'}; run "
                "`freqbias compare RUN.toml --overwrite`"
            )
        sources["compare"] = manifest["files"]["spectra.nc"]["sha256"]
    return sources


def read_view(root: Path) -> View:
    """Read the view of the result folder root, whose files `view_sources` has verified."""
    spectrum = Spectrum.load(root / "pde" / "spectrum.nc")
    attributes = spectrum.attributes
    time, spectra = spectrum.time, {"pde": spectrum.error}
    if Store(root).has("compare"):
        parts = {f"{name}_{part}" for name in ("pde", "nn") for part in ("real", "imag")}
        data = read_netcdf(root / "compare" / "spectra.nc", {"time", *parts})
        time = data["time"].values
        spectra = {name: data[f"{name}_real"].values + 1j * data[f"{name}_imag"].values for name in ("pde", "nn")}
        spectra["difference"] = spectra["nn"] - spectra["pde"]
    limit = np.full(spectrum.frequency.shape[1], np.inf)
    if "points" in attributes:  # samples on a grid
        limit = attributes["points"] / (2 * attributes["extent"]) * np.ones_like(limit)
    laws = _laws(root, spectrum)
    inside = has_signal(spectrum.frequency, spectrum.error[0], limit)
    view = View(
        time, spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree, spectra,
        {name: np.array(laws[name]) for name in LAWS}, limit,
        float(np.linalg.norm(spectrum.error[0][:, inside], axis=0).max(initial=0.0)),
        str(attributes.get("name", root.name)), str(attributes.get("unit", "")),
        float(attributes.get("tolerance", 0.0)), leakage(spectrum),
    )  # fmt: skip
    return view if len(time) < 2 else with_rates(view)


def _laws(root: Path, spectrum: Spectrum) -> Mapping[str, np.ndarray]:
    """Return damping, diffusion and rho_w at the nodes: from the fields of the stage pde, or from the run file."""
    if (root / "pde" / FIELDS).is_file():
        import pyvista

        return dict(pyvista.read(root / "pde" / FIELDS).point_data)
    from freqbias.pde import law_values

    run = load(root / "run.toml")
    problem = build(run)
    return law_values(problem, spectrum.frequency, plan_mesh(problem, run.pde, run.mesh))


def with_rates(view: View) -> View:
    """Return the view with mean learning rates in `static`, computed as in `freqbias compare`."""
    floor, noise = signal_floor(view.largest, view.leakage, FLOOR), view.tolerance * view.largest
    defined = has_signal(view.frequency, view.spectra["pde"][0], view.limit, floor=floor)
    rates = {
        f"kappa_{name}": np.where(defined, mean_rate(view.time, view.spectra[name], floor=floor, noise=noise), np.nan)
        for name in ("pde", "nn")
        if name in view.spectra
    }
    return replace(view, static={**view.static, **rates})


def spectrum_fields(spectra: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the fields (n,) of the spectra (C, n) at one time, by name.

    The fields are NAME_magnitude for each spectrum, and the real and imaginary parts of all channels of "pde" and "nn".
    """
    fields = {f"{name}_magnitude": np.linalg.norm(v, axis=0) for name, v in spectra.items()}
    for name in ("pde", "nn"):
        for channel, v in enumerate(spectra.get(name, ())):
            suffix = f"_{channel}" if len(spectra[name]) > 1 else ""
            fields |= {f"{name}_real{suffix}": v.real, f"{name}_imaginary{suffix}": v.imag}
    return fields

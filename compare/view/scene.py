"""The inside of a panel in two and three dimensions, rendered by PyVista without a window: the plane, or the three
planes through the largest |v(0)|, seen along a fixed direction in parallel projection."""

from abc import ABC, abstractmethod

import numpy as np
import pyvista

from freqbias.compare.view.linear_cells import LinearCells
from freqbias.compare.view.record import View

# The directions on the page that point right and up; in three dimensions all axes run towards the reader.
PAGE = {2: np.eye(3)[:2], 3: np.array([[-0.6, 0.8, 0.0], [-0.32, -0.24, np.sqrt(0.84)]])}
PIXELS = 640  # along the longer side


class Scene(ABC):
    """Renders the magnitudes of a view.

    reach (d,): the box that is shown, |xi_i| <= reach_i [cycles/length]; scale: where the logarithmic colours begin and
    end. extent: left, right, bottom and top of an image, in the coordinates of the page that `to_page` gives.
    """

    def __init__(self, view: View, reach: np.ndarray, scale: tuple[float, float]) -> None:
        self.view, self.reach, self._scale = view, reach, scale
        self._page = PAGE[view.dimension]
        corners = np.stack(np.meshgrid(*([-r, r] for r in reach), indexing="ij"), axis=-1).reshape(-1, view.dimension)
        right, up = self.to_page(corners).max(axis=0) * (1.0 if view.dimension == 2 else 1.02)
        self.extent = (-right, right, -up, up)
        size = np.ceil(PIXELS * np.array([right, up]) / max(right, up)).astype(int)
        with pyvista.vtk_verbosity("off"):  # VTK says that there is no X server, and does without
            self._plotter = pyvista.Plotter(off_screen=True, window_size=size.tolist())
            self._plotter.background_color = pyvista.Color("white")
            self._surface = self._cut()
            self._plotter.render()
        camera = self._plotter.camera
        camera.focal_point, camera.up = (0.0, 0.0, 0.0), tuple(self._page[1])
        camera.position = tuple(10 * np.linalg.norm(reach) * np.cross(*self._page))
        camera.parallel_projection, camera.parallel_scale = True, up
        self._plotter.reset_camera_clipping_range()

    def to_page(self, xi: np.ndarray) -> np.ndarray:
        """Frequencies (..., d) as they lie on the page, (..., 2)."""
        return np.asarray(xi @ self._page[:, : xi.shape[-1]].T)

    def image(self, name: str, index: int) -> np.ndarray:
        """|v| of a spectrum at a time, (pixels, pixels, 3)."""
        self._surface.point_data["v"] = np.maximum(self._magnitude(name, index), self._scale[0])
        self._plotter.add_mesh(
            self._surface, scalars="v", clim=self._scale, log_scale=True, cmap="viridis", lighting=False,
            show_scalar_bar=False, name="v", reset_camera=False,
        )  # fmt: skip
        return np.array(self._plotter.screenshot(return_img=True))

    def close(self) -> None:
        self._plotter.close()

    @abstractmethod
    def _cut(self) -> pyvista.PolyData:
        """What is shown."""

    @abstractmethod
    def _magnitude(self, name: str, index: int) -> np.ndarray:
        """|v| at its points."""


class Plane(Scene):
    """Two dimensions."""

    def _cut(self) -> pyvista.PolyData:
        self._cells = LinearCells(self.view)
        points = np.pad(self._cells.frequency, ((0, 0), (0, 1)))
        return pyvista.PolyData.from_regular_faces(points, self._cells.cells)

    def _magnitude(self, name: str, index: int) -> np.ndarray:
        return np.asarray(np.linalg.norm(self._cells.at(self.view.spectra[name][index]), axis=0))


class Planes(Scene):
    """Three dimensions: the planes through the largest |v(0)|, linear between the points around them."""

    def _cut(self) -> pyvista.PolyData:
        box = [side for r in self.reach for side in (-r, r)]
        frame = pyvista.Box(bounds=box).extract_all_edges()
        self._plotter.add_mesh(frame, color="grey", line_width=1.5, lighting=False)
        cells = LinearCells(self.view)
        grid = cells.grid()
        for name, values in self.view.spectra.items():
            for index, v in enumerate(values):
                grid.point_data[f"{name} {index}"] = np.linalg.norm(cells.at(v), axis=0)
        planes = pyvista.merge([grid.slice(normal=axis, origin=peak(self.view)) for axis in np.eye(3)])
        return planes.clip_box(box, invert=False).extract_surface(algorithm=None)

    def _magnitude(self, name: str, index: int) -> np.ndarray:
        return np.asarray(self._surface.point_data[f"{name} {index}"])


def peak(view: View) -> np.ndarray:
    """The node with the largest |v(0)| within the Nyquist box, (d,)."""
    xi = view.frequency[np.where(view.inside, view.magnitudes["pde"][0], -1.0).argmax()]
    return np.where(np.abs(xi) > 1e-9 * np.abs(view.frequency).max(), xi, 0.0)

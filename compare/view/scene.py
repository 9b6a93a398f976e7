"""Render the image inside a panel in 2-D and 3-D, by PyVista without a window.

A 2-D result is shown on the plane of frequencies. A 3-D result is shown on three planes through the frequency with the
largest |v(0)|. The direction of view is fixed, and the projection is parallel.
"""

from abc import ABC, abstractmethod

import numpy as np
import pyvista

from freqbias.compare.view.linear_cells import LinearCells
from freqbias.compare.view.record import View

# Directions that point right and up on the page, by dimension. In 3-D all axes point towards the reader.
PAGE_AXES = {2: np.eye(3)[:2], 3: np.array([[-0.6, 0.8, 0.0], [-0.32, -0.24, np.sqrt(0.84)]])}
PIXELS = 640  # longer side of an image


class Scene(ABC):
    """Draw images of the magnitudes |v| that a `View` contains.

    limits (d,): the limits of the visible box |xi_i| <= limits_i [cycles/length]. colour_range: both ends of the
    logarithmic colour scale. extent: left, right, bottom and top of an image, in page coordinates (`to_page`).
    """

    def __init__(self, view: View, limits: np.ndarray, colour_range: tuple[float, float]) -> None:
        self.view, self.limits, self._colour_range = view, limits, colour_range
        self._page_axes = PAGE_AXES[view.dimension]
        corners = np.stack(np.meshgrid(*([-r, r] for r in limits), indexing="ij"), axis=-1).reshape(-1, view.dimension)
        right, up = self.to_page(corners).max(axis=0) * (1.0 if view.dimension == 2 else 1.02)
        self.extent = (-right, right, -up, up)
        size = np.ceil(PIXELS * np.array([right, up]) / max(right, up)).astype(int)
        with pyvista.vtk_verbosity("off"):  # without an X server, VTK works but writes a warning
            self._plotter = pyvista.Plotter(off_screen=True, window_size=size.tolist())
            self._plotter.background_color = pyvista.Color("white")
            self._surface = self._make_surface()
            self._plotter.render()
        camera = self._plotter.camera
        camera.focal_point, camera.up = (0.0, 0.0, 0.0), tuple(self._page_axes[1])
        camera.position = tuple(10 * np.linalg.norm(limits) * np.cross(*self._page_axes))
        camera.parallel_projection, camera.parallel_scale = True, up
        self._plotter.reset_camera_clipping_range()

    def to_page(self, xi: np.ndarray) -> np.ndarray:
        """Return the page coordinates of frequencies, (..., d) -> (..., 2)."""
        return np.asarray(xi @ self._page_axes[:, : xi.shape[-1]].T)

    def image(self, name: str, index: int) -> np.ndarray:
        """Return an image of |v| for one spectrum at one time, (pixels, pixels, 3)."""
        self._surface.point_data["v"] = np.maximum(self._magnitude(name, index), self._colour_range[0])
        self._plotter.add_mesh(
            self._surface, scalars="v", clim=self._colour_range, log_scale=True, cmap="viridis", lighting=False,
            show_scalar_bar=False, name="v", reset_camera=False,
        )  # fmt: skip
        return np.array(self._plotter.screenshot(return_img=True))

    def close(self) -> None:
        self._plotter.close()

    @abstractmethod
    def _make_surface(self) -> pyvista.PolyData:
        """Return the surface to render."""

    @abstractmethod
    def _magnitude(self, name: str, index: int) -> np.ndarray:
        """Return |v| at the points of the surface."""


class Plane(Scene):
    """The plane of a 2-D result."""

    def _make_surface(self) -> pyvista.PolyData:
        self._cells = LinearCells(self.view)
        points = np.pad(self._cells.frequency, ((0, 0), (0, 1)))
        return pyvista.PolyData.from_regular_faces(points, self._cells.cells)

    def _magnitude(self, name: str, index: int) -> np.ndarray:
        return np.asarray(np.linalg.norm(self._cells.evaluate(self.view.spectra[name][index]), axis=0))


class Planes(Scene):
    """The three planes through the largest |v(0)| of a 3-D result. |v| is linear in each cell of `LinearCells`."""

    def _make_surface(self) -> pyvista.PolyData:
        box = [side for r in self.limits for side in (-r, r)]
        frame = pyvista.Box(bounds=box).extract_all_edges()
        self._plotter.add_mesh(frame, color="grey", line_width=1.5, lighting=False)
        cells = LinearCells(self.view)
        grid = cells.grid()
        for name, values in self.view.spectra.items():
            for index, v in enumerate(values):
                grid.point_data[f"{name} {index}"] = np.linalg.norm(cells.evaluate(v), axis=0)
        planes = pyvista.merge([grid.slice(normal=axis, origin=peak(self.view)) for axis in np.eye(3)])
        return planes.clip_box(box, invert=False).extract_surface(algorithm=None)

    def _magnitude(self, name: str, index: int) -> np.ndarray:
        return np.asarray(self._surface.point_data[f"{name} {index}"])


def peak(view: View) -> np.ndarray:
    """Return the node with the largest |v(0)| in the Nyquist box, (d,) [cycles/length]."""
    xi = view.frequency[np.where(view.inside, view.magnitudes["pde"][0], -1.0).argmax()]
    return np.where(np.abs(xi) > 1e-9 * np.abs(view.frequency).max(), xi, 0.0)

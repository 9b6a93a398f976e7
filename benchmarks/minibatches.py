"""Coverage of the predicted band over minibatches by real trainings of one network.

    OMP_NUM_THREADS=1 uv run python -m benchmarks.minibatches [--trainings 200] [--width 4000] [--scale 0.05]

The same drawn network is trained with 200 random sequences of minibatches, which differ from those of the prediction.
Each number says how many trainings lie in the predicted band of 95 %, after 10, 30 and 100 steps: for the loss, for the
held-out loss, and for the error in two bands of |xi|. 183 to 197 of 200 are expected. The ratios are those of the mean
loss and of its standard deviation, trainings over prediction. scale: of the targets; small ones keep the network
linear, as a larger width does. Then follows the share of 3000 linear trainings whose loss lies in the band, by explicit
steps with the matrix of the kernel.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias.nn import BandSpectra, EmpiricalKernel, TrainingPlan, plan_training, predict_minibatches, trajectory
from freqbias.numerics import Grid, Scattered, Sites
from freqbias.problem import Band, Gaussian, Network, Problem, Samples, Training, squared_loss

STEPS = np.array([0, 10, 30, 100])
SEQUENCES = 1999  # of the prediction
LINEAR = 3000
BATCH, Z = 12, 0.3  # step * lambda_max
METHODS = {"sgd": {"integrator": "sgd"}, "momentum": {"integrator": "momentum", "momentum": 0.8}}


@dataclass(frozen=True)
class OtherMinibatches(TrainingPlan):
    """The plan of a training with minibatches of its own."""

    stream: int = 0

    def sample_weights(self, step: int) -> np.ndarray:
        """Return the weights of the samples, (N,)."""
        size = self.problem.sites.size
        random = np.random.default_rng([7 if self.stream >= 0 else 8, abs(self.stream), step])
        weights = np.zeros(size)
        weights[random.permutation(size)[:BATCH]] = size / BATCH
        return weights


def problem_of(name: str, scale: float, width: int) -> tuple[Problem, np.ndarray]:
    """Return the problem, with times in steps, and the edges of two bands [cycles/length]."""
    rng, sites = np.random.default_rng(0), Grid((64,), (1.0,))
    training: Sites
    if name == "grid 1-D":
        training, waves, sigma, edges = sites, [[3.0], [9.0]], 6.0, np.array([0.0, 6.0, 14.0])
    else:
        training = Scattered(rng.uniform(-0.5, 0.5, (96, 2)))
        waves, sigma, edges = [[2.0, 1.0], [-1.0, 4.0]], 3.0, np.array([0.0, 3.0, 4.9])
    other = Scattered(rng.uniform(-0.5, 0.5, (40, training.dimension)))

    def samples(at: Sites) -> Samples:
        return Samples(at, scale * np.sin(2 * np.pi * at.positions() @ np.transpose(waves)).sum(axis=1)[None])

    network = Network(width=width, sigma_a=1.0)
    return Problem(Gaussian(sigma), samples(training), network, STEPS.astype(float), held_out=samples(other)), edges


def trained(plan: OtherMinibatches, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield u on the training samples (T, C, N) and on the held-out samples of each training."""
    held_out = plan.problem.held_out
    assert held_out is not None
    for stream in range(count):
        outputs = [each for each in trajectory(replace(plan, stream=stream)) if each.output is not None]
        elsewhere = [each.at_targets["held_out"] - held_out.values for each in outputs]
        yield np.array([each.error.numpy() for each in outputs]), np.array(elsewhere)


def linear_losses(plan: OtherMinibatches, kernel: EmpiricalKernel, mu: float, count: int) -> np.ndarray:
    """Return the losses after the steps of linear trainings, (count, 3), by explicit steps."""
    size = plan.problem.sites.size
    matrix = np.array([kernel.apply(row[None])[0] for row in np.eye(size)])
    u = np.tile(kernel.start[0], (count, 1))
    velocity, found = np.zeros_like(u), []
    for step in range(STEPS[-1]):
        streams = (replace(plan, stream=-1 - stream) for stream in range(count))
        weights = np.array([each.sample_weights(step) for each in streams])
        velocity = mu * velocity + (weights * u) @ matrix
        u = u - (1 - mu) * plan.step * velocity
        if step + 1 in STEPS:
            found.append(squared_loss(u[:, None]))
    return np.array(found).T


def quantities(error: np.ndarray, held_out: np.ndarray, bands: BandSpectra) -> dict[str, np.ndarray]:
    """Return the loss, the held-out loss and the errors in bands after the steps, (n, 3) each."""
    amplitudes = np.array([bands.amplitudes(each[1:].astype(float)) for each in error])
    found = {"loss": squared_loss(error.astype(float))[:, 1:], "held-out loss": squared_loss(held_out)[:, 1:]}
    return found | {f"band {index + 1}": amplitudes[..., index] for index in range(amplitudes.shape[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=200)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--scale", type=float, default=0.05)
    options = parser.parse_args()
    print("| samples | method | quantity | inside after 10 | 30 | 100 steps | mean | standard deviation |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("grid 1-D", "scattered 2-D"):
        problem, edges = problem_of(name, options.scale, options.width)
        kernel = EmpiricalKernel(problem)
        step = Z / kernel.largest_eigenvalue()
        problem = Problem(problem.density, problem.samples, problem.network, STEPS * step, held_out=problem.held_out)
        bands = BandSpectra(problem.sites, edges)
        for method, keys in METHODS.items():
            settings, began = Training(batch=BATCH, step=step, precision="double", **keys), time.perf_counter()
            ensemble = predict_minibatches(problem, settings, SEQUENCES)
            assert ensemble.held_out_error is not None
            predicted = quantities(ensemble.error, ensemble.held_out_error, bands)
            seconds, began = time.perf_counter() - began, time.perf_counter()
            planned = plan_training(problem, settings)
            plan = OtherMinibatches(**{each.name: getattr(planned, each.name) for each in fields(TrainingPlan)})
            pairs = zip(*trained(plan, options.trainings), strict=True)
            found = quantities(*map(np.array, pairs), bands)
            training_seconds = time.perf_counter() - began
            for quantity, values in found.items():
                inside = Band.of(predicted[quantity]).contains(values).sum(axis=0)
                means = values.mean(axis=0) / predicted[quantity].mean(axis=0)
                spreads = values.std(axis=0, ddof=1) / predicted[quantity].std(axis=0, ddof=1)
                print(
                    f"| {name} | {method} | {quantity} | {' | '.join(map(str, inside))} | "
                    f"{means.min():.3f} to {means.max():.3f} | {spreads.min():.2f} to {spreads.max():.2f} |",
                    flush=True,
                )
            mu = settings.momentum or 0.0
            inside = Band.of(predicted["loss"]).contains(linear_losses(plan, kernel, mu, LINEAR)).mean(axis=0)
            print(f"linear trainings inside: {', '.join(f'{100 * share:.1f} %' for share in inside)}")
            print(f"predicted in {seconds:.1f} s, trained in {training_seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()

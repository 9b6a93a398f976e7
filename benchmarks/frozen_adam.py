"""How far Adam follows its prediction by a linearised network, with moving and with frozen preconditioner.

    OMP_NUM_THREADS=1 uv run python -m benchmarks.frozen_adam [--widths 300,3000,30000] [--steps 1000] [--seed 1]

With gradient g = J^T W u / N, where W are the weights of a minibatch, or 1, a step of Adam is

    m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2,
    theta <- theta - eta / (1 - b1^s) D m,    D = 1 / (sqrt(v / (1 - b2^s)) + eps).

"Linearised" keeps the Jacobian J of the start. "Frozen" also keeps D of the real training after s_0 steps, and
continues with its u and m. Then u follows the steps of momentum b1 with the kernel K_D = J D J^T / N, so a Krylov space
would predict it. All use the same minibatches. A cell of a frozen prediction has the number of steps until it is 10 %
of |u| away from the training, and |u| there over |u| after s_0 steps.
"""

import argparse
from itertools import product

import numpy as np
import torch

from freqbias.nn import FourierNetwork, make_transforms, plan_training, trajectory
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples, Training

SIZE = 64
B1, B2, EPS = 0.9, 0.999, 1e-8  # those of torch.optim.Adam
RATES = (0.003, 0.03)  # eta sqrt(width): then the change of the network depends on the width only by feature learning
BATCHES = (None, 16)
FROZEN_AFTER = (10, 100, 300)
LIMIT = 0.1

State = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # u, m and v


def samples(kind: str) -> Samples:
    if kind == "1-D grid":
        sites = Grid((SIZE,), (1.0,))
        x = sites.positions()[:, 0]
        waves = [np.sin(4 * np.pi * x), 0.5 * np.sin(14 * np.pi * x + 1), 0.25 * np.cos(26 * np.pi * x)]
        return Samples(sites, np.sum(waves, axis=0)[None])
    y = np.random.default_rng(7).uniform(-0.5, 0.5, (SIZE, 2))
    waves = [np.sin(2 * np.pi * y @ [2, 1]), 0.5 * np.cos(2 * np.pi * y @ [-1, 3])]
    return Samples(Scattered(y), np.sum(waves, axis=0)[None])


def jacobian(problem: Problem) -> torch.Tensor:
    """Return J, (N, parameters), at the start."""
    transforms = make_transforms("dense", problem.sites, "double", torch.device("cpu"), threads=1)
    network = FourierNetwork(problem, transforms)
    return torch.stack([network.vjp(network.start, row[None]) for row in torch.eye(SIZE, dtype=torch.float64)])


def linearised(j: torch.Tensor, u: torch.Tensor, weights: list[torch.Tensor], eta: float) -> torch.Tensor:
    """Return u, (S + 1, N), of Adam with a fixed Jacobian."""
    m = v = torch.zeros(j.shape[1], dtype=torch.float64)
    found = [u]
    for s, w in enumerate(weights, start=1):
        g = j.T @ (w * u) / SIZE
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        u = u - eta / (1 - B1**s) * j @ (m / ((v / (1 - B2**s)).sqrt() + EPS))
        found.append(u)
    return torch.stack(found)


def frozen(j: torch.Tensor, after: int, state: State, weights: list[torch.Tensor], eta: float) -> torch.Tensor:
    """Return u, (S + 1 - after, N), of Adam with a fixed Jacobian and the preconditioner after some steps."""
    u, m, v = state
    d = 1 / ((v / (1 - B2**after)).sqrt() + EPS)
    kernel, p, found = (j * d) @ j.T / SIZE, j @ (d * m), [u]
    for s in range(after + 1, len(weights) + 1):
        p = B1 * p + (1 - B1) * kernel @ (weights[s - 1] * u)
        u = u - eta / (1 - B1**s) * p
        found.append(u)
    return torch.stack(found)


def measure(kind: str, width: int, rate: float, batch: int | None, steps: int, seed: int) -> list[str]:
    """Return the cells of a row of the table."""
    eta = rate / np.sqrt(width)
    network = Network(width=width, sigma_a=1.0)
    problem = Problem(
        Gaussian(5.0 if kind == "1-D grid" else 2.0), samples(kind), network, np.array([0.0, eta * steps]), seed=seed
    )
    settings = Training(integrator="adam", step=eta, batch=batch, precision="double", backend="dense")
    plan, states, real = plan_training(problem, settings), dict[int, State](), []
    for snapshot in trajectory(plan):
        u = snapshot.error[0].clone()
        real.append(u)
        if snapshot.step in FROZEN_AFTER:
            states[snapshot.step] = u, snapshot.buffers["exp_avg"], snapshot.buffers["exp_avg_sq"]
    trained = torch.stack(real)
    drawn = [plan.sample_weights(s) for s in range(steps)]
    weights = [torch.ones(SIZE, dtype=torch.float64) if w is None else torch.as_tensor(w) for w in drawn]
    j, size = jacobian(problem), trained.norm(dim=1)
    distance = (linearised(j, trained[0], weights, eta) - trained).norm(dim=1) / size[0]
    cells = [f"{float((size[-1] / size[0]) ** 2):.1e}", f"{100 * float(distance.max()):.2g} %"]
    for after, state in states.items():
        away = (frozen(j, after, state, weights, eta) - trained[after:]).norm(dim=1) / size[after:]
        beyond = (~(away <= LIMIT)).nonzero()
        end = int(beyond[0]) if len(beyond) else len(away) - 1
        more = "" if len(beyond) else "more than "
        cells.append(f"{more}{end} steps, {float(size[after + end] / size[after]):.2f}")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", default="300,3000,30000")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    ends = " | ".join(f"frozen after {after}" for after in FROZEN_AFTER)
    print(f"| samples | batch | eta sqrt(width) | width | loss at the end / start | linearised, distance | {ends} |")
    print("|---|---|---|---|---|---|---|---|---|")
    widths = [int(width) for width in args.widths.split(",")]
    for kind, batch, rate, width in product(("1-D grid", "2-D scattered"), BATCHES, RATES, widths):
        cells = measure(kind, width, rate, batch, args.steps, args.seed)
        print(f"| {kind} | {batch or 'all'} | {rate} | {width:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

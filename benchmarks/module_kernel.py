"""Products with the kernel of a torch module: time against one forward and backward pass, and memory over samples.

The modules have about 10^6 parameters: an MLP with relu, a SIREN, and attention over tokens. Both passes go through the
same parts of the samples as the products do. Each number of samples has a process of its own, whose peak of resident
memory is printed.

Usage: uv run python -m benchmarks.module_kernel
"""

import os
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from freqbias.nn import module_kernel

SAMPLES = (1024, 4096, 16384, 65536)
WIDTH = 700  # with two hidden matrices, 10^6 parameters
REPEATS = 3


class Sine(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(30 * x)


class Attention(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lift, self.out = torch.nn.Linear(1, 512), torch.nn.Linear(1024, 1)
        self.attention = torch.nn.MultiheadAttention(512, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.lift(x[..., None])
        return self.out(self.attention(tokens, tokens, tokens)[0].flatten(1))


def mlp(activation: type[torch.nn.Module]) -> torch.nn.Module:
    hidden = [torch.nn.Linear(2, WIDTH), activation()]
    for _ in range(2):
        hidden += [torch.nn.Linear(WIDTH, WIDTH), activation()]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(WIDTH, 1))


MODULES = {"relu MLP": lambda: mlp(torch.nn.ReLU), "SIREN": lambda: mlp(Sine), "attention": Attention}


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]))
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print("module       parameters  samples  passes [s]  product [s]  ratio  peak memory [MiB]")
    for name in MODULES:
        for samples in SAMPLES:
            subprocess.run([sys.executable, "-m", "benchmarks.module_kernel", name, str(samples)], check=True)


def measure(name: str, samples: int) -> None:
    torch.manual_seed(0)
    module, x = MODULES[name](), torch.rand(samples, 2)
    kernel = module_kernel(module, x)
    u = np.random.default_rng(0).normal(size=(1, samples))

    def passes() -> None:
        for part in x.split(kernel.chunk):
            module(part).sum().backward()

    rounds = [(seconds(passes), seconds(lambda: kernel.apply(u))) for _ in range(REPEATS)]
    bare, product = np.median(rounds, axis=0)
    count = sum(each.numel() for each in module.parameters())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:11} {count:11,} {samples:8,} {bare:11.2f} {product:12.2f} {product / bare:6.2f} {peak:10.0f}",
        flush=True,
    )


def seconds(work: object) -> float:
    begin = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()

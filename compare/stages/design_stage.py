"""The stage `design`, which chooses density and width by predicted loss: design.csv, design.png, .pdf and run.toml.

With --verify, the best candidate and its neighbours are trained, and verify.csv compares them with the predictions.
While the stage runs, it stores a checkpoint for each candidate.
"""

import csv
import dataclasses
from functools import partial
from typing import Any

import numpy as np
import tomli_w

from freqbias.compare.design import (
    MEAN_SQUARE_NAME,
    STATED,
    Candidate,
    DesignResult,
    Prediction,
    Search,
    check_design,
    design_warnings,
    draw_design,
    loss_keys,
    optimiser_keys,
    result_of,
    steps_of,
    summary,
    verify,
)
from freqbias.nn import step_rule
from freqbias.problem import Design, Problem, RunFile, StageKeys, stage_keys
from freqbias.runtime import Progress, Stage, StopRequest, Store, announced, log, on_root

FLOWS = ("rk4", "heun")  # integrators that follow the gradient flow
OF_THE_OPTIMISER = (
    "momentum", "nesterov", "batch", "damping", "rate_schedule", "warm_up", "milestones", "rate_factor"
)  # fmt: skip
OF_THE_LOSS = ("loss", "order", "weights", "cutoff", "period")
METHOD = 2  # of search and cross-validation; results of another method are not continued
MISSING = -1e300  # stands for NaN in a checkpoint


def run_design(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    train: bool = False,
) -> str | None:
    """Run the stage, and return the summary on rank 0. Collective. Rank 0 works while the other ranks sleep.

    train: whether to train the best candidate and its neighbours.
    Raises InputError, UsageError (a result exists already), and StoppedEarly after storing the candidates so far.
    """
    return on_root(
        _run_design, run, problem, store, resume=resume, overwrite=overwrite, stop=stop, train=train, broadcast=False
    )


def _run_design(
    run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool, stop: StopRequest, train: bool
) -> str:
    settings = run.design or Design()
    check_design(problem, settings)
    keys = design_keys(run, train=train)
    if store.check("design", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("design")
        log.info("design: finished already, in %s", store.root / "design")
        return (store.root / "design" / "summary.txt").read_text("utf-8").removesuffix("\n")
    with store.open("design", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:
            return (stage.folder / "summary.txt").read_text("utf-8").removesuffix("\n")
        search = Search(problem, settings)
        with Progress("design", unit="candidates") as progress:
            search.evaluate = partial(_stored, stage, search, stop, progress)
            predictions = search.run()
        with announced("design: the kernel at infinite width"):
            result = result_of(search, predictions)
        for warning in design_warnings(result):
            log.warning("design: %s", warning)
        text = _write(stage, run, result, stop)
        if train:
            text += "\n" + _verify(stage, result, stop)
        with stage.writing("summary.txt") as path:
            path.write_text(f"{text}\n", "utf-8")
        stage.finish()
    log.info("design: wrote %s", stage.folder)
    return text


def design_keys(run: RunFile, *, train: bool = False) -> StageKeys:
    """Return the keys that the stage depends on."""
    options, old = {"verify": train, "method": METHOD}, {"verify": False, "method": 1}
    return stage_keys(run, "design").with_options("options", options, defaults=old)


def _stored(
    stage: Stage, search: Search, stop: StopRequest, progress: Progress, candidate: Candidate
) -> list[Prediction]:
    """Return the predictions of a candidate, from the checkpoint of an earlier run if there is one."""
    name = candidate.identifier
    fields = [field.name for field in dataclasses.fields(Prediction) if field.name != "candidate"]
    arrays = stage.load_checkpoint(name)[0] if name in stage.checkpoints() else {}
    if arrays.keys() == set(fields):  # older versions stored other numbers
        rows = np.stack([np.where(arrays[field] == MISSING, np.nan, arrays[field]) for field in fields], axis=1)
        return [Prediction(candidate, *row) for row in rows.tolist()]
    predictions = search.compute(candidate, callback=stop.check)
    columns = {field: np.array([getattr(each, field) for each in predictions]) for field in fields}
    # A checkpoint must be finite.
    stage.save_checkpoint(name, {field: np.nan_to_num(column, nan=MISSING) for field, column in columns.items()})
    progress.advance(note=str(candidate))
    return predictions


def _write(stage: Stage, run: RunFile, result: DesignResult, stop: StopRequest) -> str:
    with stage.writing("design.csv") as path:
        result.save(path)
    with stage.writing("run.toml") as path:
        path.write_text(tomli_w.dumps(winning_run(run, result)), "utf-8")
    stop.check()
    with announced("design: drawing the figure"), stage.writing("design.pdf") as path:
        draw_design(result, path.with_suffix(".png"), path)
    return summary(result)


def winning_run(run: RunFile, result: DesignResult) -> dict[str, Any]:
    """Return the tables of the run file that trains the winner.

    Steps are those of the winner's optimiser and step size, times are those of the gradient flow.
    """
    best, tables = result.best, run.model_dump(exclude_none=True)
    tables.pop("design", None)
    tables.pop("sweep", None)
    tables["name"] = f"{run.name}-design"
    tables["density"] = best.candidate.section()
    tables["network"] |= {"width": best.candidate.width, "sigma_a": best.candidate.sigma_a}
    if run.network.hidden_width == run.network.width:
        tables["network"]["hidden_width"] = best.candidate.width
    outputs = tables["time"].get("outputs", 20)
    for name in OF_THE_OPTIMISER:
        tables["training"].pop(name, None)
    if best.candidate.loss != STATED:
        for name in OF_THE_LOSS:
            tables["training"].pop(name, None)
        tables["training"] |= loss_keys(best.candidate.loss)
    if best.candidate.loss not in (MEAN_SQUARE_NAME, STATED):
        tables["pde"] |= {"operator": "data", "integrator": "lanczos", "dynamics": "flow", "step": "auto"}
    if not result.in_steps:
        tables["time"] = {"end": best.amount, "outputs": outputs}
        if run.training.integrator not in FLOWS:
            tables["training"] |= {"integrator": "rk4", "step": "auto"}
            tables["pde"] |= {"dynamics": "flow", "step": "auto"}
        return tables
    keys = optimiser_keys(step_rule(best.candidate.optimiser), factor=result.settings.step_factor, largest=best.largest)
    step, steps = keys["step"], max(1, steps_of(best.amount, best.step_cost))
    outputs = max(each for each in range(1, min(outputs, steps) + 1) if steps % each == 0)
    tables["time"] = {"end": steps * step, "outputs": outputs}
    tables["training"] |= keys
    if keys["integrator"] == "gauss-newton":
        tables["pde"] |= {"operator": "data", "integrator": "lanczos", "dynamics": "flow", "step": "auto"}
    elif tables["pde"]["operator"] == "data" and tables["pde"]["integrator"] == "lanczos":
        descent = keys["integrator"] == "gradient-descent"
        dynamics = {"dynamics": "gradient-descent", "step": step} if descent else {"dynamics": "flow", "step": "auto"}
        tables["pde"] |= dynamics
    return tables


def _verify(stage: Stage, result: DesignResult, stop: StopRequest) -> str:
    """Train the winner and its neighbours, write verify.csv, and return the regret in words."""
    rows, text = verify(result, callback=stop.check)
    with stage.writing("verify.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    return text

"""Find a finished result, or make the folder of a new one. The stages compare, kappa and view use this."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from freqbias.compare.stages.sources import Sources, same_sources
from freqbias.problem import RunFile, every_stage_keys, resolved
from freqbias.runtime import Stage, Store, log


def is_finished(
    store: Store,
    name: str,
    keys: Mapping[str, Any],
    *,
    resume: bool,
    overwrite: bool,
    sources: Sources | None = None,
    renew: bool = False,
) -> bool:
    """Return whether the stage is finished for these keys and sources. Log a finished stage.

    Raises UsageError if a result exists but may not be replaced. Unless `renew` is true, also raises UsageError if a
    finished result was made from other sources.
    """
    if not store.check(name, keys=keys, resume=resume, overwrite=overwrite):
        return False
    if sources is not None and not same_sources(store, name, sources, renew=renew):
        return False
    log.info("%s: finished already, in %s", name, store.root / name)
    return True


@contextmanager
def new_stage(
    store: Store,
    name: str,
    keys: Mapping[str, Any],
    *,
    overwrite: bool,
    run: RunFile | None = None,
    sources: Sources | None = None,
) -> Iterator[Stage]:
    """Yield a stage to which the block writes files. The stage is marked as finished when the block ends.

    overwrite: must also be true with --resume, because these stages cannot continue an unfinished result.
    run: the run file to save beside the stage. sources: files whose hashes are written to the manifest.
    """
    with store.open(name, keys=keys, overwrite=overwrite) as stage:
        if run is not None:
            store.save_run_file(resolved(run), every_stage_keys(run))
        yield stage
        stage.finish(**({} if sources is None else {"sources": sources.hashes}))
    log.info("%s: wrote %s", name, stage.folder)

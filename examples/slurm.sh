#!/usr/bin/env bash
# A batch job for Slurm that goes on by itself until it is done:
#
#     sbatch examples/slurm.sh runs/figure4.toml
#
# Submit it from the folder of freqbias. Two minutes before its time is up Slurm sends SIGUSR1 to this script; freqbias
# then stops in good order with exit code 75, and the job queues itself again, MOST_RESTARTS times at most. SIGTERM, as
# of scancel, stops it for good. Every start goes on from what is there. What follows RUN.toml are options of `freqbias
# run`. Change the lines of #SBATCH to what your cluster has.
#SBATCH --job-name=freqbias
#SBATCH --nodes=1
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=freqbias-%j.log

set -u
run_file=${1:?usage: sbatch examples/slurm.sh RUN.toml [options of freqbias run]}
shift

# What uv has set up: freqbias, and the mpirun of its MPI beside it. Where DOLFINx comes with the cluster's own MPI:
#     LAUNCH="srun --mpi=pmix" FREQBIAS=freqbias sbatch examples/slurm.sh RUN.toml
launch=${LAUNCH:-.venv/bin/mpirun -n ${SLURM_NTASKS:-1}}
freqbias=${FREQBIAS:-.venv/bin/freqbias}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

signals=0
cancelled=0
stop() {
  signals=$((signals + 1))
  [ -z "${work:-}" ] || kill -TERM "$work" 2>/dev/null
}
trap stop USR1
trap 'cancelled=1; stop' TERM
# shellcheck disable=SC2086 # several words on purpose
$launch "$freqbias" run "$run_file" --resume "$@" &
work=$!
[ "$signals" -eq 0 ] || kill -TERM "$work"
seen=-1
while [ "$seen" -ne "$signals" ]; do # a signal ends the wait, not the work
  seen=$signals
  wait "$work"
  code=$?
done

if [ "$code" -eq 75 ] && [ "$cancelled" -eq 0 ]; then
  if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MOST_RESTARTS:-100}" ]; then
    echo "stopped early, and restarted ${SLURM_RESTART_COUNT} times already: submit it again to go on"
    exit 75
  fi
  echo "stopped early: queued again"
  exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"

#!/usr/bin/env bash
# A batch job for Slurm that queues itself again until it is done:
#
#     sbatch examples/slurm.sh runs/figure4.toml
#
# Submit it from the folder of freqbias, and adapt the #SBATCH lines to your cluster. Words after RUN.toml are options of
# `freqbias run`. Two minutes before the time limit Slurm sends SIGUSR1 to this script. freqbias then stops in good order
# with exit code 75, and the job queues itself again, at most MOST_RESTARTS times. Every start continues the run.
# SIGTERM, which scancel sends, stops the job for good.
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

# By default the environment of uv: freqbias, and the mpirun of its MPI. For a DOLFINx with the cluster's own MPI:
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
    echo "stopped early, and restarted ${SLURM_RESTART_COUNT} times already: submit it again to continue"
    exit 75
  fi
  echo "stopped early: queued again"
  exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"

#!/usr/bin/env bash
# A batch job for Slurm that goes on by itself until it is done:
#
#     sbatch examples/slurm.sh runs/figure4.toml
#
# Two minutes before its time is up Slurm sends SIGTERM to this script, which passes it on; freqbias then stops in good
# order with exit code 75, and the job queues itself again. Every start goes on from what is there. What
# follows RUN.toml are options of `freqbias run`. Change the lines of #SBATCH to what your cluster has.
#SBATCH --job-name=freqbias
#SBATCH --nodes=1
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
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

# shellcheck disable=SC2086 # several words on purpose
$launch "$freqbias" run "$run_file" --resume "$@" &
work=$!
trap 'kill -TERM "$work"' TERM
wait "$work"
code=$?
while kill -0 "$work" 2>/dev/null; do # the signal ended the wait, not the work
  wait "$work"
  code=$?
done

if [ "$code" -eq 75 ]; then
  echo "stopped early: queued again"
  exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"

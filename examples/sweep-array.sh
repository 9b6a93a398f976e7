#!/usr/bin/env bash
# A job array for Slurm that computes a sweep. Each task of the array computes its share of the runs:
#
#     sbatch --array=1-16 examples/sweep-array.sh my.toml density.sigma=4,8,16 network.width=1000,10000 "seed=range(5)"
#
# Submit it from the folder of freqbias, and adapt the #SBATCH lines to your cluster. Words after RUN.toml are those of
# `freqbias sweep`. The tasks work in the same folder, out/NAME, and share stages that several runs need. Two minutes
# before the time limit Slurm sends SIGUSR1: the task saves its work and ends with exit code 75. Submit the same array
# again to continue. The task that finishes last collects the results in out/NAME/sweep.nc.
#SBATCH --job-name=freqbias-sweep
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --output=freqbias-%A-%a.log

set -eu
run_file=${1:?usage: sbatch --array=1-N examples/sweep-array.sh RUN.toml [words of freqbias sweep]}
shift
first=${SLURM_ARRAY_TASK_MIN:-1}
share=$((${SLURM_ARRAY_TASK_ID:-1} - first + 1))/${SLURM_ARRAY_TASK_COUNT:-1}
exec "${FREQBIAS:-.venv/bin/freqbias}" sweep "$run_file" "$@" --task "$share" --resume

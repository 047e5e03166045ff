#!/bin/sh
# End what tests/slurm/start.sh FOLDER started, its jobs first.
set -eu
export SLURM_CONF="$1/slurm.conf"
if scancel --user "$(id -un)" 2> /dev/null; then
    for _ in $(seq 40); do
        [ -z "$(squeue -h 2> /dev/null)" ] && break
        sleep 0.5
    done
fi
for pid in $(tac "$1/pids" 2> /dev/null); do
    kill "$pid" 2> /dev/null || true
done

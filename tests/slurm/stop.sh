#!/bin/sh
# End what tests/slurm/start.sh FOLDER started.
set -eu
for pid in $(tac "$1/pids" 2> /dev/null); do
    kill "$pid" 2> /dev/null || true
done

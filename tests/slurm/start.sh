#!/bin/sh
# Start a Slurm cluster of one node, this machine, in a folder of its own: tests/slurm/start.sh FOLDER. Needs root and Debian's slurmctld,
# slurmd, slurm-client and munge. Afterwards: export SLURM_CONF=FOLDER/slurm.conf. FOLDER/pids holds the ids of what was started.
set -eu
folder=$1
mkdir -p "$folder/state" "$folder/spool" /run/munge
host=$(hostname -s)
memory_mib=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)

# a requeued job waits until its old credential has expired: five seconds here, two minutes by default
cat > "$folder/slurm.conf" <<CONF
ClusterName=leukbench
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=5
SchedulerParameters=bf_interval=5
SlurmctldPort=17817
SlurmdPort=17818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$host CPUs=$(nproc) RealMemory=$memory_mib State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

if ! munge -n > /dev/null 2>&1 || ! munge -n | unmunge > /dev/null 2>&1; then
    chown munge: /run/munge /etc/munge/munge.key
    chmod 755 /run/munge
    setpriv --reuid munge --regid munge --clear-groups munged --force --pid-file /run/munge/munged.pid
    cat /run/munge/munged.pid >> "$folder/pids"
fi
export SLURM_CONF="$folder/slurm.conf"
slurmctld
slurmd
for _ in $(seq 60); do
    if sinfo -h -o %T 2> /dev/null | grep -q idle; then
        cat "$folder/slurmctld.pid" "$folder/slurmd.pid" >> "$folder/pids"
        exit 0
    fi
    sleep 0.5
done
echo "the node does not become idle" >&2
tail -5 "$folder/slurmctld.log" "$folder/slurmd.log" >&2
exit 1

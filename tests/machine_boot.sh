#!/bin/bash
# Boots a systemd of its own: `machine_boot.sh ROOT`. It is PID 1 of its own namespaces, has this
# machine's network, and ends with this process. SHARED, if set, is seen there as /mnt/shared, with what is
# mounted below it later; LENT, a folder a line, can be read there where it is.
set -eu
root=$1
groups=/sys/fs/cgroup
[ ! -d "$groups/unified" ] || groups=$groups/unified
mkdir -p "$groups/machine-$$"
echo $$ >"$groups/machine-$$/cgroup.procs"
# shellcheck disable=SC2016  # it is expanded in there
exec unshare --pid --mount --cgroup --uts --ipc --fork --kill-child --propagation slave \
    /bin/bash -eu -c '
root=$1
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
# Not for it to change: the settings of the kernel are those of this machine, too.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in fuse null zero full random urandom tty; do
    if [ -e "/dev/$device" ]; then touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; fi
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
if [ -n "${SHARED:-}" ]; then mkdir -p mnt/shared; mount --rbind "$SHARED" mnt/shared; fi
while read -r lent; do
    [ -n "$lent" ] || continue
    mkdir -p ".$lent"
    mount --bind "$lent" ".$lent"
    mount -o remount,bind,ro ".$lent"
done <<END
${LENT:-}
END
hostname machine
mkdir -p .old
pivot_root . .old
umount -l /.old
# Credentials reach a service by a mount, which would stay here otherwise.
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /usr/lib/systemd/systemd \
    --system --unit=multi-user.target --show-status=0 --log-target=journal-or-kmsg
' bash "$root"

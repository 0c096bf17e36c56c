#!/bin/sh
# boot.sh ROOT: boots the Debian in the folder ROOT with systemd as its first process, in
# namespaces of its own, and prints the pid of that process. End it with `kill -s RTMIN+3 PID`
# or by killing it. For trying packages; needs root.
set -eu
root=$(realpath "$1")
: >"$root/.booted"
setsid unshare --fork --pid --mount --net --uts --ipc --cgroup --propagation private sh -c '
	root=$1
	mount --bind "$root" "$root" # pivot_root wants a mount
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sys "$root/sys"
	mount -t tmpfs -o mode=755 dev "$root/dev"
	for n in null zero full random urandom tty; do : >"$root/dev/$n"; mount --bind /dev/$n "$root/dev/$n"; done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 pts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount -t tmpfs -o mode=755 run "$root/run"
	mount -t cgroup2 cgroup "$root/sys/fs/cgroup" || { echo "no cgroup2" >&2; exit 1; }
	ip link set lo up
	hostname pbx
	cd "$root" && mkdir -p .old && pivot_root . .old && umount -l /.old
	exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd --system --log-target=console --show-status=no
' boot "$root" >"$root/.boot.log" 2>&1 </dev/null &
unshared=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	init=$(pgrep -P $unshared | head -n 1 || :)
	[ -z "$init" ] || break
	sleep 0.2
done
# The process that unshare forks becomes systemd.
tries=0
until nsenter --target "$init" --all systemctl is-system-running 2>/dev/null | grep -Eq 'running|degraded'; do
	tries=$((tries + 1))
	[ $tries -lt 150 ] || { echo "boot.sh: systemd did not start; see $root/.boot.log" >&2; exit 1; }
	sleep 0.2
done
echo "$init"

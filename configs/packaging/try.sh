#!/bin/bash
# try.sh ROOT OLD.deb NEW.deb: what an admin does with the package, in a Debian that boots in
# namespaces of its own: install, setup, ban, crash, restart, upgrade while a banned address
# goes on sending, remove, purge. ROOT is a folder that debootstrap made with systemd, iptables
# and ipset. Each step prints what it took; the first one that fails ends it. Needs root and ping.
set -eu
root=$(realpath "$1")
old=$2 new=$3
here=$(dirname "$0")
cp "$old" "$root/root/old.deb"
cp "$new" "$root/root/new.deb"

init=$("$here/boot.sh" "$root")
attacker=198.51.100.1 honest=198.51.100.9
cleanup() {
	ip link delete pbxtry 2>/dev/null || :
	kill -s RTMIN+14 "$init" 2>/dev/null || : # systemd(1): halt at once
	kill -s KILL "$init" 2>/dev/null || :
}
trap cleanup EXIT
inside() { nsenter --target "$init" --all "$@"; }
fail() {
	echo "FAILED: $*" >&2
	exit 1
}
now() { date +%s%N; }
took() { printf '%-58s %6d ms\n' "$1" $((($(now) - $2) / 1000000)); }
answered() { ping -c 5 -i 0.05 -W 1 -q -I "$1" 198.51.100.2 2>/dev/null | sed -n 's/.* \([0-9]*\) received.*/\1/p'; }
guards() { inside jailctl status --json | grep -q '"enforcing": *true'; }
until_true() {
	for _ in $(seq 200); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	fail "waited 20 s for: $*"
}

ip link add pbxtry type veth peer name eth0 netns "/proc/$init/ns/net"
ip address add $attacker/24 dev pbxtry
ip address add $honest/24 dev pbxtry
ip link set pbxtry up
inside ip address add 198.51.100.2/24 dev eth0
inside ip link set eth0 up
until_true ping -c 1 -W 1 -q 198.51.100.2

start=$(now)
inside dpkg -i /root/old.deb >/dev/null
inside jailctl status | grep -q 'NOT ENFORCING' || fail "a fresh package must observe, and say so"
took "dpkg -i, observing" "$start"
inside jailctl setup --dry-run >/dev/null
inside jailctl setup --yes | tail -n 1
guards || fail "setup ended, and nothing is enforced"
took "from dpkg -i to guarding" "$start"
inside sh -c 'man -w pbxjail.yaml >/dev/null 2>&1 || test -e /usr/share/man/man5/pbxjail.yaml.5.gz' || fail "no manual page"

[ "$(answered $attacker)" = 5 ] || fail "the attacker is not answered before its ban"
inside jailctl ban $attacker --force >/dev/null
[ "$(answered $attacker)" = 0 ] || fail "a banned address is answered"
[ "$(answered $honest)" = 5 ] || fail "an honest address is not answered"
echo "a ban drops, and the neighbor is answered"

start=$(now)
inside systemctl kill -s KILL pbxjail
[ "$(answered $attacker)" = 0 ] || fail "a crash opens the door"
until_true guards
took "killed, and guarding again; the ban held" "$start"

ping -i 0.01 -W 1 -q -I $attacker 198.51.100.2 >"$root/root/ping.log" 2>&1 &
pinger=$!
start=$(now)
inside dpkg -i /root/new.deb >/dev/null
until_true guards
took "upgraded, and guarding again" "$start"
kill -s INT $pinger
wait $pinger || :
sent=$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1/p' "$root/root/ping.log")
got=$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\2/p' "$root/root/ping.log")
[ "$got" = 0 ] || fail "$got of $sent packets passed during the upgrade"
echo "during the upgrade the banned address sent $sent packets; 0 were answered"
inside jailctl list | grep -q "^$attacker " || fail "the ban was lost in the upgrade"

inside systemctl restart pbxjail
until_true guards
inside jailctl list | grep -q "^$attacker " || fail "the ban was lost in a restart"
inside systemd-analyze security pbxjail --no-pager | tail -n 1

inside dpkg -r pbxjail >/dev/null
[ "$(answered $attacker)" = 5 ] || fail "the removed package still drops"
if inside sh -c 'iptables-save; ip6tables-save; ipset list -n' 2>/dev/null | grep -i pbxjail; then fail "left in the kernel"; fi
inside dpkg -P pbxjail >/dev/null 2>&1
if inside sh -c 'ls -d /etc/pbxjail* /var/lib/pbxjail* /run/pbxjail* /usr/share/pbxjail* /lib/systemd/system/pbxjail* 2>/dev/null; getent passwd pbxjail'; then fail "left on the disk"; fi
echo "removed: nothing dropped; purged: nothing left"

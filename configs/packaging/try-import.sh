#!/bin/bash
# try-import.sh ROOT NEW.deb: from a running fail2ban with the jails asterisk, sshd, recidive
# and one of the admin's own to a guarding pbxjail, in a Debian that boots in namespaces of its
# own. ROOT is a folder that debootstrap made with systemd, iptables, ipset, rsyslog, fail2ban
# and openssh-server. It reads a unit in the real journal too. It prints what each step took,
# and compares what is guarded before and after; the first difference ends it. Needs root.
set -eu
root=$(realpath "$1")
here=$(dirname "$0")
cp "$2" "$root/root/new.deb"

# What the admin has: own settings, an own filter, and logs of yesterday.
mkdir -p "$root/etc/fail2ban/jail.d" "$root/var/log/asterisk" "$root/etc/asterisk"
cat >"$root/etc/fail2ban/jail.local" <<'END'
[DEFAULT]
ignoreip = 127.0.0.1/8 198.51.100.0/24
bantime = 2h
findtime = 10m
maxretry = 4
[asterisk]
enabled = true
logpath = /var/log/asterisk/messages
[sshd]
enabled = true
backend = auto
logpath = /var/log/auth.log
port = 22,2222
[recidive]
enabled = true
[door]
enabled = true
filter = door
logpath = /var/log/door.log
port = 8022
maxretry = 3
END
cat >"$root/etc/fail2ban/filter.d/door.conf" <<'END'
[Definition]
failregex = ^\s*\S+ doord\[\d+\]: refused <F-USER>\S+</F-USER> from <HOST>$
END
rm -f "$root/etc/fail2ban/jail.d/defaults-debian.conf"
printf '[directories]\nastlogdir => /var/log/asterisk\n' >"$root/etc/asterisk/asterisk.conf"
printf '[logfiles]\nmessages => notice,warning,error\n' >"$root/etc/asterisk/logger.conf"
: >"$root/var/log/asterisk/messages"
: >"$root/var/log/fail2ban.log"
: >"$root/var/log/door.log"
: >"$root/var/log/auth.log"
for i in 1 2 3 4 5; do
	at=$(date -u -d "-$((60 - i)) seconds" +%Y-%m-%dT%H:%M:%S+00:00)
	echo "$at pbx sshd[$((700 + i))]: Failed password for root from 203.0.113.40 port 4022$i ssh2" >>"$root/var/log/auth.log"
	echo "$at pbx doord[7]: refused root from 203.0.113.41" >>"$root/var/log/door.log"
done

init=$("$here/boot.sh" "$root")
cleanup() {
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
until_true() {
	for _ in $(seq 200); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	fail "waited 20 s for: $*"
}
banned() { inside jailctl list | grep -q "^$1 "; }
says() { inside jailctl jails --print "$1" | grep -Eq "$2"; }

inside systemctl restart fail2ban
until_true inside fail2ban-client ping
until_true inside sh -c 'fail2ban-client status | grep -q "Number of jail:.*4"'
inside fail2ban-client status | sed -n 's/.*Jail list:\t*/before: fail2ban guards /p'
inside fail2ban-client set asterisk banip 203.0.113.9 >/dev/null
inside fail2ban-client set sshd banip 203.0.113.10 >/dev/null
inside fail2ban-client set door banip 203.0.113.11 >/dev/null

all=$(now)
start=$(now)
inside dpkg -i /root/new.deb >/dev/null 2>&1 || fail "dpkg -i: $(inside dpkg -i /root/new.deb 2>&1 | tail -n 3)"
until_true inside jailctl status
took "dpkg -i, observing beside fail2ban" "$start"
start=$(now)
inside jailctl import fail2ban >"$root/root/import.txt"
sed -n '/^Replay/,$p' "$root/root/import.txt"
grep -q '^    203.0.113.40' "$root/root/import.txt" || fail "the dry run does not name an address that both ban"
took "import, dry run with the replay" "$start"
start=$(now)
inside jailctl import fail2ban --apply >"$root/root/applied.txt" || fail "import --apply: $(tail -n 5 "$root/root/applied.txt")"
took "import --apply" "$start"
start=$(now)
inside jailctl setup --yes >"$root/root/setup.txt" || fail "setup: $(tail -n 5 "$root/root/setup.txt")"
until_true inside sh -c 'jailctl status --json | grep -q "\"enforcing\": *true"'
took "setup --yes, guarding" "$start"
start=$(now)
inside systemctl disable --now fail2ban >/dev/null 2>&1
took "fail2ban stopped" "$start"
took "FROM FAIL2BAN TO GUARDING, ALL OF IT" "$all"

for address in 203.0.113.9 203.0.113.10 203.0.113.11; do
	banned $address || fail "the ban of $address is lost"
done
left=$(inside jailctl list --json | tr ',' '\n' | grep -c '"until": *"') || :
echo "live bans taken over: 203.0.113.9 203.0.113.10 203.0.113.11, $left with an end"
inside jailctl status --json >"$root/root/status.json"
for jail in guessing scanning manager toll-fraud sshd door; do
	grep -q "\"name\": *\"$jail\"" "$root/root/status.json" || fail "no jail $jail: what fail2ban guarded is guarded no more"
done
says sshd 'maxretry.* 4( |$)' || fail "sshd: maxretry is not that of fail2ban: $(inside jailctl jails --print sshd | head -n 30)"
says sshd 'ports.*22.*2222' || fail "sshd: a port is lost"
says door 'maxretry.* 3( |$)' || fail "door: maxretry is not that of fail2ban"
says door 'ports.*8022' || fail "door: its port is lost"
inside jailctl allowed 2>/dev/null | grep -q '198.51.100.0/24' || inside jailctl protected | grep -q '198.51.100.0/24' || fail "ignoreip is lost"
echo "guarded after: asterisk (guessing, scanning, manager, toll-fraud), sshd 22 2222, door 8022; recidive is bantime_growth; ignoreip 198.51.100.0/24"

# The next attack is seen where fail2ban saw it, and what it ignored is ignored.
for i in 1 2 3 4 5; do
	echo "$(date -u +%Y-%m-%dT%H:%M:%S+00:00) pbx doord[7]: refused root from 203.0.113.50" >>"$root/var/log/door.log"
	echo "$(date -u +%Y-%m-%dT%H:%M:%S+00:00) pbx doord[7]: refused root from 198.51.100.50" >>"$root/var/log/door.log"
done
until_true banned 203.0.113.50
if banned 198.51.100.50; then fail "an ignored address is banned"; fi
echo "an attack on the own filter is banned, an ignored address is not"

# A unit in the real journal: a newline in a text begins no record, and other units write none.
cp "$root/usr/bin/logger" "$root/usr/local/bin/asterisk"
cat >"$root/etc/pbxjail.d/journal.yaml" <<'END'
logs: [journal:asterisk.service]
match: [{event: bad-password}]
maxretry: 3
ports: all
heard: false
END
inside jailctl reload >/dev/null
text() { echo "NOTICE[4711]: res_pjsip/pjsip_distributor.c:676 in log_failed_request: Request 'REGISTER' from '<sip:1@192.0.2.10>' failed for '$1:5060' (callid: $2) - Failed to authenticate"; }
until_true inside sh -c 'pgrep -f "^journalctl .*_SYSTEMD_UNIT=asterisk.service"'
# A writer that ends at once may be gone before journald can find out its unit.
for i in $(seq 15); do
	if banned 203.0.113.60; then break; fi
	inside systemd-run --quiet --wait --unit=asterisk.service /usr/local/bin/asterisk -t asterisk -- "$(text 203.0.113.60 $i)"
	inside systemd-run --quiet --wait --unit=asterisk.service /bin/echo "$(text 203.0.113.61 $i)"
	inside systemd-run --quiet --wait --unit=other.service /usr/local/bin/asterisk -t asterisk -- "$(text 203.0.113.62 $i)"
done
until_true banned 203.0.113.60
for forged in 203.0.113.61 203.0.113.62; do
	if banned $forged; then fail "$forged: forged text of the journal is believed"; fi
done
old=$(inside pgrep -f '^journalctl .*_SYSTEMD_UNIT=asterisk.service')
inside kill -s KILL "$old"
until_true inside sh -c "pgrep -f '^journalctl .*after-cursor.*_SYSTEMD_UNIT=asterisk.service' | grep -vx $old"
echo "the journal is read, its forged text is not believed, and a journalctl that ends is started again"
echo "all right"

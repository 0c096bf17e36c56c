#!/bin/sh
# dpkg: $1 is configure, $2 the version before. rpm: $1 is 1 on install, 2 on upgrade.
set -e

upgrade() { [ "$1" = 2 ] || { [ "$1" = configure ] && [ -n "$2" ]; }; }

if ! getent group pbxjail >/dev/null; then
	groupadd --system pbxjail
fi
if ! getent passwd pbxjail >/dev/null; then
	shell=/usr/sbin/nologin
	[ -x $shell ] || shell=/sbin/nologin
	useradd --system --gid pbxjail --home-dir /var/lib/pbxjail --no-create-home --shell $shell pbxjail
fi
chown root:pbxjail /etc/pbxjail /etc/pbxjail.d
# No conffile of dpkg: setup changes it, and an upgrade must not stop to ask about that.
if [ ! -e /etc/pbxjail/pbxjail.yaml ]; then
	install -m 0640 -o root -g pbxjail /usr/share/pbxjail/pbxjail.yaml /etc/pbxjail/pbxjail.yaml
fi

[ -d /run/systemd/system ] || exit 0 # no systemd here: start /usr/sbin/pbxjail as you start daemons

systemd-tmpfiles --create pbxjail.conf || :
systemctl daemon-reload
if upgrade "$@"; then
	# An admin who stopped it wants it stopped. Bans stay in the kernel meanwhile.
	systemctl try-restart pbxjail.service || echo "pbxjail did not start: see journalctl -u pbxjail" >&2
else
	systemctl enable --quiet pbxjail.service
	systemctl restart pbxjail.service || echo "pbxjail did not start: see journalctl -u pbxjail" >&2
	echo "pbxjail observes now: it decides and bans nothing. To ban: jailctl setup"
fi

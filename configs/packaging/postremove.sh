#!/bin/sh
# dpkg: $1 is remove, purge or upgrade. rpm: $1 is 0 on removal, 1 on upgrade.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
[ "$1" = purge ] || exit 0
# /var/lib/pbxjail-recordings stays: a court may need the holds, and others the trail.
rm -rf /var/lib/pbxjail /run/pbxjail /etc/pbxjail /etc/pbxjail.d
if getent passwd pbxjail >/dev/null; then userdel pbxjail || :; fi
if getent group pbxjail >/dev/null; then groupdel pbxjail || :; fi

#!/bin/sh
# dpkg: $1 is remove or upgrade. rpm: $1 is 0 on removal, 1 on upgrade.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;; # an upgrade goes on dropping
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --quiet pbxjail.service || :
	systemctl stop pbxjail.service || :
	systemctl disable --quiet --now pbxjail-recordings.timer || :
fi
# What a removed program leaves in the kernel nobody can lift any more.
/usr/sbin/pbxjail --flush || echo "see with iptables-save, ipset list and nft list ruleset what is left" >&2

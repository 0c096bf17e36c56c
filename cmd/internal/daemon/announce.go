package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/cmd/internal/logs"
	"pbxjail/configs/show"
	"pbxjail/watcher/journal"
)

// announce says at start which jails there are, and what is followed.
func announce(log *slog.Logger, files *jailFiles) {
	list := files.list()
	for _, j := range list {
		log.Info("jail loaded", "name", j.Name, "file", j.File, "maxretry", fmt.Sprint(float64(j.Maxretry)/1000),
			"findtime", show.Duration(j.Findtime), "bantime", show.Duration(j.Bantime), "observe", j.Observe)
	}
	found, missing, channels := 0, []string{}, map[string]bool{}
	for _, p := range files.patterns() {
		if journal.Is(p) {
			found++
			log.Info("unit in the journal is followed", "log", p)
			continue
		}
		if _, err := os.Stat(p); err == nil {
			found++
			channels[channelOf(p)] = true
			log.Info("log is followed", "file", p)
		} else if !strings.ContainsAny(p, "*?[") {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		log.Info("some logs do not exist yet: pbxjail reads them as soon as they exist", "files", strings.Join(missing, " "))
	}
	if found == 0 {
		log.Warn("no log of Asterisk exists yet, so pbxjail sees no attacks in logs. pbxjail reads a log as soon as the log exists", "hint", logs.NoLogs)
	}
	switch {
	case channels["full"] || !channels["security"] && !channels["messages"]:
	case !channels["security"]:
		log.Warn("pbxjail reads no log with security events. It does not see wrong passwords of calls, and does not recognize forged log lines",
			"hint", "write a line below [logfiles] in /etc/asterisk/logger.conf: security => security; then: asterisk -rx 'logger reload'")
	case !channels["messages"]:
		log.Warn("pbxjail reads no log with notices. It does not see attempts on IAX2, calls to unknown extensions, and attempts without a security event",
			"hint", "write a line below [logfiles] in /etc/asterisk/logger.conf: messages => notice,warning,error; then: asterisk -rx 'logger reload'")
	}
	if len(list) == 0 {
		log.Warn("no jail runs, so no address is banned", "hint", "to see the mistakes: jailctl check. Correct the files in /etc/pbxjail.d; then: jailctl reload")
	}
}

// channelOf guesses from a log's name which of the channels it holds. full may
// hold both; so may FreePBX's fail2ban.
func channelOf(file string) string {
	switch base := filepath.Base(file); {
	case strings.HasPrefix(base, "security"):
		return "security"
	case strings.HasPrefix(base, "messages"):
		return "messages"
	case strings.HasPrefix(base, "full"), base == "fail2ban":
		return "full"
	}
	return ""
}

package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/configs/show"
)

// announce says at start which jails there are, and what is followed.
func announce(log *slog.Logger, files *jailFiles) {
	list := files.list()
	for _, j := range list {
		log.Info("jail", "name", j.Name, "file", j.File, "maxretry", fmt.Sprint(float64(j.Maxretry)/1000),
			"findtime", show.Duration(j.Findtime), "bantime", show.Duration(j.Bantime), "observe", j.Observe)
	}
	found, missing, channels := 0, []string{}, map[string]bool{}
	for _, p := range files.patterns() {
		if _, err := os.Stat(p); err == nil {
			found++
			channels[channelOf(p)] = true
			log.Info("follows", "file", p)
		} else if !strings.ContainsAny(p, "*?[") {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		log.Info("waits for logs that are not there yet", "files", strings.Join(missing, " "))
	}
	if found == 0 {
		log.Warn("no log is there yet: nothing can be seen", "hint", "check /etc/asterisk/logger.conf: security and messages must be written, see the README")
	}
	switch {
	case channels["full"] || !channels["security"] && !channels["messages"]:
	case !channels["security"]:
		log.Warn("security events are not read: wrong passwords of calls go unseen, and a forged notice has no witness against it",
			"hint", "write to logger.conf: security => security, then: asterisk -rx 'logger reload'")
	case !channels["messages"]:
		log.Warn("notices are not read: an attempt whose security event Asterisk cannot issue goes unseen, and so do IAX2 and unknown extensions",
			"hint", "write to logger.conf: messages => notice,warning,error, then: asterisk -rx 'logger reload'")
	}
	if len(list) == 0 {
		log.Warn("there is no jail: nobody is banned", "hint", "see jailctl check")
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

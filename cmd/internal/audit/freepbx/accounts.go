package freepbx

import (
	"fmt"
	"path"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// accounts looks at the accounts of the machine: a second root, and names that known attacks
// make.
func accounts(m *audit.Machine) []findings.Finding {
	if _, other := look(m); other != nil {
		return nil // the first check says it
	}
	text, err := m.Read("/etc/passwd", mostConf)
	if err != nil {
		return []findings.Finding{m.Unseen("accounts", "which accounts this machine has", err)}
	}
	return accountsOf(knownSigns(), string(text))
}

// accountsOf looks at a passwd(5).
func accountsOf(known signs, text string) (list []findings.Finding) {
	var sure, roots, maybe []string
	at, count := 0, 0
	for line := range strings.Lines(text) {
		at++
		field := strings.Split(strings.TrimSpace(line), ":")
		if len(field) < 7 || strings.HasPrefix(line, "#") {
			continue
		}
		count++
		name, number := field[0], field[2]
		evidence := fmt.Sprintf("/etc/passwd:%d: %s, number %s, shell %s", at, show.Word(name, 40), show.Flat(number, 12), show.Word(field[6], 40))
		sign, found := account(known.Accounts, name)
		switch {
		case found && (sign.Sure || number == "0"):
			sure = append(sure, evidence)
		case number == "0" && name != "root":
			roots = append(roots, evidence)
		case found && shellOf(field[6]):
			maybe = append(maybe, evidence)
		}
	}
	if len(sure) > 0 {
		list = append(list, findings.Finding{About: "accounts", Severity: findings.Broken, What: "somebody broke in: there are accounts that a known attack makes", Evidence: sure, References: known.Sources[:2], Hint: afterBreakIn})
	}
	if len(roots) > 0 {
		list = append(list, findings.Finding{
			About: "accounts", Severity: findings.Risky, What: "another account than root has the number 0, so it has all rights. Known attacks make such accounts",
			Evidence: roots, References: known.Sources[:2],
			Hint: "if you did not make this account, somebody broke in: " + afterBreakIn + ". If you made it, use sudo in place of it",
		})
	}
	if len(maybe) > 0 {
		list = append(list, findings.Finding{
			About: "accounts", Severity: findings.Risky, What: "there are accounts with names that a known attack uses, and they can log in",
			Evidence: maybe, References: known.Sources[:2],
			Hint: "if you do not know who made this account, somebody broke in; if it is a service of yours, let it not log in: usermod -s /usr/sbin/nologin NAME",
		})
	}
	if len(list) == 0 {
		list = append(list, audit.OK("accounts", "%s in /etc/passwd: only root has the number 0, and no name is one of a known attack (known on %s)", show.Count(count, "account"), known.Date))
	}
	return list
}

// shellOf reports whether an account with this shell can log in.
func shellOf(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "sync", "halt", "shutdown":
		return false
	}
	return true
}

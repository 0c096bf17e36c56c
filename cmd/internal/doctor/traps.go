package doctor

import (
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// oftenTried are accounts that attackers try among the first, and that few have.
var oftenTried = []string{"9999", "test", "admin", "1001", "100", "1000"}

// suggested is how many traps doctor suggests.
const suggested = 3

// account is one of Asterisk's, and where it is set up.
type account struct {
	name string
	at   asterisk.Place
}

// accounts are those of Asterisk's files. complete is false where some are in a database.
func (e *Env) accounts() (list []account, complete bool) {
	complete = true
	for _, folder := range e.Folders {
		for _, file := range []string{"pjsip.conf", "sip.conf", "iax.conf"} {
			sections, _ := asterisk.Sections(folder, file, "type")
			for _, s := range sections {
				kind, found := s.Last("type")
				if found && !s.Template && slices.Contains([]string{"endpoint", "auth", "aor", "friend", "peer", "user"}, strings.ToLower(kind.Value)) {
					list = append(list, account{s.Name, kind.At})
				}
			}
		}
		realtime, _ := asterisk.Sections(folder, "extconfig.conf", "ps_endpoints", "sippeers", "sipusers", "iaxpeers", "iaxusers")
		for _, s := range realtime {
			complete = complete && len(s.Settings) == 0
		}
	}
	return list, complete
}

// traps says whether a trap is a real account, and suggests some where there is none.
func traps(e *Env) (list []findings.Finding) {
	if e.Main == nil {
		return nil
	}
	accounts, complete := e.accounts()
	for _, name := range e.Main.Traps.Accounts {
		trap := string(name)
		i := slices.IndexFunc(accounts, func(a account) bool { return a.name == trap })
		if i < 0 {
			continue
		}
		list = append(list, findings.Finding{
			About: "trap " + trap, Severity: findings.Risky,
			What:     fmt.Sprintf("account %s is in traps, but Asterisk has this account. The first wrong password of its phone bans the address of the phone", trap),
			Evidence: []string{where(accounts[i].at) + ": [" + show.Flat(accounts[i].name, 60) + "]"},
			Fix:      []findings.Step{findings.Write("remove " + trap + " from traps in " + e.Main.File), findings.Command("jailctl reload")},
		})
	}
	if len(list) > 0 || len(e.Main.Traps.Accounts) > 0 || len(accounts) == 0 || !complete {
		return list
	}
	var free []string
	for _, name := range oftenTried {
		if len(free) < suggested && !slices.ContainsFunc(accounts, func(a account) bool { return a.name == name }) {
			free = append(free, name)
		}
	}
	if len(free) == 0 {
		return nil
	}
	return []findings.Finding{{
		About: "traps", Severity: findings.Note,
		What: fmt.Sprintf("no traps are set. A trap is an account that Asterisk does not have, and that attackers often try, such as %s", strings.Join(free, ", ")),
		Hint: fmt.Sprintf("to ban attackers at their first attempt, write into %s: traps: {accounts: [%s]}; then: jailctl reload", e.Main.File, strings.Join(free, ", ")),
	}}
}

// Package setup makes the judge from the main file and what belongs to it, in one way for
// all callers: the daemon judges with it, and jailctl replay and check use it to show what
// the daemon would do. It must never read a clock or a file by itself: it uses only its
// arguments.
package setup

import (
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// Knowledge is what the judge needs beside the main file.
type Knowledge struct {
	Places  jails.Places
	Feeds   jails.Feeds
	Agents  *configs.Agents
	Numbers *configs.Numbers
}

// Senses are what the judge knows beside the logs.
func Senses(main *configs.Main, k Knowledge) jails.Senses {
	return jails.Senses{
		Places: k.Places, Rules: main.GeoIP.Rules(),
		Feeds: k.Feeds, Agents: k.Agents, Levels: main.AgentFactors,
		Numbers: k.Numbers, Fraud: main.Fraud, Traps: main.Traps,
	}
}

// Judge judges as the main file says. replay lets logs lie anywhere, as jails.NewJudge has it.
func Judge(main *configs.Main, list []*jails.Jail, guard *jails.Guard, k Knowledge, replay bool) *jails.Judge {
	j := jails.NewJudge(list, guard, book.NewBook(nil, nil), main.MaxAddresses, replay)
	j.Home.ProtectLogins, j.Allowance = main.ProtectLogins, main.LoginAllowance
	j.SetCustomer(main.IPv6)
	j.SetSenses(Senses(main, k))
	return j
}

package jails

import (
	"time"

	"pbxjail/configs"
	"pbxjail/jails/home"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// hearForeign weighs an event of another program, such as sshd. No witness of packets
// watches its ports, and no security event confirms it: the text alone is believed. Its accounts
// are at home where they log in, as those of Asterisk are.
func (j *Judge) hearForeign(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	j.tick(now, decide)
	if e.Result == parsers.Signal {
		j.welcomeForeign(e, now, decide)
		return
	}
	if e.Result != parsers.Offence || e.Pattern == nil && j.excusedForeign(s, e, now, decide) {
		return
	}
	if s.apart != nil {
		j.charge(s.apart, e, witness.Ungated, now, decide)
	}
	j.charge(s, e, witness.Ungated, now, decide)
}

// welcomeForeign notes a log-in to another program, or a file that a phone got. What the
// account failed at before is forgiven.
func (j *Judge) welcomeForeign(e *parsers.Event, now time.Time, decide func(Verdict)) {
	switch {
	case !e.Authenticated() || !e.Addr.IsValid() || len(home.AccountName(e.Account.Raw())) == 0:
	case e.Service == parsers.Provisioning:
		j.fetched.note(e, j.accountID(e.Account.Raw()), now)
		j.forgive(e.Addr, e.Account.Raw(), now)
	case j.Home.Welcome(e, now, func(a home.Alarm) { decide(verdictOf(a, now)) }):
		j.forgive(e.Addr, home.AccountName(e.Account.Raw()), now)
	}
}

// excusedForeign reports whether an offence counts for no address: its account is at home
// there, or the phone got another of its files there.
func (j *Judge) excusedForeign(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) bool {
	if e.Service == parsers.Provisioning {
		return j.fetched.knows(e.Addr, j.accountID(e.Account.Raw()), now)
	}
	return j.Home.ExcuseForeign(s.id, e, now, func(a home.Alarm) { decide(verdictOf(a, now)) })
}

// ForeignIn returns the services of other programs that jails want in a log of this name,
// in whatever folder it is. It asks no jail whether it is switched on.
func ForeignIn(list []*configs.Jail, file string) (s parsers.Services) {
	for _, spec := range list {
		if jail, err := Compile(spec); err == nil && jail.follows(file, true) {
			s |= jail.foreign
		}
	}
	return s
}

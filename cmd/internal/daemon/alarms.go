package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
	"pbxjail/jails/home"
)

// Alarms lists the alarms about passwords that are not acknowledged yet.
func (b *backend) Alarms() []control.Alarm { return alarmsOf(b.warden.Guessed()) }

// Ack ends alarms: an admin has seen them.
func (b *backend) Ack(q control.AckRequest, _ string) (control.AckAnswer, error) {
	seen, err := b.warden.Ack(func(g home.Guessed) bool {
		return q == control.AckRequest{} || q.Account != "" && g.Account == q.Account || q.Addr.IsValid() && g.Addr == q.Addr
	})
	return control.AckAnswer{Acked: alarmsOf(seen)}, err
}

func alarmsOf(list []home.Guessed) (alarms []control.Alarm) {
	for _, g := range list {
		alarms = append(alarms, control.Alarm{
			Account: show.Escaped(g.Account), Addr: g.Addr, Service: g.Service.String(), Failures: g.Guesses, At: g.At.UTC(), What: g.String(),
		})
	}
	return alarms
}

// mostAlarms is how many alarms are problems one by one.
const mostAlarms = 5

// alarmStatus adds the alarms, which are problems until they are acknowledged.
func (b *backend) alarmStatus(s *control.Status, now time.Time) {
	s.Alarms = b.Alarms()
	for i, a := range s.Alarms {
		if i == mostAlarms {
			s.Problems = append(s.Problems, control.Problem{
				About: control.AboutAlarm, What: fmt.Sprintf("%s: other passwords may be guessed, too", show.Count(len(s.Alarms)-mostAlarms, "more alarm")), Hint: "to see all alarms: jailctl list. Change the password of each account that its owner did not use; then end all alarms: jailctl ack",
			})
			return
		}
		s.Problems = append(s.Problems, control.Problem{
			About: control.AboutAlarm, What: a.What + ". " + b.bannedWords(a.Addr, now),
			Hint: "if the owner of account " + a.Account + " did not log in: jailctl ban " + a.Addr.String() + "; then change the password of this account, and check its calls. In any case end the alarm: jailctl ack " + a.Addr.String(),
		})
	}
}

// bannedWords says whether an address is banned.
func (b *backend) bannedWords(a netip.Addr, now time.Time) string {
	p := netip.PrefixFrom(a, a.BitLen())
	switch {
	case !b.drops():
		return "pbxjail drops no packets of " + a.String() + " now"
	case len(b.warden.Inside(p, now))+len(b.warden.Around(p, now)) > 0:
		return a.String() + " is banned"
	}
	return a.String() + " is not banned"
}

// brokenHint is what to do when many at home fail at once.
const brokenHint = "check that Asterisk can read the passwords of its accounts: asterisk -rx 'pjsip show auths' or asterisk -rx 'sip show peers'. Bans for failed log-ins begin again when most accounts can log in. To ban an address now: jailctl ban ADDRESS"

// breakerStatus adds that failures lead to no ban.
func (b *backend) breakerStatus(s *control.Status, now time.Time) {
	since, why := b.warden.Broken()
	if why == "" {
		return
	}
	s.Problems = slices.Insert(s.Problems, 0, control.Problem{About: "log-ins", What: why + ". This began " + show.Ago(since, now), Hint: brokenHint})
}

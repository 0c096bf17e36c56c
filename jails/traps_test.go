package jails

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

const trapJail = "maxretry: 5\nmatch: [{event: bad-password}, {event: unknown-account}, {event: guest-call}]"

// tried is a failure of an account, whose address has some evidence.
func tried(a, account string, evidence parsers.Evidence) *parsers.Event {
	return with(of(failure(a), account), func(e *parsers.Event) { e.Evidence = evidence })
}

func trapping(t *testing.T, jail string) *Judge {
	j := judgeOf(jailOf(t, "x", jail))
	j.Home.ProtectLogins = 30 * 24 * time.Hour
	j.SetSenses(Senses{Numbers: configs.ShippedNumbers(), Fraud: defaultFraud(), Traps: configs.Traps{Accounts: []configs.TrapName{"9999"}, Numbers: []configs.TrapName{"8999"}}})
	return j
}

// TestTraps: one proven try of a trap is a ban, a weaker one is not, and honest people who
// mistype are not banned.
func TestTraps(t *testing.T) {
	for name, c := range map[string]struct {
		jail  string
		event *parsers.Event
		home  bool // an account is at home at the address
		want  parsers.Points
		ban   bool
	}{
		"a proven try":          {trapJail, tried(office, "9999", parsers.Proven), false, 0, true},
		"another account":       {trapJail, tried(office, "999", parsers.Proven), false, parsers.Point, false},
		"a seen try":            {trapJail, tried(office, "9999", parsers.Seen), false, 3 * parsers.Point, false},
		"a claimed try":         {trapJail + "\nevidence: {ban: claimed}", tried(office, "9999", parsers.Claimed), false, 1500, false},
		"a claim of many":       {trapJail + "\nevidence: {ban: claimed}", with(of(failure(office), "9999"), func(e *parsers.Event) { e.Evidence, e.Points = parsers.Claimed, 4*parsers.Point }), false, 5*parsers.Point - 1, false},
		"an account at home":    {trapJail, tried(office, "9999", parsers.Proven), true, parsers.Point, false},
		"a number":              {trapJail, guest(office, "8999", parsers.Seen), false, 3 * parsers.Point, false},
		"a number, proven":      {trapJail, guest(office, "8999", parsers.Proven), false, 0, true},
		"a jail without fraud":  {trapJail + "\nfraud: false", tried(office, "9999", parsers.Proven), false, parsers.Point, false},
		"a trap as a number":    {trapJail, tried(office, "8999", parsers.Proven), false, parsers.Point, false},
		"another program's log": {trapJail, with(of(failure(office), "9999"), func(e *parsers.Event) { e.Service, e.Channel = parsers.SSH, parsers.ChannelNotice }), false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			j := trapping(t, c.jail)
			if c.home {
				hear(j, entered(office, "101"), start)
			}
			got := hear(j, c.event, start.Add(time.Minute))
			if (len(got) == 1 && got[0].Bans()) != c.ban || len(got) > 1 {
				t.Fatalf("got %s, want a ban: %v", words(got), c.ban)
			}
			if c.ban && !strings.Contains(got[0].Ban.Reason, "trap ") {
				t.Errorf("got the reason %q, want it to name the trap", got[0].Ban.Reason)
			}
			if !c.ban && score(j, 0, office, start.Add(time.Minute)) != c.want {
				t.Errorf("got %s points, want %s", score(j, 0, office, start.Add(time.Minute)), c.want)
			}
		})
	}
}

// TestTrapsProtect: a protected address is not banned for a trap, and a trap that is taken
// out of the configuration no longer counts.
func TestTrapsProtect(t *testing.T) {
	j := trapping(t, trapJail)
	j.SetGuard(NewGuard([]netip.Addr{addr(office)}, nil))
	if got := hear(j, tried(office, "9999", parsers.Proven), start); len(got) != 1 || got[0].Protected == "" {
		t.Errorf("got %s, want a protected address", words(got))
	}
	j.SetSenses(Senses{})
	if got := hear(j, tried("203.0.113.51", "9999", parsers.Proven), start); len(got) != 0 {
		t.Errorf("got %s without traps, want nothing", words(got))
	}
}

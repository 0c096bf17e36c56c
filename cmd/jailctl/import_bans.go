package main

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
)

// takeBans bans what a running fail2ban bans now, for the time that is left there. An
// address that is protected here is not banned; that is said.
func (a *app) takeBans(ctx context.Context, client *control.Client, p *importPlan) error {
	if !program.There("fail2ban-client") {
		return nil
	}
	taken := 0
	for _, t := range p.Jails {
		out, err := program.Run(ctx, "fail2ban-client", "get", t.Name, "banip", "--with-time")
		if err != nil {
			a.say("note: bans of jail %s are not taken over: fail2ban-client cannot list them", t.Name)
			continue
		}
		for line := range strings.Lines(string(out)) {
			addr, left, ok := liveBan(line, a.now())
			if !ok {
				continue
			}
			req := control.BanRequest{Prefix: addr, ForSeconds: &left}
			if _, err := client.Ban(ctx, req); err != nil {
				a.say("note: %s is banned by fail2ban, but could not be banned here: %v", show.Address(addr), err)
				continue
			}
			taken++
		}
	}
	a.say("bans taken over: %d", taken)
	return nil
}

// liveBan reads "203.0.113.9 \t2026-11-26 12:00:00 + 600 = 2026-11-26 12:10:00", of which
// the last is when the ban ends in local time; "+ -1" has no end, which is 0 here
// (fail2ban:server/banmanager.py, getBanList).
func liveBan(line string, now time.Time) (p netip.Prefix, left int64, ok bool) {
	address, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
	p, err := prefix.Parse(strings.TrimSpace(address))
	if err != nil {
		return p, 0, false
	}
	if strings.Contains(rest, "+ -1 ") {
		return p, 0, true
	}
	_, end, found := strings.Cut(rest, "=")
	until, err := time.ParseInLocation(time.DateTime, strings.TrimSpace(end), now.Location())
	if !found || err != nil {
		return p, 0, false
	}
	left = int64(until.Sub(now) / time.Second)
	return p, left, left > 0
}

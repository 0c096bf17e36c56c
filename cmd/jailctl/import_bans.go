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

// takeBansWhenGuarding takes over the bans if pbxjail drops packets now. What is decided
// while it observes is never enforced, and would be lost: jailctl setup takes them over then.
func (a *app) takeBansWhenGuarding(ctx context.Context, client *control.Client, p *importPlan) error {
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if !s.Enforcing {
		a.say("the bans of fail2ban are not imported, because pbxjail only observes. To switch pbxjail on, and import the bans: jailctl setup")
		return nil
	}
	a.takeBans(ctx, client, p.jails())
	return nil
}

// jails are the names of the jails of fail2ban.
func (p *importPlan) jails() (names []string) {
	for _, t := range p.Jails {
		names = append(names, t.Name)
	}
	return names
}

// liveJails are the jails of a fail2ban that runs here; nil where none does, or where its
// client is that of pbxjail.
func liveJails(ctx context.Context) (names []string) {
	if !program.There("fail2ban-client") || program.Leads("fail2ban-client", "pbxjail-fail2ban-client") {
		return nil
	}
	out, err := program.Run(ctx, "fail2ban-client", "status")
	if err != nil {
		return nil // it does not run
	}
	_, list, _ := strings.Cut(string(out), "Jail list:")
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

// takeBans bans what a running fail2ban bans now, for the time that is left there. An
// address that is protected here is not banned; that is said.
func (a *app) takeBans(ctx context.Context, client *control.Client, jails []string) {
	if !program.There("fail2ban-client") {
		return
	}
	tell, taken := a.say, 0
	if a.json {
		tell = a.complain // the answer is JSON alone
	}
	for _, name := range jails {
		if strings.HasPrefix(name, "-") {
			continue
		}
		out, err := program.Run(ctx, "fail2ban-client", "get", name, "banip", "--with-time")
		if err != nil {
			tell("note: the bans of jail %[1]s of fail2ban are not imported, because this command failed: fail2ban-client get %[1]s banip --with-time", show.Word(name, 64))
			continue
		}
		for line := range strings.Lines(string(out)) {
			addr, left, ok := liveBan(line, a.now())
			if !ok {
				continue
			}
			req := control.BanRequest{Prefix: addr, ForSeconds: &left}
			if _, err := client.Ban(ctx, req); err != nil {
				tell("note: %s is banned by fail2ban, but pbxjail could not ban it: %v", show.Address(addr), err)
				continue
			}
			taken++
		}
	}
	tell("%s of fail2ban imported", show.Count(taken, "ban"))
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

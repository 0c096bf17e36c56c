package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
)

// kernel shows the rules and sets in the kernel. It judges nothing: packets do.
func (s *story) kernel() {
	first := s.attackers()[0]
	for _, verb := range [][]string{{"list"}, {"why", first.Addr.String()}} {
		s.title("jailctl %s", strings.Join(verb, " "))
		out, err := s.guard.ctl(verb...)
		s.quote(out)
		if err != nil {
			s.fault("%v", err)
		}
	}
	s.title("the chain and the sets, as the kernel has them")
	for _, argv := range [][]string{
		{"iptables", "-w", "5", "-t", "raw", "-S"}, {"ip6tables", "-w", "5", "-t", "raw", "-S"}, {"ipset", "list"},
	} {
		fmt.Fprintf(s.out, "  $ %s\n", strings.Join(argv, " "))
		out, err := s.net.PBX.Output(exec.Command(argv[0], argv[1:]...))
		s.quote(string(out))
		if err != nil {
			fmt.Fprintf(s.out, "  (%v)\n", err)
		}
	}
}

func (s *story) attackers() (all []lab.Actor) {
	for _, a := range s.actors {
		if a.Ban {
			all = append(all, a)
		}
	}
	return all
}

// packets shows that the attackers' packets stop and the others' do not: of
// those sent from now on, none and some are answered.
func (s *story) packets(ctx context.Context) {
	s.title("who gets through now")
	const more = 50
	then := s.stream.Tallies()
	until(ctx, s.patience, func() bool {
		now := s.stream.Tallies()
		return !slices.ContainsFunc(s.actors, func(a lab.Actor) bool { return now[a.Addr].Sent < then[a.Addr].Sent+more })
	})
	now := s.stream.Tallies()
	bans, err := s.guard.bans()
	if err != nil {
		s.fault("%v", err)
	}
	t := s.table("ADDRESS", "SENT", "ANSWERED", "SENT SINCE", "OF THOSE", "DROPPED BY THE KERNEL")
	for _, a := range s.actors {
		after := "answered"
		if now[a.Addr].Newest <= then[a.Addr].Sent {
			after = "none answered"
		}
		dropped := "-"
		if i := slices.IndexFunc(bans, holds(a)); i >= 0 {
			dropped = fmt.Sprint(bans[i].Packets)
		}
		if closesSIP(bans, a) != (after == "none answered") {
			after = s.mark(after)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\n", a.Addr, now[a.Addr].Sent, now[a.Addr].Answered,
			now[a.Addr].Sent-then[a.Addr].Sent, after, dropped)
	}
	t.Flush()
}

// closesSIP reports whether a ban closes the ports of SIP to an actor, where the probes
// go: an address that guesses passwords of the manager may still call.
func closesSIP(bans []ban, a lab.Actor) bool {
	i := slices.IndexFunc(bans, holds(a))
	return a.Ban && (i < 0 || bans[i].Ports == "" || strings.Contains(bans[i].Ports, "all") || strings.Contains(bans[i].Ports, "sip"))
}

// unban lifts one ban and sees the next packet answered.
func (s *story) unban(ctx context.Context) {
	first := s.attackers()[0]
	s.title("jailctl unban %s", first.Addr)
	out, err := s.guard.ctl("unban", first.Addr.String())
	s.quote(out)
	if err != nil {
		s.fault("%v", err)
	}
	s.answered(ctx, first, true, "")
}

// answered sends from an address and judges whether that was right.
func (s *story) answered(ctx context.Context, a lab.Actor, want bool, why string) {
	got, err := s.net.Answered(ctx, a.Addr)
	is := map[bool]string{true: "answered", false: "not answered"}[got]
	switch {
	case err != nil:
		s.fault("%v", err)
	case got != want:
		s.fault("%s is %s%s", a.Addr, is, why)
	default:
		fmt.Fprintf(s.out, "  %s is %s%s\n", a.Addr, is, why)
	}
}

// ending ends the daemon. Its bans stay.
func (s *story) ending(ctx context.Context) {
	s.title("SIGTERM: pbxjail ends, its bans stay in the kernel until they expire")
	bans, err := s.guard.bans()
	if err != nil {
		s.fault("%v", err)
	}
	took, err := s.guard.stop()
	if err != nil {
		s.fault("pbxjail: %v", err)
	} else {
		fmt.Fprintf(s.out, "  pbxjail ended within %v\n", took.Truncate(10*time.Millisecond)+10*time.Millisecond)
	}
	for _, a := range slices.Backward(s.attackers()) {
		if closesSIP(bans, a) {
			s.answered(ctx, a, false, " without pbxjail too")
			break
		}
	}
	honest := slices.IndexFunc(s.actors, func(a lab.Actor) bool { return !a.Ban })
	s.answered(ctx, s.actors[honest], true, " as before")
}

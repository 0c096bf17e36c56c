package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/lab"
)

// verdict judges an act by the packets and the kernel's sets.
type verdict struct {
	*report
	*scene
	attackers []*attacker
	honest    []*honest
	liars     int // how many addresses sent forged text
	matrix    *matrix
	bans      []netip.Prefix
	reported  []ban // by pbxjail
}

func (v *verdict) tell() {
	var err error
	if v.bans, err = v.banned(); err != nil {
		v.fault("%v", err)
		return
	}
	if v.reported, err = v.guard.bans(); err != nil {
		v.fault("%v", err)
	}
	v.theBad()
	v.theGood()
	v.theBans()
}

func (v *verdict) inKernel(addr netip.Addr) bool {
	return slices.ContainsFunc(v.bans, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// reason is what pbxjail says of a ban.
func (v *verdict) reason(addr netip.Addr) string {
	if i := slices.IndexFunc(v.reported, func(b ban) bool { return b.Prefix.Contains(addr) }); i >= 0 {
		return v.reported[i].Jail + ", " + v.reported[i].Reason
	}
	return v.mark("pbxjail does not report it")
}

// theBad checks that the kernel drops each address that must be dropped, and that Asterisk
// no longer answers it.
func (v *verdict) theBad() {
	t := v.table("  ATTACKER", "WHAT", "TRIES", "PACKETS", "SECONDS", "DROPPED BY")
	var missed []*attacker
	for _, a := range v.attackers {
		since, dropped := v.dropped(a.addr)
		seen := v.wire.Seen(a.addr)
		packets, seconds, is := "-", "-", ""
		if dropped && len(seen) > 0 {
			until := 0
			for until < len(seen) && seen[until].Before(since) {
				until++
			}
			packets, seconds = fmt.Sprint(until), fmt.Sprintf("%.2f", max(0, since.Sub(seen[0]).Seconds()))
		}
		needed := 0
		if v.mustDrop(a, len(seen)) {
			needed = enoughRequests
		}
		sent, _ := strconv.Atoi(packets)
		v.matrix.note(v.cell, a.addr, outcome{what: a.what, dropped: dropped, packets: sent, needed: needed})
		switch {
		case dropped != v.inKernel(a.addr):
			is = v.mark(fmt.Sprintf("dropped %t, but in the kernel's sets %t", dropped, v.inKernel(a.addr)))
		case a.after:
			is = v.mark("Asterisk answered after the drop")
		case len(seen) == 0:
			is = v.mark(fmt.Sprintf("it never attacked (%v)", a.failed))
		case needed > 0 && !dropped:
			is = v.mark(fmt.Sprintf("not dropped after %d packets (%v)", len(seen), a.failed))
			missed = append(missed, a)
		case needed == 0 && dropped:
			is = "need not be: " + v.reason(a.addr)
		case !dropped:
			is = fmt.Sprintf("not dropped after %d packets, need not be", len(seen))
		default:
			is = v.reason(a.addr)
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\t%s\t%s\n", a.addr, a.what, a.attempts, packets, seconds, is)
	}
	t.Flush()
	for _, a := range missed {
		lines := v.lines(a.addr)
		fmt.Fprintf(v.out, "\n  %s (%s): %d lines of the logs name it\n", a.addr, a.what, len(lines))
		v.quote(strings.Join(lines[max(0, len(lines)-8):], "\n"))
		v.why(a.addr)
	}
}

// mustDrop reports whether an attacker that sent so many packets must be dropped.
// With packets everybody is seen who sends enough; with all logs alone those are that
// Asterisk writes a line for; a smaller set of logs only shows how many it finds.
func (v *verdict) mustDrop(a *attacker, packets int) bool {
	switch {
	case v.cell.wire:
		return a.must || packets >= enoughRequests
	case v.cell.logs == "all":
		return a.must
	}
	return false
}

// theGood checks that honest phones registered and called all the time, and still do.
func (v *verdict) theGood() {
	fmt.Fprintln(v.out)
	t := v.table("  HONEST", "WHAT", "TIMES", "PROBES", "ANSWERED", "")
	for _, h := range v.honest {
		tally := v.probes.Tallies()[h.addr]
		_, dropped := v.dropped(h.addr)
		is := "untouched"
		switch {
		case dropped || v.inKernel(h.addr):
			is = v.mark("banned")
		case h.failed != nil:
			is = v.mark(h.failed.Error())
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%d\t%d\t%s\n", h.addr, h.what, h.times, tally.Sent, tally.Answered, is)
	}
	for _, addr := range strangers {
		tally := v.probes.Tallies()[addr]
		is := "untouched"
		if _, dropped := v.dropped(addr); dropped || v.inKernel(addr) {
			is = v.mark("banned")
		}
		fmt.Fprintf(t, "  %s\tdid nothing, and is named in forged text\t-\t%d\t%d\t%s\n", addr, tally.Sent, tally.Answered, is)
	}
	t.Flush()
}

// theBans checks that only attackers are in the kernel's sets.
func (v *verdict) theBans() {
	innocent := slices.Concat(victims, []netip.Addr{lab.PBX6})
	for _, h := range v.honest {
		innocent = append(innocent, h.addr)
	}
	var guilty []netip.Addr
	for _, a := range v.attackers {
		guilty = append(guilty, a.addr)
	}
	liars := 0
	for i := range v.liars {
		if guilty = append(guilty, liar(i)); v.inKernel(liar(i)) {
			liars++
		}
	}
	fmt.Fprintf(v.out, "\n %d bans in the kernel, %d of them on the %d addresses that forged lines\n", len(v.bans), liars, v.liars)
	for _, addr := range strangers {
		if named := len(v.lines(addr)); named == 0 && v.cell.logs == "all" {
			v.fault("no line names %s: the forgeries do not work", addr)
		} else {
			fmt.Fprintf(v.out, "  %d lines of the logs name %s, who did nothing\n", named, addr)
		}
	}
	for _, p := range v.bans {
		if addr, yes := holdsAny(p, innocent); yes {
			v.fault("%s is banned, but did nothing", addr)
			v.why(addr)
		} else if _, yes := holdsAny(p, guilty); !yes {
			v.fault("%s is banned, but no one uses it", p)
			v.why(p.Addr())
		}
	}
}

// why quotes what pbxjail has against an address.
func (v *verdict) why(addr netip.Addr) {
	out, err := v.guard.ctl("why", addr.String())
	v.quote(out)
	if err != nil {
		v.quote(err.Error())
	}
}

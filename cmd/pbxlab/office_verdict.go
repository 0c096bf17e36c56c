package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// wave is what became of the attackers that came at one time.
type wave struct {
	when    string
	tries   []int // until the ban, by attackKinds; 0: not banned
	seconds []float64
}

// slower is how many tries more than without offices an attacker may have: its last ones
// are under way while the ban is set.
const slower = 2

func (d *officeDay) attackLater(when string) func(context.Context) error {
	return func(ctx context.Context) error {
		d.attack(ctx, when)
		return ctx.Err()
	}
}

// inKernel are the bans that the kernel holds.
func (d *officeDay) inKernel() ([]netip.Prefix, error) { return d.scene.banned() }

// attack has one attacker of each kind attack, from a new address.
func (d *officeDay) attack(ctx context.Context, when string) {
	w := wave{when: when}
	c := &cast{s: d.scene}
	drivers := stacks(d.version)
	for i, kind := range attackKinds {
		from := netip.AddrFrom4([4]byte{198, 51, 100, byte(10*(len(d.waves)+1) + i)})
		f := c.dial(kind.network, drivers[len(drivers)-1].port, kind.do)
		begin, tries := time.Now(), 0
		for tick := time.Tick(attackPace); tries < attempts && ctx.Err() == nil; <-tick {
			if bans, err := d.inKernel(); err == nil && slices.ContainsFunc(bans, func(p netip.Prefix) bool { return p.Contains(from) }) {
				break
			}
			f(ctx, from, tries)
			tries++
		}
		if tries == attempts {
			tries = 0
		}
		w.tries, w.seconds = append(w.tries, tries), append(w.seconds, time.Since(begin).Seconds())
	}
	d.waves = append(d.waves, w)
	d.happens(fmt.Sprintf("attackers, %s: banned after %d tries", when, w.tries))
}

// telling is one report of pbxjail about an address.
type telling struct {
	at     time.Time
	reason string
}

// tellings finds in the daemon's log what it reports about addresses of a network.
var tellings = regexp.MustCompile(`(?m)^time=(\S+) level=\S+ msg="?(alarm|not banned)[^\n]* prefix=(\S+) jail=(\S+)[^\n]* reason="?([^\n]*)$`)

func (d *officeDay) reports(of netip.Prefix) (list []telling) {
	text, _ := os.ReadFile(d.guard.path("pbxjail.log"))
	for _, m := range tellings.FindAllStringSubmatch(string(text), -1) {
		p, err := netip.ParsePrefix(m[3])
		at, failed := time.Parse(time.RFC3339Nano, m[1])
		if err == nil && failed == nil && p.Overlaps(of) {
			list = append(list, telling{at, m[5]})
		}
	}
	return list
}

// judge says how the day went.
func (d *officeDay) judge() {
	fmt.Fprintln(d.out)
	t := d.table("  OFFICE", "PHONES", "OLD PASSWORD", "TAKEN", "REFUSED", "UNANSWERED", "REPORTED", "")
	for _, o := range d.all {
		taken, refused, unanswered, is := 0, 0, 0, ""
		for _, h := range o.phones {
			taken, refused, unanswered = taken+h.taken, refused+h.refused, unanswered+h.unanswered
			switch {
			case h.failed != nil:
				is = d.mark(h.failed.Error())
			case h.deaf():
				is = d.mark(fmt.Sprintf("%s was not answered %d times", h.account, h.unanswered))
			}
		}
		reports := d.reports(o.net)
		if is == "" {
			is = d.office(o, reports, refused)
		}
		fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", o, len(o.phones), o.stale(), taken, refused, unanswered, len(reports), is)
	}
	t.Flush()
	if text := d.banned["?"]; text != "" {
		d.fault("the kernel's sets could not be read: %s", text)
	}
	for _, o := range d.all {
		for _, reports := range d.reports(o.net) {
			fmt.Fprintf(d.out, "  %6s  reported: %s\n", reports.at.Sub(d.begin).Round(time.Second), strings.TrimSuffix(reports.reason, `"`))
		}
	}
	fmt.Fprintln(d.out)
	t = d.table("  ATTACKER", "WHEN", "TRIES", "SECONDS", "")
	for _, w := range d.waves {
		for i, tries := range w.tries {
			is := "banned"
			switch {
			case tries == 0:
				is = d.mark("not banned")
			case tries > d.waves[0].tries[i]+slower:
				is = d.mark(fmt.Sprintf("banned after %d tries, and after %d without offices", tries, d.waves[0].tries[i]))
			}
			fmt.Fprintf(t, "  %s\t%s\t%d\t%.1f\t%s\n", attackKinds[i].what, w.when, tries, w.seconds[i], is)
		}
	}
	t.Flush()
}

// office judges one office.
func (d *officeDay) office(o *office, reports []telling, refused int) string {
	if text := d.banned[o.String()]; text != "" {
		return d.mark(text)
	}
	if refused > 0 && len(reports) == 0 {
		return d.mark("nothing is reported")
	}
	for i, x := range reports {
		if !strings.Contains(x.reason, "an old password") {
			return d.mark("the cause is not named: " + x.reason)
		}
		if i > 0 && x.at.Sub(reports[i-1].at) < time.Hour/faster {
			return d.mark(fmt.Sprintf("reported again after %s", x.at.Sub(reports[i-1].at)))
		}
	}
	return "not banned"
}

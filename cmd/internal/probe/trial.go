package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"pbxjail/actions"
	"pbxjail/configs/ports"
)

// bantime is longer than any trial takes.
const bantime = time.Hour

// trial tests an enforcer. The enforcer always runs on the thread of the PBX, because the
// programs that it starts run in the namespace of their thread.
type trial struct {
	bench    *bench
	enforcer actions.Enforcer
	families []family // that can be tried
	flows    []question
	checks   []Check
}

func newTrial(b *bench, e actions.Enforcer) *trial {
	t := &trial{bench: b, enforcer: e}
	for _, f := range families {
		result, why := OK, ""
		if f.pbx.Is6() && b.noV6 != nil {
			result, why = Skipped, oneLine("no IPv6 here: "+b.noV6.Error())
		} else {
			t.families = append(t.families, f)
		}
		for _, check := range []string{udp, tcp, icmp, udpFlow, tcpFlow, service, network, neighbour, timeLeft} {
			t.checks = append(t.checks, Check{check, f.name, result, why})
		}
	}
	t.checks = append(t.checks, Check{teardown, "", OK, ""})
	return t
}

// run tries everything once. What is found is in checks; an error means only that ctx ended
// or the bench failed.
func (t *trial) run(ctx context.Context) error {
	single := func(f family) netip.Prefix { return netip.PrefixFrom(f.banned, f.banned.BitLen()) }
	wide := func(f family) netip.Prefix { return f.network }

	if err := t.ask(ctx, "before the ban", t.toSingle(true)); err != nil {
		return err
	}
	t.openFlows(ctx)
	defer t.closeFlows()
	if err := t.ask(ctx, "before the ban", t.flows); err != nil {
		return err
	}
	t.ban(single)
	if err := t.ask(ctx, "while banned", append(t.toSingle(false), t.flowsWanted(false)...)); err != nil {
		return err
	}
	t.checkTime(single)
	t.unban(single)
	// What tcp had to say meanwhile it says again in its own time: udp is asked alone.
	if err := t.ask(ctx, "after the unban", append(t.toSingle(true), t.only(udpFlow)...)); err != nil {
		return err
	}
	t.banService(single)
	if err := t.ask(ctx, "while banned for SIP", t.toService()); err != nil {
		return err
	}
	t.unban(single)
	t.ban(wide)
	if err := t.ask(ctx, "while its network is banned", t.toNetwork(network, false)); err != nil {
		return err
	}
	t.unban(wide)
	if err := t.ask(ctx, "after the unban of its network", t.toNetwork(network, true)); err != nil {
		return err
	}
	t.ban(wide)
	t.tearDown()
	return t.ask(ctx, "after the teardown", t.toNetwork(teardown, true))
}

// ban bans a prefix of each family; one that is refused fails all that it was to do.
func (t *trial) ban(prefix func(family) netip.Prefix) {
	for _, f := range t.families {
		if err := t.enforcer.Ban(prefix(f), ports.All, bantime); err != nil {
			for _, check := range dropping {
				t.settle(check, f.name, err.Error())
			}
		}
	}
}

// banService bans for the ports of SIP alone.
func (t *trial) banService(prefix func(family) netip.Prefix) {
	for _, f := range t.families {
		if err := t.enforcer.Ban(prefix(f), ports.SIP, bantime); err != nil {
			t.settle(service, f.name, err.Error())
		}
	}
}

// toService asks about the port of SIP, which is closed, and another.
func (t *trial) toService() (list []question) {
	for _, f := range t.families {
		for _, p := range []string{udp, tcp} {
			list = append(list, question{check: service, family: f, protocol: p, from: f.banned, want: false},
				question{check: service, family: f, protocol: p, from: f.banned, port: other, want: true})
		}
	}
	return list
}

func (t *trial) unban(prefix func(family) netip.Prefix) {
	for _, f := range t.families {
		if err := t.enforcer.Unban(prefix(f)); err != nil {
			for _, check := range dropping {
				t.settle(check, f.name, err.Error())
			}
		}
	}
}

// checkTime asks how long the bans have still to go.
func (t *trial) checkTime(prefix func(family) netip.Prefix) {
	left := map[netip.Prefix]time.Duration{}
	err := t.enforcer.Each(func(h ports.Held) { left[h.Prefix] = h.Left })
	for _, f := range t.families {
		l, there := left[prefix(f)]
		switch {
		case err != nil:
			t.settle(timeLeft, f.name, err.Error())
		case !there:
			t.settle(timeLeft, f.name, "the ban is not in the kernel")
		case l <= 0:
			t.settle(timeLeft, f.name, "the ban has no end")
		case l > bantime+2*time.Second || l < bantime-time.Minute: // plain rules end on the second
			t.settle(timeLeft, f.name, fmt.Sprintf("the ban has %s left just after its begin, and should have %s", l.Round(time.Second), bantime))
		}
	}
	if _, ours := t.enforcer.(actions.Expirer); ours {
		t.remark(timeLeft, "the daemon ends bans, not the kernel")
	}
}

// tearDown removes everything while an address is banned.
func (t *trial) tearDown() {
	if err := t.enforcer.Teardown(); err != nil {
		t.settle(teardown, "", err.Error())
	}
	left, err := leftovers()
	if err != nil {
		t.settle(teardown, "", err.Error())
	}
	left = slices.DeleteFunc(left, func(what string) bool { return slices.Contains(t.bench.given, what) })
	if len(left) > 0 {
		t.settle(teardown, "", "these are still in the kernel: "+strings.Join(left, ", "))
	}
}

// question is whether a packet is answered, and whether it is to be.
type question struct {
	check    string // that the answer belongs to
	family   family
	protocol string
	from     netip.Addr
	port     uint16   // 0: that of SIP
	flow     net.Conn // nil: a new one
	want     bool
}

// toSingle asks about one banned address and its neighbour.
func (t *trial) toSingle(passes bool) (list []question) {
	for _, f := range t.families {
		for _, p := range protocols {
			list = append(list, question{check: p, family: f, protocol: p, from: f.banned, want: passes},
				question{check: neighbour, family: f, protocol: p, from: f.neighbour, want: true})
		}
	}
	return list
}

// toNetwork asks about two addresses of a network that is banned, and one outside.
func (t *trial) toNetwork(check string, passes bool) (list []question) {
	for _, f := range t.families {
		for _, p := range protocols {
			list = append(list, question{check: check, family: f, protocol: p, from: f.banned, want: passes},
				question{check: check, family: f, protocol: p, from: f.neighbour, want: passes},
				question{check: neighbour, family: f, protocol: p, from: f.outside, want: true})
		}
	}
	return list
}

// openFlows opens the conversations that a ban has to cut.
func (t *trial) openFlows(ctx context.Context) {
	for _, f := range t.families {
		for check, protocol := range map[string]string{udpFlow: udp, tcpFlow: tcp} {
			conn, err := t.bench.dial(ctx, protocol, f.banned, f.pbx, port)
			if err != nil {
				t.settle(check, f.name, err.Error())
				continue
			}
			t.flows = append(t.flows, question{check: check, family: f, protocol: protocol, from: f.banned, flow: conn, want: true})
		}
	}
}

func (t *trial) closeFlows() {
	for _, q := range t.flows {
		q.flow.Close()
	}
}

func (t *trial) flowsWanted(want bool) (list []question) {
	for _, q := range t.flows {
		q.want = want
		list = append(list, q)
	}
	return list
}

func (t *trial) only(check string) (list []question) {
	for _, q := range t.flows {
		if q.check == check {
			list = append(list, q)
		}
	}
	return list
}

// ask asks all at once, and writes down what is not as wanted.
func (t *trial) ask(ctx context.Context, when string, questions []question) error {
	wrong := make([]string, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() { wrong[i] = t.bench.wrong(ctx, when, q) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, q := range questions {
		name := q.family.name
		if q.check == teardown {
			name = ""
		}
		t.settle(q.check, name, wrong[i])
	}
	return nil
}

// wrong is what is wrong with the answer, or "".
func (b *bench) wrong(ctx context.Context, when string, q question) string {
	tries := silent
	if q.want {
		tries = heard
	}
	var got bool
	var err error
	if q.flow != nil {
		got, err = answered(ctx, q.flow, tries)
	} else {
		got, err = b.answers(ctx, q.protocol, q.from, q.family.pbx, cmp.Or(q.port, port), tries)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%s: %s from %s: %v", when, q.protocol, q.from, err)
	case got && !q.want:
		return fmt.Sprintf("answered %s: %s from %s", when, q.protocol, q.from)
	case !got && q.want:
		return fmt.Sprintf("no answer %s: %s from %s", when, q.protocol, q.from)
	}
	return ""
}

// remark says something of a check that is well, in both families.
func (t *trial) remark(check, text string) {
	for i := range t.checks {
		if c := &t.checks[i]; c.Check == check && c.Result == OK {
			c.Why = text
		}
	}
}

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/cmd/internal/lab"
)

// honest is one address that means well.
type honest struct {
	addr netip.Addr
	what string
	// begin is what is peculiar about it, done once; usual is done over and over,
	// while the attack is on and once after it. Either fails when the PBX does
	// not do as it should.
	begin, usual func(ctx context.Context) error

	times  int   // that usual went well
	failed error // the first failure
}

const (
	usualPace = 500 * time.Millisecond
	usuals    = 400 // at most
)

// run behaves as usual until the attack is over, and once more.
func (h *honest) run(ctx context.Context, over <-chan struct{}) {
	tick := time.NewTicker(usualPace)
	defer tick.Stop()
	if h.begin != nil {
		h.failed = h.begin(ctx)
	}
	for last := false; h.failed == nil && h.times < usuals && !last; {
		select {
		case <-tick.C:
		case <-over:
			last = true
		}
		if h.failed = h.usual(ctx); h.failed == nil {
			h.times++
		} else {
			h.failed = fmt.Errorf("after %d times: %w", h.times, h.failed)
		}
	}
}

// town is the honest people of a PBX.
type town struct {
	s     *scene
	all   []*honest
	lines []*lab.Sender
}

func (t *town) add(what string, begin, usual func(ctx context.Context) error) {
	t.all = append(t.all, &honest{addr: t.next(), what: what, begin: begin, usual: usual})
}

// next is the address of whoever is added next.
func (t *town) next() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(130 + len(t.all))}) }

// honestPeople makes everybody who means well. The caller must hang up.
func honestPeople(ctx context.Context, s *scene) (*town, error) {
	t := &town{s: s}
	for _, st := range stacks(s.version) {
		if err := t.phones(ctx, st); err != nil {
			return t, err
		}
	}
	if err := t.besides(ctx); err != nil {
		return t, err
	}
	return t, nil
}

func (t *town) hangUp() {
	for _, line := range t.lines {
		line.Close()
	}
}

func (t *town) line(ctx context.Context, network string, from netip.Addr, port uint16) (*lab.Sender, error) {
	line, err := t.s.net.NewSender(ctx, network, from, port)
	if err != nil {
		return nil, fmt.Errorf("the phone %s: %w", from, err)
	}
	line.Patience = 4 * time.Second // as real phones have, and more
	t.lines = append(t.lines, line)
	return line, nil
}

func password(user string) string { return "lab-" + user + "-pass" }

// registered registers and wants it to go well.
func registered(line *lab.Sender, user string) error {
	status, err := line.Register(user, password(user))
	if err == nil && status != 200 {
		err = fmt.Errorf("%s registers: status %d", user, status)
	}
	return err
}

func called(line *lab.Sender, user string) error {
	status, err := line.Call(user, password(user), "600")
	if err == nil && status != 200 {
		err = fmt.Errorf("%s calls: status %d", user, status)
	}
	return err
}

// mistyped registers with a wrong password, and wants to be refused.
func mistyped(line *lab.Sender, user string) error {
	status, err := line.Register(user, "oops")
	if err == nil && status != 401 && status != 403 {
		err = fmt.Errorf("%s mistypes: status %d", user, status)
	}
	return err
}

func (t *town) phones(ctx context.Context, st stack) error {
	var office []*lab.Sender
	one, err := t.line(ctx, "udp", t.next(), st.port)
	if err != nil {
		return err
	}
	t.add(st.name+": registers again and again, and calls", nil, func(context.Context) error {
		if err := registered(one, "1001"); err != nil {
			return err
		}
		return called(one, "1001")
	})
	typo, err := t.line(ctx, "udp", t.next(), st.port)
	if err != nil {
		return err
	}
	t.add(st.name+": mistypes its password once",
		func(context.Context) error { return mistyped(typo, "1002") },
		func(context.Context) error { return registered(typo, "1002") })
	users := []string{"1003", "1004", "1005", "1006"}
	for range users {
		line, err := t.line(ctx, "udp", t.next(), st.port)
		if err != nil {
			return err
		}
		office = append(office, line)
	}
	t.add(st.name+": an office of four phones, two mistype once", func(context.Context) error {
		for i := range 2 {
			if err := mistyped(office[i], users[i]); err != nil {
				return err
			}
		}
		return nil
	}, func(context.Context) error {
		for i, user := range users {
			if err := registered(office[i], user); err != nil {
				return err
			}
		}
		return called(office[3], users[3])
	})
	monitor, err := t.line(ctx, "udp", t.next(), st.port)
	if err != nil {
		return err
	}
	t.add(st.name+": an unknown SBC monitors with OPTIONS", nil, func(context.Context) error {
		r := monitor.Request("OPTIONS", "monitor", "ping")
		r.Agent = "kamailio"
		response, err := monitor.Do(r)
		if err == nil && response.Status == 0 {
			err = fmt.Errorf("no answer")
		}
		return err
	})
	return nil
}

// besides are the phones of PJSIP's other transports, and those that do not
// speak SIP.
func (t *town) besides(ctx context.Context) error {
	all := stacks(t.s.version)
	port := all[len(all)-1].port
	tcp, err := t.line(ctx, "tcp", t.next(), port)
	if err != nil {
		return err
	}
	t.add("pjsip: registers over TCP", nil, func(context.Context) error { return registered(tcp, "1007") })
	addr := netip.MustParseAddr("2001:db8:1e::130")
	six, err := t.line(ctx, "udp", addr, port)
	if err != nil {
		return err
	}
	t.add("pjsip: registers over IPv6, mistypes once",
		func(context.Context) error { return mistyped(six, "1001") },
		func(context.Context) error { return registered(six, "1001") })
	t.all[len(t.all)-1].addr = addr
	iax := t.next()
	t.add("IAX2: registers and calls", nil, func(ctx context.Context) error {
		registered, err := t.s.net.IAXRegister(ctx, iax, "iaxphone", "lab-iaxphone-9Kw")
		if err == nil && !registered {
			err = fmt.Errorf("not registered")
		}
		return err
	})
	ami := t.next()
	t.add("AMI: mistypes once", func(ctx context.Context) error {
		_, err := t.s.net.AMI(ctx, ami, "admin", "oops")
		return err
	}, func(ctx context.Context) error {
		in, err := t.s.net.AMI(ctx, ami, "admin", "lab-admin-7Qd")
		if err == nil && !in {
			err = fmt.Errorf("not let in")
		}
		return err
	})
	return nil
}

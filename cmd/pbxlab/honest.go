package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/cmd/internal/lab"
)

// honest is one address that means well.
type honest struct {
	addr netip.Addr
	what string
	// begin is done once; usual over and over, while the attack is on and once
	// after it. Either fails when the PBX does not do as it should.
	begin, usual func(ctx context.Context) error

	times  int   // that usual went well
	failed error // the first failure
}

const (
	usualPace = 500 * time.Millisecond
	usuals    = 400             // at most
	phoneTime = 4 * time.Second // that a phone waits for an answer
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

// honestPeople makes all honest parties. The caller must hang up, after an error too.
func honestPeople(ctx context.Context, s *scene) (*town, error) {
	t := &town{s: s}
	var err error
	all := stacks(s.version)
	for _, st := range all {
		err = errors.Join(err,
			t.phones(ctx, t.next(), st.name+": registers again and again, and calls", "udp", st.port, 0, "1001"),
			t.phones(ctx, t.next(), st.name+": mistypes its password once", "udp", st.port, 1, "1002"),
			t.phones(ctx, t.next(), st.name+": an office of four phones, two mistype once", "udp", st.port, 2, "1003", "1004", "1005", "1006"),
			t.monitor(ctx, st))
	}
	port := all[len(all)-1].port
	err = errors.Join(err,
		t.phones(ctx, t.next(), "pjsip: a phone over TCP", "tcp", port, 0, "1007"),
		t.phones(ctx, t.next6(), "pjsip: a phone over IPv6, mistypes once", "udp", port, 1, "1001"))
	t.besides()
	return t, err
}

func (t *town) hangUp() {
	for _, line := range t.lines {
		line.Close()
	}
}

// add adds a party with the next honest address.
func (t *town) add(what string, begin, usual func(ctx context.Context) error) *honest {
	h := &honest{addr: t.next(), what: what, begin: begin, usual: usual}
	t.all = append(t.all, h)
	return h
}

func (t *town) next() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(130 + len(t.all))}) }

// next6 is the next address in IPv6.
func (t *town) next6() netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:db8:1e::%d", 130+len(t.all)))
}

// line is a phone's connection with the PBX.
func (t *town) line(ctx context.Context, network string, from netip.Addr, port uint16) (*lab.Sender, error) {
	line, err := t.s.net.NewSender(ctx, network, from, port)
	if err == nil {
		line.Patience = phoneTime
		t.lines = append(t.lines, line)
	}
	return line, err
}

// phones are users behind one address, the first few of which mistype once. The
// last one calls.
func (t *town) phones(ctx context.Context, from netip.Addr, what, network string, port uint16, typos int, users ...string) error {
	var lines []*lab.Sender
	for range users {
		line, err := t.line(ctx, network, from, port)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	t.add(what, func(context.Context) error {
		for i := range typos {
			status, err := lines[i].Register(users[i], "oops")
			if err != nil || status != 401 && status != 403 {
				return fmt.Errorf("%s mistypes: status %d, error %v", users[i], status, err)
			}
		}
		return nil
	}, func(context.Context) error {
		for i, user := range users {
			if status, err := lines[i].Register(user, password(user)); err != nil || status != 200 {
				return fmt.Errorf("%s registers: status %d, error %v", user, status, err)
			}
		}
		last := len(users) - 1
		if status, err := lines[last].Call(users[last], password(users[last]), "600"); err != nil || status != 200 {
			return fmt.Errorf("%s calls: status %d, error %v", users[last], status, err)
		}
		return nil
	}).addr = from
	return nil
}

func password(user string) string { return "lab-" + user + "-pass" }

// monitor is a provider that asks every now and then whether the PBX is there,
// and that the PBX does not know.
func (t *town) monitor(ctx context.Context, st stack) error {
	line, err := t.line(ctx, "udp", t.next(), st.port)
	if err != nil {
		return err
	}
	t.add(st.name+": an unknown SBC monitors with OPTIONS", nil, func(context.Context) error {
		r := line.Request("OPTIONS", "monitor", "ping")
		r.Agent = "kamailio"
		response, err := line.Do(r)
		if err == nil && response.Status == 0 {
			err = errors.New("no answer")
		}
		return err
	})
	return nil
}

// besides are those who do not speak SIP.
func (t *town) besides() {
	iax := t.next()
	t.add("IAX2: registers and calls", nil, func(ctx context.Context) error {
		const user, password = "iaxphone", "lab-iaxphone-9Kw"
		if taken, err := t.s.net.IAXRegister(ctx, iax, user, password); err != nil || !taken {
			return fmt.Errorf("registers: %t, error %v", taken, err)
		}
		if taken, err := t.s.net.IAXCall(ctx, iax, user, password, "600"); err != nil || !taken {
			return fmt.Errorf("calls: %t, error %v", taken, err)
		}
		return nil
	})
	ami := t.next()
	t.add("AMI: mistypes once", func(ctx context.Context) error {
		_, err := t.s.net.AMI(ctx, ami, "admin", "oops")
		return err
	}, func(ctx context.Context) error {
		if in, err := t.s.net.AMI(ctx, ami, "admin", "lab-admin-7Qd"); err != nil || !in {
			return fmt.Errorf("let in: %t, error %v", in, err)
		}
		return nil
	})
}

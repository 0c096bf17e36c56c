package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/cmd/internal/lab"
)

// attacker is one address that means harm.
type attacker struct {
	addr netip.Addr
	what string
	must bool // a daemon that does its work bans it; else either is right
	runs int  // attack is a run of a program, and that often at most; 0: it is an attempt
	// attack makes the nth attempt, and reports whether the PBX answered.
	attack func(ctx context.Context, from netip.Addr, nth int) (answered bool, err error)

	attempts int
	failed   error // of the newest attempt
	after    bool  // an attempt after the drop was answered
	finished time.Time
}

const (
	attackPace  = 200 * time.Millisecond
	attempts    = 30 // at most, of one attacker
	atOnce      = 10 // attackers
	notAnswered = 700 * time.Millisecond
)

// run attacks until the packets are dropped, or for as often as it may.
func (a *attacker) run(ctx context.Context, s *scene) {
	tick := time.NewTicker(attackPace)
	defer tick.Stop()
	gone := func() bool { _, yes := s.dropped(a.addr); return yes }
	limit := attempts
	if a.runs > 0 {
		limit = a.runs
	}
	for ctx.Err() == nil {
		for a.attempts < limit && (a.attempts == 0 || !gone()) && ctx.Err() == nil {
			_, a.failed = a.attack(ctx, a.addr, a.attempts)
			a.attempts++
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		if a.must {
			until(ctx, s.cell.patience(), gone)
		}
		if !gone() || a.runs > 0 {
			break
		}
		answered, _ := a.attack(ctx, a.addr, a.attempts)
		if a.after = answered && gone(); a.after || !answered || a.attempts >= limit {
			break
		}
		a.attempts++ // no packet was dropped: on a busy machine answers are late
	}
	a.finished = time.Now()
}

// stack is one SIP channel driver of an Asterisk.
type stack struct {
	name string
	port uint16
}

func stacks(version string) []stack {
	if version == "16" {
		return []stack{{"chan_sip", lab.Port}, {"pjsip", lab.PJSIPBesides}}
	}
	return []stack{{"pjsip", lab.Port}}
}

// cast collects the attackers, each with an address of its own.
type cast struct {
	s   *scene
	all []*attacker
}

type attack = func(ctx context.Context, from netip.Addr, nth int) (bool, error)

func (c *cast) add(must bool, what string, f attack) *attacker {
	a := &attacker{addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + len(c.all))}), what: what, must: must, attack: f}
	c.all = append(c.all, a)
	return a
}

func (c *cast) add6(must bool, what string, f attack) {
	a := c.add(must, what+", IPv6", f)
	a.addr = netip.MustParseAddr(fmt.Sprintf("2001:db8:a1:%x::66", len(c.all)))
}

// attackers is everybody who attacks this PBX.
func attackers(s *scene) []*attacker {
	c := &cast{s: s}
	for _, st := range stacks(s.version) {
		c.sip(st)
	}
	c.others()
	c.programs()
	for _, a := range c.all {
		if s.cell.wire && a.runs == 0 { // packets show everybody who sends enough
			a.must = true
		}
	}
	return c.all
}

// dial makes an attack of what is done with one new socket each time.
func (c *cast) dial(network string, port uint16, do func(s *lab.Sender, nth int) (status int, err error)) attack {
	return func(ctx context.Context, from netip.Addr, nth int) (bool, error) {
		s, err := c.s.net.NewSender(ctx, network, from, port)
		if err != nil {
			return false, err
		}
		defer s.Close()
		s.Patience = notAnswered
		status, err := do(s, nth)
		return status != 0, err
	}
}

func guess(s *lab.Sender, nth int) (int, error) { return s.Register("1001", fmt.Sprint("guess", nth)) }

func enumerate(s *lab.Sender, nth int) (int, error) {
	return s.Register(fmt.Sprint("7", 100+nth), "guess")
}

func dialAbroad(s *lab.Sender, nth int) (int, error) { return s.Call("101", "", abroad(nth)) }

// abroad dials one number with ever new prefixes.
func abroad(nth int) string {
	prefixes := []string{"900", "00", "011", "9011", "+", "000", "810", "9810", "0", "8800", "99900", "100", "1900"}
	return prefixes[nth%len(prefixes)] + "441632960999" // Ofcom keeps 01632 960xxx for fiction
}

func (c *cast) sip(st stack) {
	pjsip, guests := st.name == "pjsip", c.s.guests
	is := func(what string) string { return st.name + ": " + what }
	for _, network := range []string{"udp", "tcp"} {
		c.add(true, is("guesses the password of 1001, "+network), c.dial(network, st.port, guess))
		c.add(true, is("looks for accounts, "+network), c.dial(network, st.port, enumerate))
		// chan_sip without guests challenges, and logs nothing but that it did
		c.add(pjsip || guests, is("dials abroad at our cost, "+network), c.dial(network, st.port, dialAbroad))
	}
	c.add(true, is("dials with a guessed password"), c.dial("udp", st.port, func(s *lab.Sender, nth int) (int, error) {
		return s.Call("1001", fmt.Sprint("guess", nth), abroad(nth))
	}))
	c.add(true, is("has a password, but the wrong network"), c.dial("udp", st.port, func(s *lab.Sender, _ int) (int, error) {
		return s.Register("300", "lab-300-pass")
	}))
	c.add(pjsip, is("invents a nonce"), c.dial("udp", st.port, func(s *lab.Sender, _ int) (int, error) {
		r := s.Request("REGISTER", "1001", "1001")
		r.Authorization = `Digest username="1001", realm="asterisk", nonce="1", uri="sip:x", response="00000000000000000000000000000000", algorithm=MD5`
		response, err := s.Do(r)
		return response.Status, err
	}))
	c.add(true, is("guesses, and blinds the security log with a byte"), c.dial("udp", st.port, func(s *lab.Sender, nth int) (int, error) {
		r := s.Request("REGISTER", "1001", "1001")
		if r.CallID += "\xff"; !pjsip {
			r = s.Request("REGISTER", "1001%ff", "1001")
		}
		return s.Authenticate(r, "1001", fmt.Sprint("guess", nth))
	}))
	c.add(false, is("asks for nothing but a challenge"), c.dial("udp", st.port, func(s *lab.Sender, _ int) (int, error) {
		response, err := s.Do(s.Request("REGISTER", "1001", "1001"))
		return response.Status, err
	}))
	c.add(false, is("sends packets without From"), c.dial("udp", st.port, func(s *lab.Sender, _ int) (int, error) {
		r := s.Request("INVITE", "101", "100")
		r.Without = "From"
		response, err := s.Do(r)
		return response.Status, err
	}))
	if pjsip {
		c.add6(true, is("guesses, udp"), c.dial("udp", st.port, guess))
		c.add6(true, is("guesses, tcp"), c.dial("tcp", st.port, guess))
		c.add6(true, is("looks for accounts"), c.dial("udp", st.port, enumerate))
		c.add6(true, is("dials abroad"), c.dial("udp", st.port, dialAbroad))
	}
}

// others attack what is not SIP.
func (c *cast) others() {
	for _, a := range []struct{ what, user, secret string }{
		{"guesses the password of admin", "admin", "guess"},
		{"looks for users", "root", "guess"},
		{"has a secret, but the wrong network", "local", "lab-local-3Xe"},
	} {
		c.add(true, "AMI: "+a.what, func(ctx context.Context, from netip.Addr, _ int) (bool, error) {
			return refused(c.s.net.AMI(ctx, from, a.user, a.secret))
		})
	}
	c.add(true, "AMI over HTTP: guesses the password of admin", func(ctx context.Context, from netip.Addr, _ int) (bool, error) {
		return refused(c.s.net.AMIOverHTTP(ctx, from, "admin", "guess"))
	})
	for _, a := range []struct{ what, user string }{{"guesses the password of iaxphone", "iaxphone"}, {"looks for users", "ghost"}} {
		c.add(true, "IAX2: "+a.what, func(ctx context.Context, from netip.Addr, _ int) (bool, error) {
			return refused(c.s.net.IAXRegister(ctx, from, a.user, "guess"))
		})
		c.add(true, "IAX2: "+a.what+" and calls", func(ctx context.Context, from netip.Addr, nth int) (bool, error) {
			return refused(c.s.net.IAXCall(ctx, from, a.user, "guess", abroad(nth)))
		})
	}
	c.add(false, "IAX2: dials abroad without an account", func(ctx context.Context, from netip.Addr, nth int) (bool, error) {
		return c.s.net.IAXCall(ctx, from, "", "", abroad(nth))
	})
}

// refused makes of what the PBX did whether it answered. An attack that it took
// is none.
func refused(taken bool, err error) (answered bool, _ error) {
	if taken {
		return true, errors.New("the PBX accepted it, so it is not an attack")
	}
	return err == nil, err
}

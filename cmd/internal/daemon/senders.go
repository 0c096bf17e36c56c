package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/guard"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/beat"
	"pbxjail/parsers"
)

// senders is the judge's witness that the kernel keeps: who sent packets to Asterisk's
// ports. All methods may be called from any goroutine; Run only once.
type senders struct {
	log      *slog.Logger
	settings func() *configs.Main
	sight    *asteriskSight
	clock    func() time.Time

	turn   sync.Mutex // orders what is done to the gate; taken before mu
	paused bool       // nothing of ours is to be in the kernel; guarded by turn

	mu       sync.Mutex   // guards all below; never held while the gate works
	gate     actions.Gate // nil: not opened yet
	ports    []actions.Port
	degraded []string // what the kernel cannot remember
	problem  error    // why senders are not remembered
}

const (
	// sendersEvery is how often the kernel is looked at: what others removed is back
	// within two seconds.
	sendersEvery = time.Second
	// packetBefore is how long before its record a packet can have come: a SIP
	// transaction lives 32 seconds (RFC 3261 17.1.1.2), and a log may lag behind.
	packetBefore = 64 * time.Second
	// recently is how far from a record those who may have written it sent something.
	recently = time.Second
	// mostSenders bounds the addresses that Suspects adds.
	mostSenders = 16
)

// Services as the kernel's sets are named. SIP over WebSocket comes in over the ports of
// HTTP.
const (
	sipUDP  = "sipu"
	sipTCP  = "sipt"
	iaxUDP  = "iax"
	amiTCP  = "ami"
	httpTCP = "http"
)

// setsOf are the sets in which a sender of a service may be.
func setsOf(s parsers.Service) []string {
	switch s {
	case parsers.PJSIP, parsers.SIP:
		return []string{sipUDP, sipTCP, httpTCP}
	case parsers.IAX2:
		return []string{iaxUDP}
	case parsers.AMI:
		return []string{amiTCP}
	case parsers.HTTP:
		return []string{httpTCP}
	}
	return []string{sipUDP, sipTCP, httpTCP, iaxUDP, amiTCP}
}

// guardedPorts are the ports that the kernel is to watch: those of Asterisk's
// configuration, and those that the main file adds.
func guardedPorts(main *configs.Main, sight *asteriskSight, log *slog.Logger) (ports []actions.Port) {
	if !main.Heard.Enabled {
		return nil
	}
	add := func(service, proto string, first, last uint16) {
		ports = append(ports, actions.Port{Service: service, Proto: proto, From: first, To: last})
	}
	found, problems := sight.ports(main)
	for _, p := range problems {
		log.Debug("pbxjail does not use a line of the configuration of Asterisk", "err", p, "hint", todo(p, moreHint))
	}
	for _, p := range found {
		switch p.Service {
		case asterisk.SIP:
			add(sipUDP, "udp", p.Number, p.Number)
			add(sipTCP, "tcp", p.Number, p.Number)
		case asterisk.IAX:
			add(iaxUDP, "udp", p.Number, p.Number)
		case asterisk.AMI:
			add(amiTCP, "tcp", p.Number, p.Number)
		case asterisk.HTTP:
			add(httpTCP, "tcp", p.Number, p.Number)
		}
	}
	for _, r := range slices.Concat(main.Heard.Ports, main.PacketRules.Ports) {
		add(sipUDP, "udp", r.First, r.Last)
		add(sipTCP, "tcp", r.First, r.Last)
	}
	return ports
}

// openSenders has the kernel remember who sends packets, beside an enforcer that drops;
// when it is off, from resume on.
func openSenders(e *actions.Switch, settings func() *configs.Main, sight *asteriskSight, log *slog.Logger) *senders {
	s := &senders{log: log, settings: settings, sight: sight, clock: time.Now, paused: !e.IsOn()}
	if !s.paused {
		s.open(e)
	}
	return s
}

func (s *senders) open(e actions.Enforcer) {
	main := s.settings()
	ports := guardedPorts(main, s.sight, s.log)
	gate, degraded := actions.OpenGate(e, actions.Options{Chain: main.Chain, Hook: main.Hook}, ports, s.clock())
	for _, what := range degraded {
		warnNote(s.log, what, degradedHint)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate, s.ports, s.degraded = gate, ports, degraded
}

// pause takes what remembers senders out of the kernel.
func (s *senders) pause() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.paused = true
	gate := s.opened()
	s.mu.Lock()
	s.ports, s.degraded, s.problem = nil, nil, nil
	s.mu.Unlock()
	if gate == nil {
		return nil
	}
	return gate.Teardown()
}

// resume ends pause.
func (s *senders) resume(e actions.Enforcer) {
	s.turn.Lock()
	s.paused = false
	s.turn.Unlock()
	if s.opened() == nil {
		s.open(e)
		return
	}
	s.watch(s.clock())
}

// opened is the gate; nil: it is not opened yet.
func (s *senders) opened() actions.Gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate
}

// Close gives up the gate.
func (s *senders) Close() error {
	if gate := s.opened(); gate != nil {
		return gate.Close()
	}
	return nil
}

// clearSenders removes what a run before left that remembered senders.
func (d *Daemon) clearSenders(main *configs.Main) {
	if err := actions.ClearGate(actions.Options{Chain: main.Chain, Hook: main.Hook}); err != nil {
		d.log.Warn("pbxjail could not remove its old firewall rules for heard. These rules drop nothing", "err", err, "hint", todo(err, "nothing needs to be done. To try again: systemctl restart pbxjail"))
	}
}

// Run checks the rules in the kernel, and repairs them, until ctx ends.
func (s *senders) Run(ctx context.Context) error {
	look := time.NewTimer(beat.Until(time.Now(), sendersEvery))
	defer look.Stop()
	seen, at := s.sight.changed(s.settings()), s.clock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			now := s.clock()
			if mark := s.sight.changed(s.settings()); mark != seen || now.Sub(at) >= guard.ReadAgain {
				seen, at = mark, now
				s.watch(now)
			}
			s.check(now)
			look.Reset(beat.Until(time.Now(), sendersEvery))
		}
	}
}

// watch has the ports of the settings watched, when they are others than before.
func (s *senders) watch(now time.Time) {
	s.turn.Lock()
	defer s.turn.Unlock()
	gate := s.opened()
	if s.paused || gate == nil {
		return
	}
	ports := guardedPorts(s.settings(), s.sight, s.log)
	s.mu.Lock()
	same := slices.Equal(ports, s.ports)
	s.mu.Unlock()
	if same {
		return
	}
	degraded, err := gate.Guard(ports, now)
	s.log.Info("the ports of heard have changed: the kernel records who sends packets to these ports", "ports", len(ports))
	s.mu.Lock()
	s.ports, s.degraded = ports, degraded
	s.mu.Unlock()
	s.note(err)
}

// check looks at the kernel, and puts back what others removed.
func (s *senders) check(now time.Time) {
	s.turn.Lock()
	defer s.turn.Unlock()
	gate := s.opened()
	if s.paused || gate == nil {
		return
	}
	made, err := gate.Check(now)
	if len(made) > 0 {
		s.log.Warn("another program had removed the firewall rules of pbxjail for heard, and pbxjail made them again. These rules drop nothing", "put_back", fmt.Sprint(made))
	}
	s.note(err)
}

// heardHint is for a problem of heard without a hint of its own.
const heardHint = retryHint + ". To do without: write heard: {enabled: false} into the main file; then: systemctl restart pbxjail"

func (s *senders) note(err error) {
	s.mu.Lock()
	before := s.problem
	s.problem = err
	s.mu.Unlock()
	if err != nil && (before == nil || before.Error() != err.Error()) {
		s.log.Error("heard does not work: the kernel cannot record who sends packets, so pbxjail cannot compare log records with packets. Bans still work", "err", err, "hint", todo(err, heardHint))
	}
}

// Heard implements witness.Heard. An address in a set has sent a packet. An address that is
// not in it has sent none, but only where the set is complete: not full, older than the
// packet, and the packet not so old that it would be forgotten.
func (s *senders) Heard(a netip.Addr, service parsers.Service, at time.Time) parsers.Answer {
	now, gate := s.clock(), s.opened()
	if gate == nil {
		return parsers.CannotTell
	}
	answer := parsers.No
	for _, set := range setsOf(service) {
		switch one := judgeHearing(gate.Heard(a, set, now), at, now); one {
		case parsers.Yes:
			return parsers.Yes
		case parsers.CannotTell:
			answer = parsers.CannotTell
		}
	}
	return answer
}

// judgeHearing makes an answer of what a set says about a packet that led to a record at a
// time.
func judgeHearing(h actions.Hearing, at, now time.Time) parsers.Answer {
	first := at.Add(-packetBefore)
	switch {
	case h.Blind != "":
		return parsers.CannotTell
	case h.Heard && !h.Doubt:
		return parsers.Yes
	case h.Heard, h.Full, h.Since.After(first), now.Sub(first) >= actions.Memory:
		return parsers.CannotTell
	}
	return parsers.No
}

// Suspects implements witness.Heard.
func (s *senders) Suspects(list []netip.Addr, service parsers.Service, at time.Time) []netip.Addr {
	within := s.clock().Sub(at) + recently
	gate := s.opened()
	if within < 0 || gate == nil {
		return list
	}
	most := len(list) + mostSenders
	for _, set := range setsOf(service) {
		list = gate.Recent(list, set, within, most)
	}
	return list
}

// problems are for status.
func (s *senders) problems() (list []control.Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, what := range s.degraded {
		p := degradation(what)
		p.About = control.AboutHeard
		list = append(list, p)
	}
	if s.problem != nil {
		list = append(list, control.Problem{About: control.AboutHeard, What: "heard does not work: the kernel cannot record who sends packets, so pbxjail cannot compare log records with packets. Bans still work: " + s.problem.Error(), Hint: todo(s.problem, heardHint)})
	}
	return list
}

package control

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// jailer answers every call, with state and failures.
type jailer struct {
	mu      sync.Mutex
	bans    map[netip.Prefix]Ban
	by      []string      // who asked for changes, in order
	fail    error         // what every change fails with
	block   chan struct{} // what Status waits for, once it has said so on entered
	entered chan struct{}
}

func newJailer(banned ...string) *jailer {
	j := &jailer{bans: map[netip.Prefix]Ban{}, entered: make(chan struct{}, maxConns)}
	for _, p := range banned {
		j.bans[netip.MustParsePrefix(p)] = Ban{Prefix: netip.MustParsePrefix(p), Jail: "guessing", Since: t0, By: "log"}
	}
	return j
}

// calls are its handlers.
func (j *jailer) calls() []Handler {
	return []Handler{
		Handle(CallVersion, func(None, string) (VersionAnswer, error) { return VersionAnswer{"1.2.3"}, nil }),
		Handle(CallStatus, func(None, string) (Status, error) { return j.Status(), nil }),
		HandleEach(CallBans, func(q BansRequest, send func(*Ban) error) error {
			for _, b := range j.Bans() {
				if err := send(&b); err != nil {
					return err
				}
			}
			return nil
		}),
		Handle(CallWhy, func(q WhyRequest, _ string) (Why, error) { return j.Why(q.Addr), nil }),
		Handle(CallTop, func(q TopRequest, _ string) (Top, error) { return j.Top(q.N), nil }),
		Handle(CallFeeds, func(None, string) ([]Feed, error) { return j.Feeds(), nil }),
		Handle(CallRules, func(None, string) (Rules, error) { return j.Rules() }),
		Handle(CallAlarms, func(None, string) ([]Alarm, error) { return nil, nil }),
		Handle(CallAck, func(AckRequest, string) (AckAnswer, error) { return AckAnswer{}, nil }),
		Handle(CallAllowed, func(None, string) ([]Allowed, error) { return nil, nil }),
		Handle(CallProtected, func(ProtectedRequest, string) ([]Protected, error) { return nil, nil }),
		Handle(CallAllow, func(AllowRequest, string) (AllowAnswer, error) { return AllowAnswer{}, nil }),
		Handle(CallDisallow, func(DisallowRequest, string) (DisallowAnswer, error) { return DisallowAnswer{}, nil }),
		Handle(CallBan, j.Ban),
		Handle(CallUnban, j.Unban),
		Handle(CallReload, func(_ None, by string) (Reloaded, error) {
			return Reloaded{}, j.Reload(by)
		}),
	}
}

func (j *jailer) change(by string) error {
	j.by = append(j.by, by)
	return j.fail
}

func (j *jailer) Status() Status {
	if j.block != nil {
		j.entered <- struct{}{}
		<-j.block
	}
	return Status{Version: "1.2.3", Since: t0, Jails: []Jail{{Name: "sipsec"}}}
}

func (j *jailer) Bans() (out []Ban) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range j.bans {
		out = append(out, b)
	}
	return out
}

func (j *jailer) Ban(req BanRequest, by string) (Ban, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.change(by); err != nil {
		return Ban{}, err
	}
	b := Ban{Prefix: req.Prefix, Jail: req.Jail, Since: t0, By: by, Strike: 1}
	if n := req.ForSeconds; n != nil && *n > 0 {
		b.LeftSeconds = *n
		b.Until = Moment(t0.Add(time.Duration(*n) * time.Second))
	}
	j.bans[req.Prefix] = b
	return b, nil
}

func (j *jailer) Unban(q UnbanRequest, by string) (UnbanAnswer, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.bans)
	if q.All {
		clear(j.bans)
	} else {
		delete(j.bans, q.Prefix)
	}
	return UnbanAnswer{Lifted: n - len(j.bans)}, j.change(by)
}

func (j *jailer) Why(addr netip.Addr) Why {
	j.mu.Lock()
	defer j.mu.Unlock()
	why := Why{Addr: addr, Jails: []WhyJail{{Name: "sipsec"}}}
	for p, b := range j.bans {
		if p.Contains(addr) {
			why.Banned = &b
		}
	}
	return why
}

// Top has a row for each that was asked for.
func (j *jailer) Top(n int) Top {
	return Top{At: t0, Addresses: make([]TopRow, n)}
}
func (j *jailer) Feeds() []Feed { return []Feed{{Name: "sip", Fetched: Moment(t0)}} }

func (j *jailer) Reload(by string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.change(by)
}

func (j *jailer) Rules() (Rules, error) {
	return Rules{Enabled: true, Chain: "pbxjail-sip", Rules: []Rule{{Family: 4, About: "agent sipcli", Proto: "udp", Ports: "5060", Drop: true, Packets: 3, Bytes: 900}}}, j.fail
}

// hintError is another package's error with a hint.
type hintError struct{ error }

func (hintError) Hint() string { return "free some space" }

var errDisk = hintError{errors.New("disk full")}

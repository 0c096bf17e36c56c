package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fake answers as a daemon: bans, an address that is protected, a jail.
type fake struct {
	mu      sync.Mutex
	bans    map[netip.Prefix]control.Ban
	status  control.Status
	why     control.Why
	top     control.Top
	feeds   []control.Feed
	broken  bool // reload fails
	version string
	refusal error    // what ban and reload fail with
	waits   []string // keys that wait for a restart after a reload
}

const trunk = "198.51.100.1"

func newFake() *fake {
	f := &fake{version: "1.2.3", bans: map[netip.Prefix]control.Ban{}}
	f.status = control.Status{Version: "1.2.3", Pid: 812, Since: time.Now().Add(-time.Hour), Enforcer: "observe"}
	return f
}

func (f *fake) calls() []control.Handler {
	return []control.Handler{
		control.Handle(control.CallVersion, func(control.None, string) (control.VersionAnswer, error) {
			return control.VersionAnswer{Version: f.version}, nil
		}),
		control.Handle(control.CallStatus, func(control.None, string) (control.Status, error) { return f.status, nil }),
		control.HandleEach(control.CallBans, f.eachBan),
		control.Handle(control.CallWhy, func(q control.WhyRequest, _ string) (control.Why, error) { return f.Why(q.Addr), nil }),
		control.Handle(control.CallTop, func(q control.TopRequest, _ string) (control.Top, error) { return f.Top(q.N), nil }),
		control.Handle(control.CallFeeds, func(control.None, string) ([]control.Feed, error) { return f.feeds, nil }),
		control.Handle(control.CallRules, func(control.None, string) (control.Rules, error) { return f.Rules() }),
		control.Handle(control.CallAlarms, func(control.None, string) ([]control.Alarm, error) { return f.status.Alarms, nil }),
		control.Handle(control.CallAuditLog, func(control.AuditRequest, string) ([]control.AuditEntry, error) {
			return []control.AuditEntry{
				{At: t0.Add(time.Hour), Verb: "reload", User: "signal"},
				{At: t0, Verb: "ban", What: "203.0.113.9/32", UID: new(0), User: "root", Login: "alice", PID: 5, SSH: netip.MustParseAddr("198.51.100.7"), SSHFrom: "caller"},
				{At: t0.Add(-time.Hour), Verb: "ban", What: "0.0.0.0/0", UID: new(1000), User: "bob", SSH: netip.MustParseAddr("198.51.100.8"), SSHFrom: "session", Refused: "it contains every address"},
			}, nil
		}),
		control.Handle(control.CallAck, f.Ack),
		control.Handle(control.CallAllow, func(q control.AllowRequest, by string) (control.AllowAnswer, error) {
			return control.AllowAnswer{Allowed: control.Allowed{What: q.Prefix.String(), Note: q.Note, By: by}}, nil
		}),
		control.Handle(control.CallBan, f.Ban),
		control.Handle(control.CallUnban, f.Unban),
		control.Handle(control.CallReload, f.Reload),
	}
}

// Ack ends what is asked for.
func (f *fake) Ack(q control.AckRequest, _ string) (a control.AckAnswer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var left []control.Alarm
	for _, alarm := range f.status.Alarms {
		if q == (control.AckRequest{}) || alarm.Account == q.Account || alarm.Addr == q.Addr {
			a.Acked = append(a.Acked, alarm)
		} else {
			left = append(left, alarm)
		}
	}
	f.status.Alarms = left
	return a, nil
}

// eachBan filters as the daemon does, and knows no order but that of since.
func (f *fake) eachBan(q control.BansRequest, send func(*control.Ban) error) error {
	list := f.Bans()
	slices.SortFunc(list, func(x, y control.Ban) int {
		return cmp.Or(x.Since.Compare(y.Since), x.Prefix.Compare(y.Prefix))
	})
	for _, b := range list {
		if !q.Fits(&b, time.Now()) {
			continue
		}
		if err := send(&b); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Bans() (out []control.Ban) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.bans {
		out = append(out, b)
	}
	return out
}

func (f *fake) Ban(req control.BanRequest, by string) (control.Ban, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return control.Ban{}, f.refusal
	}
	if req.Prefix.Contains(netip.MustParseAddr(trunk)) && !req.Force {
		return control.Ban{}, control.Refuse(409, "--force bans it all the same", "%s is protected: it is in ignoreip", req.Prefix)
	}
	if req.Jail != "" && req.Jail != "guessing" {
		return control.Ban{}, control.Refuse(404, "jailctl status shows the names of all jails", "no jail %s", req.Jail)
	}
	b := control.Ban{Ports: cmp.Or(req.Ports, "all"), Prefix: req.Prefix, Jail: "manual", Since: time.Now(), Strike: 1, By: by, Reason: "banned by " + by,
		LeftSeconds: 3600, Pending: req.Force}
	if req.Jail != "" {
		b.Jail = req.Jail
	}
	if req.ForSeconds != nil {
		b.LeftSeconds = *req.ForSeconds
	}
	if b.LeftSeconds > 0 {
		b.Until = control.Moment(b.Since.Add(time.Duration(b.LeftSeconds) * time.Second))
	}
	f.bans[b.Prefix] = b
	return b, nil
}

func (f *fake) Unban(q control.UnbanRequest, _ string) (control.UnbanAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.bans)
	if q.All {
		clear(f.bans)
	} else {
		delete(f.bans, q.Prefix)
	}
	a := control.UnbanAnswer{Lifted: n - len(f.bans)}
	if a.Lifted > 0 && !q.All {
		a.Prefixes = []netip.Prefix{q.Prefix}
	}
	for p := range f.bans {
		if p.Bits() < q.Prefix.Bits() && p.Contains(q.Prefix.Addr()) {
			a.Covered = append(a.Covered, control.Cover{What: p.String(), Why: "it is inside the ban of " + p.String()})
		}
	}
	if len(f.why.DroppedBy) > 0 && q.Prefix.IsSingleIP() && f.why.Addr == q.Prefix.Addr() {
		a.Covered = append(a.Covered, control.Cover{What: f.why.DroppedBy[0], Why: "the feed " + f.why.DroppedBy[0] + " drops it"})
	}
	return a, nil
}

func (f *fake) Why(addr netip.Addr) control.Why {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.why
	w.Addr = addr
	for p, b := range f.bans {
		if p.Contains(addr) {
			w.Banned = &b
		}
	}
	if addr.String() == trunk {
		w.Protected = "it is in ignoreip"
	}
	return w
}

func (f *fake) Reload(control.None, string) (r control.Reloaded, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return r, f.refusal
	}
	if f.broken {
		return r, control.Refuse(409, "correct line 3; the old file goes on", "guessing.yaml: unknown key maxrety")
	}
	r.Waiting = f.waits
	return r, nil
}

// Top cuts as the daemon does.
func (f *fake) Top(n int) control.Top {
	t := f.top
	t.At = time.Now()
	for _, rows := range []*[]control.TopRow{&t.Jails, &t.Countries, &t.Accounts, &t.Addresses} {
		*rows = (*rows)[:min(n, len(*rows))]
	}
	return t
}

// serve runs a daemon's API and returns its socket and what stops it.
func serve(calls []control.Handler) (path string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "ctl") // short: a socket's path has 107 bytes
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "s")
	s := control.New(control.Options{Path: path, Handlers: calls})
	if _, err := s.Listen(); err != nil {
		return "", nil, fmt.Errorf("%w (%s)", err, hint.Of(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return path, func() { cancel(); <-ended; os.RemoveAll(dir) }, nil
}

func serveTest(t *testing.T, f *fake) (path string) { return serveCalls(t, f.calls()...) }

// serveCalls is serveTest for a verb that brings its own answer.
func serveCalls(t *testing.T, calls ...control.Handler) (path string) {
	t.Helper()
	path, stop, err := serve(calls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return path
}

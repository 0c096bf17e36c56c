package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/parsers/sensor"
	"pbxjail/watcher/wire"
)

// ownLog is a log that a test can read while it is written.
type ownLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *ownLog) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *ownLog) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// site is a folder with all that a daemon needs that drops nothing.
type site struct {
	*testing.T
	dir     string
	journal *ownLog

	mu     sync.Mutex
	states []string // by sd_notify; guarded by mu
}

// phones is the jail of the tests.
const phones = "logs: [%s/security]\nmatch: [{event: bad-password}]\nmaxretry: 3\n"

func newSite(t *testing.T, more ...string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "daemon") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &site{T: t, dir: dir, journal: &ownLog{}}
	for _, sub := range []string{"jails", "asterisk", "logs"} {
		if err := os.Mkdir(s.path(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"guessing", "manager", "scanning", "silent", "sipsec", "toll-fraud"} {
		s.write("jails/"+name+".yaml", "enabled: false\n")
	}
	s.write("jails/phones.yaml", fmt.Sprintf(phones, s.path("logs")))
	s.write("logs/security", "")
	s.configure(more...)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) { s.Helper(); writeFile(s.T, s.path(name), text) }

// configure writes the main file.
func (s *site) configure(more ...string) {
	s.Helper()
	s.write("pbxjail.yaml", fmt.Sprintf("jails: %s\nasterisk: %s\ndatabase: %s\nsocket: %s\nuseragents: %s\nenforcer: observe\nlog_level: debug\nwire: {enabled: false}\n%s\n",
		s.path("jails"), s.path("asterisk"), s.path("state/pbxjail.db"), s.path("sock"), s.path("agents"), strings.Join(more, "\n")))
}

// append adds lines to the log.
func (s *site) append(lines string) {
	s.Helper()
	f, err := os.OpenFile(s.path("logs/security"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(lines); err != nil {
		s.Fatal(err)
	}
}

// failures are records of a wrong password from an address.
func failures(addr string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[%s] NOTICE[4711] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%d@192.0.2.10>' failed for '%s:5060' (callid: %d) - Failed to authenticate\n",
			time.Now().Format("2006-01-02 15:04:05"), 100+i, addr, i)
	}
	return b.String()
}

// open makes a daemon that is closed with the test.
func (s *site) open() *Daemon {
	s.Helper()
	level := new(slog.LevelVar)
	d, err := New(Options{
		Config: s.path("pbxjail.yaml"), Level: level, Log: slog.New(slog.NewTextHandler(s.journal, &slog.HandlerOptions{Level: level})),
		Notify: func(state string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.states = append(s.states, state)
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	return d
}

// run runs a daemon until the function it returns is called, which returns what Run did.
func (s *site) run(d *Daemon, reload <-chan struct{}) (stop func() error) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, reload) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		if closed := d.Close(); closed != nil {
			s.Errorf("close: %v", closed)
		}
		return err
	})
	s.Cleanup(func() { stop() })
	s.eventually("an answer", func() bool { _, err := s.client().Version(s.Context()); return err == nil })
	return stop
}

// signals are what the service manager got so far.
func (s *site) signals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

func (s *site) client() *control.Client { return control.NewClient(s.path("sock")) }

// eventually waits until it is so.
func (s *site) eventually(what string, so func() bool) {
	s.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			s.Fatalf("never came: %s\n%s", what, s.journal)
		}
	}
}

// banned waits for a ban.
func (s *site) banned(addr string) (found control.Ban) {
	s.Helper()
	s.eventually("ban of "+addr, func() bool {
		list, err := s.client().Bans(s.Context())
		i := slices.IndexFunc(list, func(b control.Ban) bool { return b.Prefix.Addr().String() == addr })
		if err != nil || i < 0 {
			return false
		}
		found = list[i]
		return true
	})
	return found
}

// TestOrder is the order of start and stop. What is stopped together ends in any order.
func TestOrder(t *testing.T) {
	s := newSite(t)
	if err := s.run(s.open(), nil)(); err != nil {
		t.Fatal(err)
	}
	var starts, stops []string
	for _, m := range regexp.MustCompile(`msg="part (started|stopped)" part=(\S+)`).FindAllStringSubmatch(s.journal.String(), -1) {
		if m[1] == "started" {
			starts = append(starts, m[2])
		} else {
			stops = append(stops, m[2])
		}
	}
	if want := []string{"notifiers", "messages", "warden", "names", "addresses", "folders", "homes", "feeds", "geoip", "watcher", "journals", "calls", "housekeeping", "history", "restore", "watchdog", "control", "troubles", "metrics", "unsent", "positions"}; !slices.Equal(starts, want) {
		t.Errorf("got starts %v,\nwant %v", starts, want)
	}
	if want := []string{"watcher", "journals", "restore", "homes", "calls", "housekeeping", "history", "names", "addresses", "folders", "feeds", "geoip", "messages", "troubles", "metrics", "warden", "control", "watchdog", "notifiers", "positions", "unsent"}; !slices.Equal(stops, want) {
		t.Errorf("got stops %v,\nwant %v", stops, want)
	}
	if want := []string{"READY=1", "STOPPING=1"}; !slices.Equal(s.signals(), want) {
		t.Errorf("the service manager got %v, want %v", s.signals(), want)
	}
}

// TestWireStopsFirst: while it runs, events may come.
func TestWireStopsFirst(t *testing.T) {
	s := newSite(t)
	d := s.open()
	d.wire = newWireSource(configs.Wire{Enabled: true}, sensor.DefaultPorts(), d.log, wire.LiveOptions{})
	c := &cable{packets: make(chan *wire.Packet)}
	c.works(nil, time.Now())
	d.wire.live, d.wire.hear = c, d.reading.hear
	stop := s.run(d, nil)
	for n := range 8 {
		c.packets <- asks(time.Now(), n)
		c.packets <- answers(time.Now(), n, "403 Forbidden")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`msg="part stopped" part=(\S+)`).FindStringSubmatch(s.journal.String())
	if len(first) == 0 || first[1] != "wire" {
		t.Errorf("got %v, want that the wire stops first", first)
	}
}

// TestStopLosesNoBan: what was judged is in the ledger before the position behind it.
// Lines go on coming in while the daemon stops.
func TestStopLosesNoBan(t *testing.T) {
	s := newSite(t)
	const attackers = 40
	for round := range 6 {
		d := s.open()
		stop := s.run(d, nil)
		s.append(failures("203.0.113.1", 3)) // who is read is read to its end
		for i := range attackers {
			s.append(failures(fmt.Sprintf("198.51.%d.%d", round, i+1), 3))
		}
		s.banned("203.0.113.1")
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	s.run(s.open(), nil) // the rest is read now
	for round := range 6 {
		for i := range attackers {
			s.banned(fmt.Sprintf("198.51.%d.%d", round, i+1))
		}
	}
	list, err := s.client().Bans(t.Context())
	if err != nil || len(list) != 6*attackers+1 {
		t.Errorf("got %d bans, %v, want %d", len(list), err, 6*attackers+1)
	}
}

// TestWatchdogHearsOfUs twice as often as it asks.
func TestWatchdogHearsOfUs(t *testing.T) {
	s := newSite(t)
	d := s.open()
	d.opts.Watchdog = 20 * time.Millisecond
	s.run(d, nil)
	s.eventually("the watchdog", func() bool { return slices.Contains(s.signals(), "WATCHDOG=1") })
}

package messages

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs"
)

// receiver is a sender that keeps what it was sent, and fails as a test says.
type receiver struct {
	mu   sync.Mutex
	got  []Message
	err  error
	hang bool
}

func (r *receiver) send(ctx context.Context, m *Message) error {
	r.mu.Lock()
	hang, err := r.hang, r.err
	r.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, *m)
	return nil
}

func (r *receiver) set(err error, hang bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.hang = err, hang
}

func (r *receiver) messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// all is a channel that takes everything.
func all(name string) configs.Channel {
	return configs.Channel{Name: name, Type: "webhook", Enabled: true, Least: "info", Digest: 5 * time.Minute, Limit: 30}
}

// post makes a Post with fake receivers, by the name of the channel.
func post(t *testing.T, file string, list ...configs.Channel) (*Post, map[string]*receiver) {
	t.Helper()
	p, to := New(Options{File: file}), map[string]*receiver{}
	p.senders = func(c configs.Channel) sender {
		if to[c.Name] == nil {
			to[c.Name] = &receiver{}
		}
		return to[c.Name]
	}
	p.Set(configs.Notify{Host: "pbx1", ManyBans: 50, Channels: list})
	return p, to
}

// start runs a Post until the function it returns is called.
func start(p *Post) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx) }()
	return func() { cancel(); <-ended }
}

func guessed(n int) Event {
	return Event{Kind: Guessed, What: fmt.Sprintf("account %d logged in after 9 failures", n), Hint: "jailctl ack", Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}), 32)}
}

func ban(n int) Event {
	return Event{Kind: Ban, What: "5 wrong passwords", Jail: "phones", Country: "DE", Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)}), 32)}
}

// TestFloodIsOneMessage: 10,000 bans in a minute are one message a channel, with all of
// them counted; a guessed password in the middle does not wait for it.
func TestFloodIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		warnings := all("warnings")
		warnings.Least = "warning"
		p, to := post(t, "", all("all"), warnings)
		defer start(p)()
		begin := time.Now()
		for i := range 10_000 {
			p.Hear(ban(i))
			time.Sleep(6 * time.Millisecond)
			if i == 5000 {
				p.Hear(guessed(1))
			}
		}
		time.Sleep(time.Hour)
		for name, r := range to {
			list := r.messages()
			if len(list) != 2 {
				t.Fatalf("%s: got %d messages, want the alarm and one digest", name, len(list))
			}
			if m := list[0]; m.Kind != Guessed || m.Severity != Critical || m.Bans != nil || m.At.Sub(begin) > 31*time.Second {
				t.Errorf("%s: got %+v after %s, want the alarm at once", name, m, m.At.Sub(begin))
			}
			m := list[1]
			if m.Bans == nil || m.Bans.Total != 10_000 || !m.Bans.Flood || m.Kind != ManyBans || m.Severity != Warning || len(m.Bans.Examples) != maxExamples {
				t.Errorf("%s: got %+v, want 10,000 bans counted", name, m.Bans)
			}
			if !strings.Contains(m.Title, "10000 bans") || !strings.Contains(m.Text, "phones ") {
				t.Errorf("%s: got title %q and text\n%s", name, m.Title, m.Text)
			}
			if len(m.Text) > 4000 {
				t.Errorf("%s: got a text of %d bytes", name, len(m.Text))
			}
		}
	})
}

// TestNothingThatMattersIsLost: a receiver that is down, hangs or refuses for hours gets all
// alarms in the end, whatever bans came meanwhile, and is not asked too often.
func TestNothingThatMattersIsLost(t *testing.T) {
	for name, fail := range map[string]func(r *receiver){
		"down":    func(r *receiver) { r.set(errors.New("connection refused"), false) },
		"hangs":   func(r *receiver) { r.set(nil, true) },
		"refuses": func(r *receiver) { r.set(refusal{errors.New("550 spam")}, false) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, to := post(t, "", all("bad"), all("good"))
				defer start(p)()
				bad, good := to["bad"], to["good"]
				fail(bad)
				for i := range 20 {
					p.Hear(guessed(i))
					for n := range 2000 {
						p.Hear(ban(n))
					}
					time.Sleep(24 * time.Minute)
				}
				s := p.Status()[0]
				if s.Fails < 30 || s.Fails > 60 || s.Err == nil || s.Waiting < 40_020 || s.Bytes > 2*maxBytes {
					t.Errorf("got %d failures in 8 hours, %v, %d events and %d bytes waiting", s.Fails, s.Err, s.Waiting, s.Bytes)
				}
				bad.set(nil, false)
				time.Sleep(time.Hour)
				alarms, bans := 0, 0
				for _, m := range bad.messages() {
					for _, i := range m.Items {
						if i.Kind == Guessed {
							alarms += i.Times
						}
					}
					if m.Bans != nil {
						bans += m.Bans.Total
					}
				}
				if alarms != 20 || bans != 40_000 || len(bad.messages()) > 3 {
					t.Errorf("got %d alarms and %d bans in %d messages, want all in few", alarms, bans, len(bad.messages()))
				}
				if n := len(good.messages()); n != 40 {
					t.Errorf("the other channel got %d messages, want 40: it waited", n)
				}
			})
		})
	}
}

// TestFullLanes: what matters has room of its own, what has none is counted, and the next
// message says so.
func TestFullLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, to := post(t, "", all("bad"))
		defer start(p)()
		to["bad"].set(errors.New("down"), false)
		const more = 30
		for i := range maxItems + more {
			e := guessed(1)
			e.What = fmt.Sprint("alarm ", i)
			p.Hear(e)
			f := e
			f.Kind = Forged
			p.Hear(f)
		}
		for i := range 5000 {
			p.Hear(ban(i))
		}
		time.Sleep(time.Minute)
		if s := p.Status()[0]; s.Dropped != 2*more {
			t.Errorf("got %d dropped, want %d", s.Dropped, 2*more)
		}
		to["bad"].set(nil, false)
		time.Sleep(time.Hour)
		list := to["bad"].messages()
		if len(list) != 2 || len(list[0].Items) != maxItems || list[0].Dropped[Guessed] != more || list[1].Dropped[Forged] != more || list[1].Bans.Total != 5000 {
			t.Fatalf("got %d messages: %+v", len(list), list)
		}
		if !strings.Contains(list[0].Text, "too many: guessed 30") {
			t.Errorf("the message does not say what is missing:\n%s", list[0].Text)
		}
	})
}

// TestRestartKeepsWhatWaits, in the file, and the file goes when nothing waits.
func TestRestartKeepsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "messages.json")
		p, to := post(t, file, all("bad"))
		stop := start(p)
		to["bad"].set(nil, true)
		p.Hear(guessed(7))
		p.Hear(ban(1))
		time.Sleep(10 * time.Second) // an attempt is under way
		stop()
		p.Hear(guessed(8)) // the last decisions come when the receivers are stopped
		if err := p.Save(); err != nil {
			t.Fatal(err)
		}
		again, to := post(t, file, all("bad"))
		defer start(again)()
		time.Sleep(10 * time.Minute)
		list := to["bad"].messages()
		if len(list) != 2 || len(list[0].Items) != 2 || list[1].Bans == nil || list[1].Bans.Total != 1 {
			t.Fatalf("got %+v", list)
		}
		if err := again.Save(); err != nil {
			t.Fatal(err)
		}
		if kept, err := readKept(file); len(kept) > 0 || err != nil {
			t.Errorf("got %v, %v, want no file", kept, err)
		}
	})
}

// TestLimit: no more messages go in an hour than the limit, and all events arrive.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := all("few")
		c.Limit = 6
		p, to := post(t, "", c)
		defer start(p)()
		for i := range 600 {
			p.Hear(Event{Kind: Guessed, What: fmt.Sprint("alarm ", i%90)})
			time.Sleep(6 * time.Second)
		}
		if n := len(to["few"].messages()); n > 5+6 {
			t.Errorf("got %d messages in an hour, want the limit", n)
		}
		time.Sleep(time.Hour)
		got := 0
		for _, m := range to["few"].messages() {
			for _, i := range m.Items {
				got += i.Times
			}
		}
		if got != 600 {
			t.Errorf("got %d alarms, want all 600", got)
		}
	})
}

// TestRefusedTextIsLeftOut: a receiver that takes a message for spam gets it without the
// text of others.
func TestRefusedTextIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := post(t, "", all("filter"))
		var got []string
		p.senders = func(configs.Channel) sender {
			return sendFunc(func(_ context.Context, m *Message) error {
				if strings.Contains(m.Text+m.Title, "cheap pills") {
					return refusal{errors.New("550 this is spam")}
				}
				got = append(got, m.Text)
				return nil
			})
		}
		p.Set(configs.Notify{Host: "pbx1", ManyBans: 50, Channels: []configs.Channel{all("filter")}})
		stop := start(p)
		p.Hear(Event{Kind: Guessed, What: "account cheap pills logged in", Prefix: netip.MustParsePrefix("198.51.100.7/32")})
		time.Sleep(time.Hour)
		stop()
		if len(got) != 1 || !strings.Contains(got[0], "198.51.100.7") {
			t.Errorf("got %q, want the alarm without the text", got)
		}
	})
}

type sendFunc func(ctx context.Context, m *Message) error

func (f sendFunc) send(ctx context.Context, m *Message) error { return f(ctx, m) }

// TestKinds: a channel gets the kinds and severities that it takes.
func TestKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only, critical, off := all("only"), all("critical"), all("off")
		only.Kinds = []string{"feed"}
		critical.Least = "critical"
		off.Enabled = false
		p, to := post(t, "", only, critical, off)
		defer start(p)()
		for kind := range titles {
			if kind != Test {
				p.Hear(Event{Kind: kind, What: string(kind)})
			}
		}
		p.Hear(Event{Kind: Enforcement, What: "mild", Mild: true})
		time.Sleep(time.Hour)
		got := func(name string) (kinds []string) {
			for _, m := range to[name].messages() {
				for _, i := range m.Items {
					kinds = append(kinds, string(i.Kind))
				}
			}
			return kinds
		}
		if k := got("only"); len(k) != 1 || k[0] != "feed" {
			t.Errorf("got %v, want feed", k)
		}
		if k := got("critical"); len(k) != 4 {
			t.Errorf("got %v, want guessed, stolen, enforcement and blind", k)
		}
		if to["off"] != nil {
			t.Error("a channel that is off has a sender")
		}
	})
}

// TestWatch: a trouble is reported when it begins and when it is over, and not again and
// again while it comes and goes.
func TestWatch(t *testing.T) {
	var w Watch
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	bad := []Trouble{{Key: "enforcer", Kind: Enforcement, What: "3 bans are missing"}}
	begins, ends := 0, 0
	for i := range 1800 { // an hour; it comes and goes each 10 s
		list := bad
		if i/5%2 == 1 {
			list = nil
		}
		for _, e := range w.See(list, now) {
			if e.Over {
				ends++
			} else {
				begins++
			}
		}
		now = now.Add(2 * time.Second)
	}
	if begins != 1 || ends != 0 {
		t.Errorf("got %d begins and %d ends, want one begin", begins, ends)
	}
	for range 40 {
		for _, e := range w.See(nil, now) {
			if e.Over {
				ends++
			}
		}
		now = now.Add(2 * time.Second)
	}
	if ends != 1 {
		t.Errorf("got %d ends, want one", ends)
	}
	if got := w.See(bad, now.Add(2*time.Hour)); len(got) != 1 {
		t.Errorf("got %v, want it reported again after hours", got)
	}
}

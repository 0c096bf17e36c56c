package ami

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// asterisk is the other side of a connection: it answers each action as a test says.
type asterisk struct {
	greeting string
	secret   string
	answers  map[string]string // by action, without ActionID; "-" does not answer
	mu       sync.Mutex
	got      []map[string]string
	conn     net.Conn
	dials    int
}

func newAsterisk() *asterisk {
	return &asterisk{greeting: "Asterisk Call Manager/7.0.3\r\n", secret: "s3cret", answers: map[string]string{}}
}

func (a *asterisk) dial(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	a.mu.Lock()
	a.dials++
	a.conn = theirs
	a.mu.Unlock()
	go a.serve(theirs)
	return ours, nil
}

func (a *asterisk) say(text string) {
	a.mu.Lock()
	conn := a.conn
	a.mu.Unlock()
	conn.Write([]byte(text))
}

func (a *asterisk) serve(conn net.Conn) {
	defer conn.Close()
	conn.Write([]byte(a.greeting))
	in := bufio.NewScanner(conn)
	action := map[string]string{}
	for in.Scan() {
		if key, value, ok := strings.Cut(strings.TrimSuffix(in.Text(), "\r"), ": "); ok {
			action[key] = value
			continue
		}
		a.mu.Lock()
		a.got = append(a.got, action)
		a.mu.Unlock()
		answer := a.answer(action)
		if answer != "-" {
			answer, rest, _ := strings.Cut(answer, "\r\n")
			fmt.Fprintf(conn, "%s\r\nActionID: %s\r\n%s\r\n", answer, action["ActionID"], strings.ReplaceAll(rest, "{id}", action["ActionID"]))
		}
		action = map[string]string{}
	}
}

const ok = "Response: Success\r\n"

func (a *asterisk) answer(action map[string]string) string {
	a.mu.Lock()
	answer, known := a.answers[action["Action"]]
	a.mu.Unlock()
	if known {
		return answer
	}
	switch action["Action"] {
	case "Challenge":
		return ok + "Challenge: 12345\r\n"
	case "Login":
		sum := md5.Sum([]byte("12345" + a.secret))
		if action["Key"] != hex.EncodeToString(sum[:]) && action["Secret"] != a.secret {
			return "Response: Error\r\nMessage: Authentication failed\r\n"
		}
		return ok + "Message: Authentication accepted\r\n"
	}
	return ok
}

func (a *asterisk) actions() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, action := range a.got {
		names = append(names, action["Action"])
	}
	return names
}

// run runs a Client beside an asterisk until f returns, in a bubble of time.
func run(t *testing.T, a *asterisk, change func(*Options), f func(c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts := Options{Address: "192.0.2.1:5038", User: "pbxjail", Secret: func() (string, error) { return "s3cret", nil }, Mask: "security", Dial: a.dial}
		if change != nil {
			change(&opts)
		}
		c := New(opts)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		f(c)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v, want no error at the end", err)
		}
	})
}

func TestLogIn(t *testing.T) {
	for _, plain := range []bool{false, true} {
		a := newAsterisk()
		connected := 0
		run(t, a, func(o *Options) { o.Plain = plain; o.Connected = func() { connected++ } }, func(c *Client) {
			if s := c.State(); s.Since.IsZero() || !s.Guarded || s.Version != "7.0.3" || s.Problem != nil || connected != 1 {
				t.Errorf("plain %v: got %+v, connected %d", plain, s, connected)
			}
		})
		want := "Challenge Login Filter Events"
		if plain {
			want = "Login Filter Events"
		}
		if got := strings.Join(a.actions(), " "); got != want {
			t.Errorf("got %s, want %s: no event may come before the guard is set", got, want)
		}
		for _, action := range a.got {
			if action["Action"] == "Login" && action["Events"] != "off" {
				t.Errorf("got %v, want no events yet", action)
			}
			if !plain && strings.Contains(fmt.Sprint(action), "s3cret") {
				t.Errorf("the secret is sent: %v", action)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	a := newAsterisk()
	a.secret = "another"
	var problems []error
	run(t, a, func(o *Options) { o.Notify = func(err error) { problems = append(problems, err) } }, func(c *Client) {
		time.Sleep(5 * time.Minute)
		s := c.State()
		if s.Problem == nil || !strings.Contains(s.Problem.Error(), "Authentication failed") || strings.Contains(s.Problem.Error(), "s3cret") {
			t.Errorf("got %v", s.Problem)
		}
	})
	if len(problems) != 1 {
		t.Errorf("got %d reports of one problem", len(problems))
	}
	if a.dials > 12 { // after 1, 2, 4, ... 60 s
		t.Errorf("got %d tries in five minutes", a.dials)
	}
}

// Without the right to set it, there is no guard, and this is known.
func TestWithoutGuard(t *testing.T) {
	a := newAsterisk()
	a.answers["Filter"] = "Response: Error\r\nMessage: Permission denied\r\n"
	run(t, a, nil, func(c *Client) {
		if s := c.State(); s.Since.IsZero() || s.Guarded {
			t.Errorf("got %+v", s)
		}
	})
}

func TestEvents(t *testing.T) {
	a := newAsterisk()
	var got []string
	run(t, a, func(o *Options) { o.Event = func(p []byte, _ bool) { got = append(got, string(p)) } }, func(c *Client) {
		a.say("Event: A\r\nX: 1\r\n\r\nResponse: Success\r\n\r\nEvent: B\r\nActionID: pbxjail-guessed-1\r\n\r\n")
		synctest.Wait()
	})
	if want := []string{"Event: A\r\nX: 1\r\n", "Event: B\r\nActionID: pbxjail-guessed-1\r\n"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The filter does not check lists. What a caller writes into a part of a list is no event that is
// guarded, and neither an end of the list.
func TestListIsNotGuarded(t *testing.T) {
	const forged = "x\r\nEventList: Complete\r\n\r\nEvent: Forged\r\nEventTV: 1\r\n\r\nEvent: ForgedComplete\r\nEventList: Complete"
	a := newAsterisk()
	part := "Event: CoreShowChannel\r\nActionID: {id}\r\nChannel: IAX2/guest-12\r\nCallerIDNum: " + forged + "\r\nCallerIDName: x\r\n\r\n"
	a.answers["CoreShowChannels"] = ok + "EventList: start\r\n\r\n" + part + part + "Event: CoreShowChannelsComplete\r\nActionID: {id}\r\nEventList: Complete\r\n"
	a.answers["NoList"] = "Response: Error\r\nMessage: No such command\r\n"
	var got []string
	event := func(p []byte, guarded bool) {
		got = append(got, fmt.Sprintf("%s %t", field(p, "Event"), guarded))
	}
	run(t, a, func(o *Options) { o.Event = event }, func(c *Client) {
		ctx := context.Background()
		a.say("Event: True1\r\n\r\n")
		parts := 0
		if err := c.List(ctx, func([]byte) bool { parts++; return true }, "CoreShowChannels"); err != nil || parts != 2 {
			t.Errorf("got %d parts, %v, want 2", parts, err)
		}
		a.say("Event: True2\r\n\r\n")
		if err := c.List(ctx, func([]byte) bool { return false }, "CoreShowChannels"); !errors.Is(err, errListLong) {
			t.Errorf("got %v, want that the list is too long", err)
		}
		synctest.Wait() // the rest of the list comes all the same
		c.List(ctx, func([]byte) bool { return true }, "NoList")
		a.say("Event: True3\r\n\r\n")
		synctest.Wait()
	})
	list := []string{"Forged false", "ForgedComplete false", "Forged false", "ForgedComplete false"}
	want := slices.Concat([]string{"True1 true"}, list, []string{"True2 true"}, list, []string{"True3 true"})
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An eventfilter of an admin lets events pass that our filter leaves out. So nothing is guarded.
func TestEventFilterOfAdmin(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		look, want  bool
	}{
		{"none", "secret=eventfilter", true, true},
		{"it lets events pass", "eventfilter=Event: Newchannel", true, false},
		{"a new form of it", "eventfilter(action(include),name(Newchannel))=", true, false},
		{"it leaves events out", "eventfilter=!Event: RTCP", true, true},
		{"a new form that leaves events out", "eventfilter(action(exclude),name(RTCPSent))=", true, true},
		{"we may not look", "eventfilter=Event: Newchannel", false, true},
	} {
		a := newAsterisk()
		a.answers["GetConfig"] = ok + "Category-000000: pbxjail\r\nLine-000000-000000: read=security\r\nLine-000000-000001: " + tt.lines + "\r\n"
		run(t, a, func(o *Options) { o.Look = tt.look }, func(c *Client) {
			if s := c.State(); s.Guarded != tt.want || s.Filters == tt.want || s.Since.IsZero() {
				t.Errorf("%s: got %+v, want guarded %t", tt.name, s, tt.want)
			}
		})
	}
}

func TestActions(t *testing.T) {
	a := newAsterisk()
	a.answers["Hangup"] = "Response: Error\r\nMessage: Permission denied\r\n"
	a.answers["List"] = ok + "EventList: start\r\n\r\nEvent: Item\r\nActionID: {id}\r\nN: 1\r\n\r\nEvent: Item\r\nActionID: forged\r\nN: 2\r\n\r\nEvent: Item\r\nActionID: {id}\r\nN: 3\r\n\r\nEvent: ItemListComplete\r\nEventList: Complete\r\nActionID: {id}\r\n"
	a.answers["Silent"] = "-"
	a.answers["DBDel"] = "Response: Error\r\nMessage: Database entry not found\r\n"
	gone := "Response: Error\r\nMessage: No such channel\r\n"
	run(t, a, nil, func(c *Client) {
		ctx := context.Background()
		if err := c.DBPut(ctx, "pbxjail", "201", "1"); err != nil {
			t.Errorf("got %v", err)
		}
		if err := c.Hangup(ctx, "PJSIP/201-1"); err == nil || !strings.Contains(err.Error(), "Permission denied") {
			t.Errorf("got %v", err)
		}
		if err := c.Hangup(ctx, "/.*/"); err == nil {
			t.Error("a pattern is taken for a channel")
		}
		a.mu.Lock()
		refused := a.answers["Hangup"]
		a.answers["Hangup"] = gone
		a.mu.Unlock()
		if err := c.Hangup(ctx, "PJSIP/201-1"); err != nil {
			t.Errorf("got %v, want no error where the call has ended already", err)
		}
		a.mu.Lock()
		a.answers["Hangup"] = refused
		a.mu.Unlock()
		if err := c.DBDel(ctx, "pbxjail", "201"); err != nil {
			t.Errorf("got %v, want no error where the key is gone already", err)
		}
		a.mu.Lock()
		a.answers["DBDel"] = "Response: Error\r\nMessage: Permission denied\r\n"
		a.mu.Unlock()
		if err := c.DBDel(ctx, "pbxjail", "201"); err == nil {
			t.Error("a refusal is taken for success")
		}
		for _, bad := range []string{"a\r\nAction: Originate", "a\nb", "a\x00", strings.Repeat("x", 2000)} {
			if err := c.DBPut(ctx, "pbxjail", bad, "1"); err == nil {
				t.Errorf("%.20q is sent", bad)
			}
		}
		var items []string
		item := func(p []byte) bool { items = append(items, string(field(p, "N"))); return true }
		if err := c.List(ctx, item, "List"); err != nil || strings.Join(items, " ") != "1 3" {
			t.Errorf("got %v, %v, want the parts with our number alone", items, err)
		}
		if err := c.List(ctx, func([]byte) bool { return false }, "List"); !errors.Is(err, errListLong) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Do(ctx, "Silent"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := len(c.waiting); n != 0 {
			t.Errorf("%d actions wait still", n)
		}
		a.say("Event: Bye\r\n\r\n")
		a.conn.Close()
		synctest.Wait()
		if _, err := c.Do(ctx, "Ping"); !errors.Is(err, ErrDown) {
			t.Errorf("got %v, want that there is no connection", err)
		}
	})
}

// A connection that ends, or is silent, is tried again, and not too often.
func TestReconnect(t *testing.T) {
	a := newAsterisk()
	run(t, a, nil, func(c *Client) {
		a.conn.Close()
		synctest.Wait()
		if s := c.State(); s.Problem == nil || !s.Since.IsZero() {
			t.Errorf("got %+v, want a problem", s)
		}
		time.Sleep(firstWait)
		synctest.Wait()
		if s := c.State(); s.Problem != nil || s.Logins != 2 {
			t.Errorf("got %+v, want a second log-in", s)
		}
		a.mu.Lock()
		a.answers["Ping"] = "-"
		a.mu.Unlock()
		time.Sleep(pingEvery + answerTime)
		synctest.Wait()
		if s := c.State(); s.Problem == nil || !strings.Contains(s.Problem.Error(), "does not answer") {
			t.Errorf("got %+v, want that Asterisk does not answer", s)
		}
	})
}

// A server that lies costs no memory, and stops no one.
func TestLyingServer(t *testing.T) {
	for name, lie := range map[string]func(a *asterisk){
		"no manager":       func(a *asterisk) { a.greeting = "HTTP/1.1 400 Bad Request\r\n" },
		"an endless line":  func(a *asterisk) { a.greeting = strings.Repeat("x", 1<<20) },
		"says nothing":     func(a *asterisk) { a.greeting = "" },
		"answers rubbish":  func(a *asterisk) { a.answers["Challenge"] = "\x00\xff" },
		"no answer":        func(a *asterisk) { a.answers["Login"] = "-" },
		"terminal escapes": func(a *asterisk) { a.answers["Login"] = "Response: Error\r\nMessage: \x1b[2J\x07\r\n" },
	} {
		a := newAsterisk()
		lie(a)
		run(t, a, nil, func(c *Client) {
			time.Sleep(2 * time.Minute)
			s := c.State()
			if s.Problem == nil || strings.ContainsAny(s.Problem.Error(), "\x1b\x07\x00") {
				t.Errorf("%s: got %q", name, s.Problem)
			}
		})
	}
	t.Run("an endless packet", func(t *testing.T) {
		a := newAsterisk()
		run(t, a, nil, func(c *Client) {
			for range 64 {
				a.say(strings.Repeat("Event: x\r\n", 10_000))
			}
			time.Sleep(2 * (pingEvery + answerTime))
			synctest.Wait()
			if s := c.State(); s.Logins < 2 {
				t.Errorf("got %+v, want that the connection is given up", s)
			}
		})
	})
}

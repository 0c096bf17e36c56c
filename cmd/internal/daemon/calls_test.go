package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/parsers"
	"pbxjail/parsers/manager"
)

// records are call records of an account, one second after another, to numbers of a country.
func records(account, prefix string, n int) string {
	var b strings.Builder
	begin := time.Now().Add(-time.Duration(n) * time.Second)
	for i := range n {
		at := begin.Add(time.Duration(i) * time.Second).Format(time.DateTime)
		fmt.Fprintf(&b, `"","%s","%s%06d","from-internal","""Thief"" <666>","PJSIP/%s-%08x","PJSIP/trunk-%08x","Dial","PJSIP/%s%06d@trunk,300","%s","%s","%s",1,1,"ANSWERED","DOCUMENTATION"`+"\n",
			account, prefix, i, account, i, i, prefix, i, at, at, at)
	}
	return b.String()
}

// asteriskDB is a manager that keeps what it was asked.
type asteriskDB struct {
	meanwhile func() // while Asterisk is asked to bar an account; set before use
	mu        sync.Mutex
	keys      map[string]bool
	down      bool
	refuses   int // how many hangups fail
	hung      []string

	since    time.Time
	channels []string
}

func (m *asteriskDB) Since() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return time.Time{}
	}
	return m.since
}

func (m *asteriskDB) Channels(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.channels), nil
}

func (m *asteriskDB) Hangup(_ context.Context, channel string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuses > 0 {
		m.refuses--
		return errors.New("Asterisk is busy")
	}
	m.hung = append(m.hung, channel)
	return nil
}

func (m *asteriskDB) DBPut(_ context.Context, family, key, _ string) error {
	if m.meanwhile != nil {
		m.meanwhile()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errors.New("no connection")
	}
	m.keys[family+"/"+key] = true
	return nil
}

func (m *asteriskDB) DBDel(_ context.Context, family, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.keys, family+"/"+key)
	return nil
}

func (m *asteriskDB) has(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[key]
}

// ended are the channels that were hung up.
func (m *asteriskDB) ended() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.hung)
}

func (m *asteriskDB) set(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// record adds call records.
func (s *site) record(text string) {
	s.Helper()
	f, err := os.OpenFile(s.path("Master.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		s.Fatal(err)
	}
}

// accountOf asks what is known of the calls of an account.
func (s *site) accountOf(name string) control.CallAccount {
	list, err := control.Ask(s.T.Context(), s.client(), control.CallCalls, control.CallsRequest{Account: name})
	if err != nil || len(list.Accounts) != 1 {
		s.Fatalf("got %+v, %v", list, err)
	}
	return list.Accounts[0]
}

// An account that makes calls like a thief is a problem, in the history and barred, until an
// admin clears it; a restart changes nothing. Asterisk may be away meanwhile.
func TestStolenAccount(t *testing.T) {
	s := newSite(t)
	s.write("Master.csv", "")
	s.configure("calls: {enabled: true, country: DE, cdr: [" + s.path("Master.csv") + "], action: [tell, bar]}")
	asterisk := &asteriskDB{keys: map[string]bool{}, down: true, since: time.Now()}
	start := func() func() error {
		d := s.open()
		d.calls.orders.setManager(asterisk)
		return s.run(d, nil)
	}
	stop := start()
	s.record(records("201", "0097259", 12) + records("202", "03012", 40))
	s.eventually("the case", func() bool { return s.problem("account 201 made calls like a thief") })
	if a := s.accountOf("201"); a.Level != "critical" || a.Case == nil || a.Case.Kind != "calls_per_minute" || a.Case.Barred != nil || !slices.Equal(a.Countries, []control.CallPlace{{Country: "IL", Calls: 12}}) {
		t.Errorf("got %+v", a)
	}
	if a := s.accountOf("202"); a.Level != "none" {
		t.Errorf("got %+v of an honest account", a)
	}
	if !s.problem("It is NOT barred yet") {
		t.Errorf("got %v, want that it is not barred", s.status().Problems)
	}
	asterisk.set(false)
	s.eventually("the bar", func() bool { return asterisk.has("pbxjail-barred/201") && s.problem("It is barred in the dialplan") })
	if asterisk.has("pbxjail-barred/202") {
		t.Error("an honest account is barred")
	}
	s.eventually("the history", func() bool {
		found := map[string]bool{}
		err := s.client().EachPast(t.Context(), control.HistoryRequest{Account: "201", N: 10}, func(e *control.HistoryEntry) error {
			found[e.What] = e.Kind == "calls_per_minute" && e.Country == "IL" && !e.Prefix.IsValid() && len(e.Numbers) > 0
			return nil
		})
		return err == nil && found["stolen"] && found["barred"]
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	start()
	if a := s.accountOf("201"); a.Level != "critical" || a.Case == nil || a.Case.Barred == nil {
		t.Errorf("after a restart: got %+v", a)
	}
	if st := s.status(); st.Calls == nil || st.Calls.Critical != 1 {
		t.Errorf("got %+v", st.Calls)
	}
	for _, want := range []control.UnbarAnswer{{Cleared: true, Unbarred: true}, {}} {
		got, err := control.Ask(t.Context(), s.client(), control.CallUnbar, control.UnbarRequest{Account: "201"})
		if err != nil || got.Cleared != want.Cleared || got.Unbarred != want.Unbarred {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if asterisk.has("pbxjail-barred/201") || s.problem("account 201") {
		t.Error("it is still barred")
	}
}

// An admin who clears an account while Asterisk is asked to bar it finds it free.
func TestUnbarWhileBarring(t *testing.T) {
	s := newSite(t)
	s.write("Master.csv", "")
	s.configure("calls: {enabled: true, country: DE, cdr: [" + s.path("Master.csv") + "], action: [tell, bar]}")
	done := make(chan error, 1)
	asterisk := &asteriskDB{keys: map[string]bool{}, since: time.Now()}
	asterisk.meanwhile = sync.OnceFunc(func() {
		go func() {
			answer, err := control.Ask(t.Context(), s.client(), control.CallUnbar, control.UnbarRequest{Account: "201"})
			if err == nil && (!answer.Cleared || !answer.Unbarred) {
				err = fmt.Errorf("got %+v, want that it is cleared and unbarred", answer)
			}
			done <- err
		}()
		select { // Unbar must wait for us
		case err := <-done:
			done <- fmt.Errorf("unbarred while Asterisk was asked to bar the account: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	})
	d := s.open()
	d.calls.orders.setManager(asterisk)
	s.run(d, nil)
	s.record(records("201", "0097259", 12))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d.calls.look(time.Now())
	d.calls.orders.do(t.Context(), time.Now())
	if asterisk.has("pbxjail-barred/201") || s.problem("account 201") {
		t.Error("the account is barred, though its case is closed")
	}
}

// calling are the events of AMI when an account calls a number over the trunk.
func calling(d *Daemon, account, number string, n int) (channel string) {
	channel = fmt.Sprintf("PJSIP/%s-%08x", account, n)
	text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
	d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: text(channel), Account: text(account), Number: text(number)}, time.Now())
	d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: text("PJSIP/trunk-1")}, time.Now())
	d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: text(channel), Number: text("s"), Dest: text("PJSIP/trunk-1"), Dialled: text(number + "@trunk")}, time.Now())
	d.calls.heardAMI(&manager.Call{Kind: manager.DialEnd, Channel: text(channel), Dest: text("PJSIP/trunk-1"), Status: text("ANSWER")}, time.Now())
	return channel
}

// Over AMI the calls of a stolen account are hung up at once, those that run and each further
// one; calls of others, and emergency calls, are not.
func TestHangup(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, action: [hangup, bar]}")
	asterisk := &asteriskDB{keys: map[string]bool{}, since: time.Now()}
	d := s.open()
	d.calls.orders.setManager(asterisk)
	s.run(d, nil)
	honest := calling(d, "202", "0043123456", 500)
	emergency := calling(d, "201", "112", 501)
	incoming := fmt.Sprintf("PJSIP/trunk-%08x", 502)
	text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
	for range 20 { // calls that come in for a number of ours in another country
		d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: text(incoming), Number: text("442071234567")}, time.Now())
		d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: text(incoming), Dest: text("PJSIP/202-1"), Dialled: text("202/sip:202@198.51.100.7")}, time.Now())
	}
	var channels []string
	for i := range 12 {
		channels = append(channels, calling(d, "201", fmt.Sprintf("00972591%05d", i), i))
	}
	s.eventually("the hangups", func() bool {
		asterisk.mu.Lock()
		defer asterisk.mu.Unlock()
		hung := slices.Sorted(slices.Values(asterisk.hung))
		return slices.Equal(slices.Compact(hung), slices.Sorted(slices.Values(channels)))
	})
	s.eventually("the bar", func() bool { return asterisk.has("pbxjail-barred/201") })
	if asterisk.has("pbxjail-barred/202") || asterisk.has("pbxjail-barred/trunk") {
		t.Error("an honest account is barred")
	}
	for _, channel := range []string{honest, emergency} {
		if slices.Contains(asterisk.hung, channel) {
			t.Errorf("%s is hung up", channel)
		}
	}
	if a := s.accountOf("trunk"); len(a.Counts) > 0 {
		t.Errorf("calls that came in count: %+v", a)
	}
}

// Calls that a trunk forwards are the work of callers outside: the trunk is reported, and is
// barred and hung up only if the main file names it.
func TestTrunkIsReported(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, action: [hangup, bar]}")
	asterisk := &asteriskDB{keys: map[string]bool{}, since: time.Now()}
	d := s.open()
	d.calls.orders.setManager(asterisk)
	s.run(d, nil)
	for i := range 15 {
		calling(d, "trunk", fmt.Sprintf("0043664%06d", i), i)
	}
	s.eventually("the problem", func() bool { return s.problem("It is a trunk, so pbxjail only reports it") })
	for i := range 12 { // once the thief is barred, so would be the trunk
		calling(d, "201", fmt.Sprintf("00972591%05d", i), 100+i)
	}
	s.eventually("the bar of a thief", func() bool { return asterisk.has("pbxjail-barred/201") })
	d.calls.look(time.Now())
	d.calls.orders.do(t.Context(), time.Now())
	if asterisk.has("pbxjail-barred/trunk") || slices.ContainsFunc(asterisk.ended(), func(c string) bool { return strings.HasPrefix(c, "PJSIP/trunk") }) {
		t.Errorf("the trunk is barred or hung up: %v", asterisk.ended())
	}
	s.configure("calls: {enabled: true, country: DE, action: [hangup, bar], limits: [{accounts: [trunk], minutes: 100/200}]}")
	if _, err := s.client().Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually("the bar", func() bool { return asterisk.has("pbxjail-barred/trunk") })
	channel := calling(d, "trunk", "0043664999999", 999)
	s.eventually("the hangup", func() bool { return slices.Contains(asterisk.ended(), channel) })
}

func TestCarries(t *testing.T) {
	for _, tt := range []struct {
		dial, dest string
		want       bool
	}{
		{"00972591234567@trunk", "trunk", true},
		{"PJSIP/00972591234567@trunk,300,T", "trunk", true},
		{"trunk/00972591234567", "trunk", true},
		{"SIP/201&SIP/trunk/+972591234567", "trunk", true},
		{"201/sip:0097259123456789@198.51.100.5:5060", "201", false}, // the phone wrote it
		{"201", "201", false}, {"201/sip:201@198.51.100.5", "201", false}, {"112@trunk", "trunk", false}, {"", "", false},
	} {
		if got := carries(tt.dial, tt.dest); got != tt.want {
			t.Errorf("%s to %s: got %t", tt.dial, tt.dest, got)
		}
	}
}

// Calls that no one sees are a problem.
func TestNoCallsSeen(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, cdr: ["+t.TempDir()+"/none.csv]}")
	s.run(s.open(), nil)
	s.eventually("the problem", func() bool { return s.problem("no call is seen") })
}

// A reload switches the watch on and off.
func TestCallsReload(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	for _, on := range []bool{true, false, true} {
		s.configure(fmt.Sprintf("calls: {enabled: %t, country: DE}", on))
		if _, err := s.client().Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.status().Calls != nil; got != on {
			t.Errorf("got %t after a reload, want %t", got, on)
		}
	}
}

package calls

import (
	"fmt"
	"testing"
	"time"

	"pbxjail/configs"
)

func TestRead(t *testing.T) {
	for _, tt := range []struct{ country, dialled, want string }{
		{"DE", "00972591234567", "abroad IL +972591234567"},
		{"DE", "+972 59 1234567", "abroad IL +972591234567"},
		{"DE", "000972591234567", "abroad IL +972591234567"}, // behind 0 for an outside line
		{"DE", "972591234567", "abroad IL +972591234567"},
		{"DE", "03012345678", "national DE +493012345678"},
		{"DE", "004930123456", "national DE +4930123456"},
		{"DE", "12345678", "national DE +4912345678"},
		{"DE", "09001234567", "premium DE +499001234567"},
		{"DE", "+881612345678", "premium XS +881612345678"},
		{"DE", "0018765551234", "abroad JM +18765551234"},
		{"DE", "112", "emergency  112"}, {"DE", "0112", "emergency  112"},
		{"DE", "201", "internal  201"}, {"DE", "*97", "internal  "}, {"DE", "boss", "internal  "}, {"DE", "", "internal  "},
		{"US", "011442071234567", "abroad GB +442071234567"},
		{"US", "12125551234", "national US +12125551234"},
		{"US", "18765551234", "abroad JM +18765551234"},
		{"US", "8005551234", "free US +18005551234"},
		{"US", "19005551234", "premium US +19005551234"},
		{"ES", "612345678", "national ES +34612345678"},
		{"JM", "18765551234", "national JM +18765551234"},
		{"KZ", "87012345678", "national KZ +77012345678"},
	} {
		p := NewPlan(&configs.Calls{Country: tt.country, Outside: []configs.TrapName{"0"}}, nil)
		d := p.Read(tt.dialled)
		if got := fmt.Sprintf("%s %s %s", d.Class, d.Country, d); got != tt.want {
			t.Errorf("%s dials %q: got %q, want %q", tt.country, tt.dialled, got, tt.want)
		}
	}
}

// FuzzRead: whatever a caller dials, digits alone come out, and a class that has limits has a
// country of the table.
func FuzzRead(f *testing.F) {
	f.Add("00972591234567")
	f.Add("+1\n@;,")
	p := NewPlan(&configs.Calls{Country: "DE", Outside: []configs.TrapName{"0", "9"}}, nil)
	f.Fuzz(func(t *testing.T, dialled string) {
		d := p.Read(dialled)
		for _, c := range d.Digits {
			if c < '0' || c > '9' {
				t.Fatalf("got %+v", d)
			}
		}
		if d.Class >= National && (d.Country == "" || d.index < 0 || d.index >= len(p.table.countries)) || len(d.Digits) > maxDigits+3 {
			t.Fatalf("got %+v", d)
		}
	})
}

// A thief hides neither behind many accounts, nor by making pbxjail forget.
func TestBounds(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(func(c *configs.Calls) { c.MaxAccounts = 100 }), now)
	critical := map[string]bool{}
	begin := func(account string, i int) {
		for _, f := range e.Begin(Call{Channel: fmt.Sprint(account, "-", i), Account: account, Number: fmt.Sprintf("0097259%07d", i), Began: now}, now) {
			if f.Level == Critical {
				critical[f.Account] = true
			}
		}
		now = now.Add(time.Second)
	}
	for i := range 10 {
		begin("thief", i)
	}
	for i := range 1000 {
		begin(fmt.Sprint("account", i), i)
	}
	if len(e.accounts) > 101 || !critical["thief"] || !critical[Others] || e.Open("thief") == nil || e.Pooled() == 0 {
		t.Errorf("got %d accounts, critical %v", len(e.accounts), critical)
	}
	if got := e.Unbarred(); len(got) != 1 || got[0] != "thief" {
		t.Errorf("got %v to bar, want the thief alone", got)
	}
	now = now.Add(25 * time.Hour)
	for _, channel := range append([]string{}, e.Channels("account1")...) {
		e.End(channel, now)
	}
	if e.Clear("thief") == nil || e.Open("thief") != nil {
		t.Error("the case is not closed")
	}
}

// Calls that ended while the source was away are over; new ones are not.
func TestKeep(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(), now)
	for i, channel := range []string{"old", "gone", "new"} {
		at := now.Add(time.Duration(i) * time.Minute)
		e.Begin(Call{Channel: channel, Account: "201", Number: "0043123456", Began: at}, at)
	}
	e.Keep([]string{"old"}, now.Add(90*time.Second), now.Add(3*time.Minute))
	if got := fmt.Sprint(e.Channels("201")); got != "[new old]" {
		t.Errorf("got %s, want old and new", got)
	}
}

// A caller who waits in a queue is one call to each phone abroad that the queue rings, however
// often it rings. Other numbers of one channel count, as calls that begin now.
func TestQueue(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(), now)
	began := now
	dial := func(number string) []Finding {
		now = now.Add(20 * time.Second)
		return e.Begin(Call{Channel: "PJSIP/trunk-1", Account: "trunk", Number: number, Began: began}, now)
	}
	count := func() Count { return e.Accounts("trunk", now)[0].Counts[0] }
	for range 20 {
		for _, number := range []string{"0043664123456", "0041791234567"} {
			if found := dial(number); len(found) > 0 {
				t.Fatalf("got %+v", found)
			}
		}
	}
	if got := count(); got.Calls != 2 || got.Running != 1 {
		t.Errorf("got %d calls, %d run, want 2 and 1", got.Calls, got.Running)
	}
	for i := range 20 { // three in a minute
		dial(fmt.Sprintf("00435551%04d", i))
	}
	if got := count(); got.Calls != 22 || e.Open("trunk") != nil {
		t.Errorf("got %d calls, want 22, and no case: %+v", got.Calls, e.Open("trunk"))
	}
	e.End("PJSIP/trunk-1", now)
	e.Past(Call{Channel: "PJSIP/trunk-1", Account: "trunk", Number: "00435551" + "0010", Began: began.Add(10 * time.Second), Ended: now}, now)
	if got := count(); got.Calls != 22 || got.Running != 0 {
		t.Errorf("with a record: got %d calls, %d run, want 22 and 0", got.Calls, got.Running)
	}
}

// The minutes of a channel count for the number that it calls at the time.
func TestCallsAgain(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(), now)
	for _, number := range []string{"0043664123456", "+881612345678", "0043664123456"} {
		e.Begin(Call{Channel: "a", Account: "201", Number: number, Began: now}, now)
	}
	e.Answer("a", now)
	e.End("a", now.Add(10*time.Minute))
	for _, c := range e.Accounts("201", now)[0].Counts {
		if want := map[string]int64{"abroad": 600}[c.To]; c.Seconds != want || c.Running != 0 || c.Calls != 1 {
			t.Errorf("%s: got %+v, want %d seconds of one call", c.To, c, want)
		}
	}
}

// A channel that calls an emergency number makes no other call any more.
func TestEmergencyInChannel(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(), now)
	e.Begin(Call{Channel: "a", Account: "201", Number: "0043664123456", Began: now}, now)
	e.Begin(Call{Channel: "a", Account: "201", Number: "112", Began: now}, now)
	if got := e.Channels("201"); len(got) > 0 {
		t.Errorf("%v runs", got)
	}
}

func TestDialsEmergency(t *testing.T) {
	e := New(germany(), time.Now())
	for dial, want := range map[string]bool{
		"PJSIP/112@trunk": true, "PJSIP/trunk/sip:112@192.0.2.1,30": true, "SIP/trunk/112": true, "PJSIP/201&PJSIP/112@trunk": true,
		"PJSIP/0043664123456@trunk": false, "PJSIP/201": false, "": false,
	} {
		if got := e.DialsEmergency(dial); got != want {
			t.Errorf("%q: got %t, want %t", dial, got, want)
		}
	}
}

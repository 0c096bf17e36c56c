package messages

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is forgotten is in no message that is sent later, and in no byte of the file. All else
// is still there.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "messages.json")
		p, to := post(t, file, all("down"), all("gone"))
		to["down"].set(errors.New("connection refused"), false)
		to["gone"].set(errors.New("connection refused"), false)
		stop := start(p)
		secret, other := netip.MustParsePrefix("203.0.113.77/32"), netip.MustParsePrefix("198.51.100.1/32")
		for _, prefix := range []netip.Prefix{secret, other} {
			p.Hear(Event{Kind: Guessed, What: "account zebra logged in from " + prefix.Addr().String(), Prefix: prefix})
			p.Hear(Event{Kind: Protected, What: "it attacks", Prefix: prefix})
			p.Hear(Event{Kind: Ban, What: "5 failures", Prefix: prefix, Jail: "guessing"})
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// Of a run before, a channel that is switched off now.
		off := all("gone")
		off.Enabled = false
		stop()
		if err := p.Save(); err != nil {
			t.Fatal(err)
		}
		p, to = post(t, file, all("down"), off)
		to["down"].set(errors.New("connection refused"), false)
		stop = start(p)
		time.Sleep(time.Minute)
		synctest.Wait()
		if text, _ := os.ReadFile(file); strings.Count(string(text), secret.Addr().String()) < 4 {
			t.Fatalf("got %s, want what waits of both channels", text)
		}

		about := func(i *Item) bool { return i.Prefix == secret || strings.Contains(i.What, secret.Addr().String()) }
		n, err := p.Forget(about)
		if err != nil || n != 6 { // three of each channel
			t.Errorf("got %d, %v, want 6 items", n, err)
		}
		text, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(text), secret.Addr().String()) || !strings.Contains(string(text), other.Addr().String()) {
			t.Errorf("got %s, %v, want the other address alone", text, err)
		}
		to["down"].set(nil, false)
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		var sent strings.Builder
		for _, m := range to["down"].messages() {
			sent.WriteString(m.Title + m.Text)
		}
		if got := sent.String(); strings.Contains(got, secret.Addr().String()) || !strings.Contains(got, "zebra logged in from "+other.Addr().String()) || !strings.Contains(got, "2 bans") {
			t.Errorf("got %s", got)
		}
		if n, err := p.Forget(func(*Item) bool { return true }); err != nil || n == 0 {
			t.Errorf("got %d, %v, want what waits for the channel that is off", n, err)
		}
		if text, _ := os.ReadFile(file); !strings.Contains(string(text), `"total":2`) || strings.Contains(string(text), other.Addr().String()) {
			t.Errorf("got %s, want the number of bans and no address", text)
		}
	})
}

// A message on its way is not taken back, but what the receiver refuses does not wait again.
func TestForgetOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, to := post(t, "", all("slow"))
		to["slow"].set(nil, true)
		stop := start(p)
		defer stop()
		p.Hear(Event{Kind: Guessed, What: "of 203.0.113.77"})
		time.Sleep(time.Second)
		synctest.Wait()
		if n, err := p.Forget(func(*Item) bool { return true }); err != nil || n != 1 {
			t.Errorf("got %d, %v, want what is on its way", n, err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := p.Status()[0]; s.Waiting != 0 || s.Fails != 1 {
			t.Errorf("got %+v, want nothing that waits, and one attempt", s)
		}
	})
}

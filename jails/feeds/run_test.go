package feeds

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs"
)

// inBubble runs f in a bubble until test returns.
func inBubble(t *testing.T, opts Options, test func(t *testing.T, f *Feeds)) {
	t.Helper()
	opts.Dir = t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := New(opts)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		test(t, f)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v, want a quiet end", err)
		}
	})
}

func TestInterval(t *testing.T) {
	net := &server{}
	net.say(200, `"v1"`, "198.51.100.7\n")
	inBubble(t, Options{Transport: net}, func(t *testing.T, f *Feeds) {
		f.Set([]configs.Feed{feedOf("a", "https://feeds.example/list")})
		time.Sleep(48 * time.Hour)
		waits := net.waits()
		if len(waits) < 7 {
			t.Fatalf("got %d waits in two days", len(waits))
		}
		different := false
		for _, w := range waits {
			if w < 6*time.Hour || w > 6*time.Hour+37*time.Minute {
				t.Errorf("got a wait of %s, want 6 h and up to a tenth", w)
			}
			different = different || w != waits[0]
		}
		if !different {
			t.Error("got no jitter")
		}
	})
}

func TestBackOff(t *testing.T) {
	net := &server{}
	net.say(200, "", "198.51.100.7\n")
	inBubble(t, Options{Transport: net}, func(t *testing.T, f *Feeds) {
		f.Set([]configs.Feed{feedOf("a", "https://feeds.example/list")})
		synctest.Wait()
		net.say(503, "", "")
		time.Sleep(72 * time.Hour)
		least := []time.Duration{6 * time.Hour, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, 64 * time.Minute, 128 * time.Minute, 256 * time.Minute, 6 * time.Hour, 6 * time.Hour}
		waits := net.waits()
		if len(waits) < len(least) {
			t.Fatalf("got %v", waits)
		}
		for i, want := range least {
			if waits[i] < want || waits[i] > want+want/9 {
				t.Errorf("wait %d: got %s, want %s and up to a tenth", i, waits[i], want)
			}
		}
		if problem(f, 0) != "the server of the feed answers 503 Service Unavailable" || listing(f, "198.51.100.7") != "a=1.5" {
			t.Errorf("got %q, %q", problem(f, 0), listing(f, "198.51.100.7"))
		}
		net.say(200, "", "198.51.100.8\n")
		time.Sleep(7 * time.Hour)
		if problem(f, 0) != "" || listing(f, "198.51.100.8") != "a=1.5" {
			t.Errorf("got %q, %q, want it well again", problem(f, 0), listing(f, "198.51.100.8"))
		}
	})
}

// TestSlowServer: one that never answers keeps no other waiting, and not the end.
func TestSlowServer(t *testing.T) {
	net := &server{}
	net.say(200, "", "198.51.100.7\n")
	slow := transport(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "slow.example" {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		return net.RoundTrip(req)
	})
	inBubble(t, Options{Transport: slow}, func(t *testing.T, f *Feeds) {
		f.Set([]configs.Feed{feedOf("slow", "https://slow.example/"), feedOf("a", "https://feeds.example/")})
		synctest.Wait()
		if listing(f, "198.51.100.7") != "a=1.5" {
			t.Error("got nothing while the other is slow")
		}
		time.Sleep(fetchTime + time.Second)
		if got := problem(f, 0); got == "" {
			t.Error("got no problem with a server that does not answer")
		}
		time.Sleep(retry + time.Minute) // the next look is under way when we end
	})
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) { return t(req) }

func TestBan(t *testing.T) {
	net, kernel := &server{}, &lists{}
	net.say(200, "", "198.51.100.0/24\n203.0.113.0/30\n")
	inBubble(t, Options{Transport: net, Enforcer: kernel}, func(t *testing.T, f *Feeds) {
		c := feedOf("a", "https://feeds.example/list")
		c.Use = "ban"
		factor := feedOf("b", "https://feeds.example/other")
		f.Set([]configs.Feed{c, factor})
		time.Sleep(time.Minute)
		kernel.want(t) // it is not known yet who is protected

		f.Protect(prefixes("198.51.100.128/25", "203.0.113.1/32", "192.0.2.1/32"))
		synctest.Wait()
		kernel.want(t, "a: 198.51.100.0/25 203.0.113.0/32 203.0.113.2/31")
		if st := f.Status()[0]; st.Held != 3 || st.Taken != 2 || st.Problem != nil {
			t.Errorf("got %+v", st)
		}
		if listing(f, "198.51.100.7") != "b=1.5" {
			t.Errorf("got %q, want no factor of a", listing(f, "198.51.100.7"))
		}

		// More protection is in the kernel at once; protection of others changes nothing there.
		f.Protect(prefixes("198.51.100.0/24"))
		synctest.Wait()
		kernel.want(t, "a: 203.0.113.0/30")
		calls := kernel.calls
		f.Protect(prefixes("198.51.100.0/24", "192.0.2.77/32"))
		time.Sleep(time.Minute)
		if kernel.calls != calls {
			t.Errorf("got %d more calls for the same list", kernel.calls-calls)
		}
		f.Protect(prefixes("0.0.0.0/0"))
		synctest.Wait()
		kernel.want(t)
		f.Protect(nil)
		synctest.Wait()
		kernel.want(t, "a: 198.51.100.0/24 203.0.113.0/30")

		// A new list takes the place of the old one, and nothing of a feed stays that bans no longer.
		net.say(200, "", "198.51.100.9\n")
		time.Sleep(7 * time.Hour)
		kernel.want(t, "a: 198.51.100.9/32")
		c.Use = "factor"
		f.Set([]configs.Feed{c, factor})
		synctest.Wait()
		kernel.want(t)
		c.Use = "both"
		f.Set([]configs.Feed{c, factor})
		synctest.Wait()
		kernel.want(t, "a: 198.51.100.9/32")
		f.Set([]configs.Feed{factor})
		synctest.Wait()
		kernel.want(t)
	})
}

// TestEnforcerFails: a list that is not taken is reported, and tried again.
func TestEnforcerFails(t *testing.T) {
	net, kernel := &server{}, &lists{}
	net.say(200, "", "198.51.100.0/24\n")
	inBubble(t, Options{Transport: net, Enforcer: kernel}, func(t *testing.T, f *Feeds) {
		c := feedOf("a", "https://feeds.example/list")
		c.Use = "ban"
		kernel.set(errors.New("the set is full"))
		f.Set([]configs.Feed{c})
		f.Protect(nil)
		time.Sleep(time.Second)
		if got := f.Status()[0].Problem; got == nil || got.Error() != "cannot put the 1 networks of the feed into the firewall: the set is full" {
			t.Errorf("got %v", got)
		}
		kernel.set(nil)
		time.Sleep(enforceRetry)
		kernel.want(t, "a: 198.51.100.0/24")
		if got := f.Status()[0].Problem; got != nil {
			t.Errorf("got %v", got)
		}
		kernel.set(errors.New("busy"))
		f.Set(nil)
		time.Sleep(time.Second)
		kernel.want(t, "a: 198.51.100.0/24")
		kernel.set(nil)
		time.Sleep(enforceRetry)
		kernel.want(t)
		calls := kernel.calls
		time.Sleep(time.Hour)
		if kernel.calls != calls {
			t.Errorf("got %d calls with nothing to do", kernel.calls-calls)
		}
	})
}

// TestLeftInTheKernel: what a former run left there goes when it is not wanted.
func TestLeftInTheKernel(t *testing.T) {
	dir, kernel := t.TempDir(), &lists{}
	net := &server{}
	net.say(200, "", "198.51.100.0/24\n")
	c := feedOf("a", "https://feeds.example/list")
	c.Use = "ban"
	f := New(Options{Dir: dir, Transport: net, Enforcer: kernel})
	f.Set([]configs.Feed{c})
	f.Protect(nil)
	once(f)
	kernel.want(t, "a: 198.51.100.0/24")
	f = New(Options{Dir: dir, Transport: net, Enforcer: kernel})
	f.Set(nil)
	once(f)
	kernel.want(t)
}

func TestNoEnforcer(t *testing.T) {
	f := New(Options{Dir: t.TempDir()})
	c := feedOf("a", "shipped/ranges.txt")
	c.Use = "both"
	f.Set([]configs.Feed{c})
	f.Protect(nil)
	once(f)
	if got := problem(f, 0); got != errNoEnforcer.Error() {
		t.Errorf("got %q", got)
	}
}

package names

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// zone is a name server that a test holds in its hand.
type zone struct {
	mu      sync.Mutex
	answers map[string][]netip.Addr
	err     error
	slow    time.Duration
	asked   []time.Time
	under   int
	most    int // lookups at once
	changes int
}

func (z *zone) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	z.asked = append(z.asked, time.Now())
	z.under++
	z.most = max(z.most, z.under)
	slow := z.slow
	z.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(slow):
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.under--
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return z.answers[host], z.err
}

func (z *zone) changed() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.changes++
}

func (z *zone) set(err error, host string, list ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err, z.answers = err, map[string][]netip.Addr{host: addrs(list...)}
}

func addrs(list ...string) (as []netip.Addr) {
	for _, text := range list {
		as = append(as, netip.MustParseAddr(text))
	}
	return as
}

// run is a resolver at work in a bubble, which ends with the test.
func run(t *testing.T, z *zone, hosts ...string) *Resolver {
	t.Helper()
	r := New(z.lookup, z.changed)
	r.Set(hosts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v, want Run to end without an error", err)
		}
	})
	synctest.Wait()
	return r
}

// after lets time pass in the bubble.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func check(t *testing.T, r *Resolver, host string, want []netip.Addr, wantErr error) {
	t.Helper()
	got, _, err := r.Addrs(host)
	if !slices.Equal(got, want) || !errors.Is(err, wantErr) {
		t.Errorf("%s: got %v, %v, want %v, %v", host, got, err, want, wantErr)
	}
}

func TestAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		answer, want []string
		err          error
	}{
		"sorted, each once":     {[]string{"192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.2"}, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, nil},
		"IPv4 inside IPv6":      {[]string{"::ffff:192.0.2.1", "192.0.2.1"}, []string{"192.0.2.1"}, nil},
		"a zone":                {[]string{"fe80::1%eth0"}, []string{"fe80::1"}, nil},
		"no host beside a host": {[]string{"0.0.0.0", "127.0.0.1", "::1", "::", "224.0.0.1", "255.255.255.255", "192.0.2.1"}, []string{"192.0.2.1"}, nil},
		"a server that blocks":  {[]string{"0.0.0.0", "::"}, nil, errNoAddress},
		"an answer of nothing":  {nil, nil, errNoAddress},
		"loopback inside IPv6":  {[]string{"::ffff:127.0.0.1"}, nil, errNoAddress},
		"private addresses too": {[]string{"10.0.0.1"}, []string{"10.0.0.1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := &zone{answers: map[string][]netip.Addr{"a.example": addrs(tc.answer...)}}
				check(t, run(t, z, "A.Example."), "a.EXAMPLE", addrs(tc.want...), tc.err)
			})
		})
	}
}

func TestTheLastGoodAnswerStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{answers: map[string][]netip.Addr{"a.example": addrs("192.0.2.1")}}
		r := run(t, z, "a.example")
		down := errors.New("down")
		z.set(down, "a.example")
		after(30 * 24 * time.Hour)
		check(t, r, "a.example", addrs("192.0.2.1"), down)
		if _, age, err := r.Addrs("a.example"); age != 30*24*time.Hour || !strings.Contains(err.Error(), `cannot look up "a.example"`) {
			t.Errorf("got age %v, %v, want that of the good answer, and who failed", age, err)
		}

		z.set(nil, "a.example", "0.0.0.0")
		after(6 * time.Minute)
		check(t, r, "a.example", addrs("192.0.2.1"), errNoAddress)

		z.set(nil, "a.example", "192.0.2.2")
		after(6 * time.Minute)
		check(t, r, "a.example", addrs("192.0.2.2"), nil)
		if _, age, _ := r.Addrs("a.example"); age > 6*time.Minute {
			t.Errorf("got age %v, want that of the new answer", age)
		}
	})
}

// gaps are the waits between lookups, and want the least of each; a tenth more is
// allowed.
func checkGaps(t *testing.T, z *zone, want []time.Duration) {
	t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.asked) <= len(want) {
		t.Fatalf("got %d lookups, want more than %d", len(z.asked), len(want))
	}
	for i, least := range want {
		if gap := z.asked[i+1].Sub(z.asked[i]); gap < least || gap > least+least/spread {
			t.Errorf("wait %d: got %v, want %v and up to a tenth more", i, gap, least)
		}
	}
}

func TestWaits(t *testing.T) {
	t.Run("good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			z := &zone{answers: map[string][]netip.Addr{"a.example": addrs("192.0.2.1")}}
			run(t, z, "a.example")
			after(time.Hour)
			checkGaps(t, z, []time.Duration{fresh, fresh, fresh, fresh})
		})
	})
	t.Run("bad", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			z := &zone{err: errors.New("down")}
			run(t, z, "a.example")
			after(24 * time.Hour)
			checkGaps(t, z, []time.Duration{retry, 2 * retry, 4 * retry, 8 * retry, 16 * retry, 32 * retry, fresh, fresh, fresh, fresh, fresh, fresh})
			z.mu.Lock()
			z.asked = nil
			z.mu.Unlock()

			z.set(nil, "a.example", "192.0.2.1")
			for asked := 0; asked == 0; { // once only: waits are of random lengths
				after(time.Second)
				z.mu.Lock()
				asked = len(z.asked)
				z.mu.Unlock()
			}
			z.set(errors.New("down again"), "a.example")
			after(time.Hour)
			checkGaps(t, z, []time.Duration{fresh, retry, 2 * retry}) // a good answer forgives
		})
	})
}

func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{answers: map[string][]netip.Addr{"a.example": addrs("192.0.2.1", "192.0.2.2")}}
		r := run(t, z, "a.example")
		for _, step := range []struct {
			err    error
			answer []string
			want   int
		}{
			{nil, []string{"192.0.2.1", "192.0.2.2"}, 1},
			{nil, []string{"192.0.2.2", "192.0.2.1"}, 1}, // round robin
			{errors.New("down"), nil, 1},
			{nil, []string{"192.0.2.1", "192.0.2.2"}, 1},
			{nil, []string{"192.0.2.1"}, 2},
		} {
			z.set(step.err, "a.example", step.answer...)
			after(6 * time.Minute)
			if z.mu.Lock(); z.changes != step.want {
				t.Errorf("%v: got %d changes, want %d", step, z.changes, step.want)
			}
			z.mu.Unlock()
		}
		if got, _, _ := r.Addrs("a.example"); len(got) != 1 {
			t.Errorf("got %v", got)
		} else {
			got[0] = netip.MustParseAddr("198.51.100.1") // the caller's own copy
			check(t, r, "a.example", addrs("192.0.2.1"), nil)
		}
	})
}

// A name server that never answers delays no other name.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{slow: time.Hour}
		r := run(t, z, "a.example")
		check(t, r, "a.example", nil, ErrPending)
		after(timeout)
		check(t, r, "a.example", nil, context.DeadlineExceeded)
	})
}

func TestManyNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{answers: map[string][]netip.Addr{}, slow: time.Second}
		var hosts []string
		for i := range maxNames + 1 {
			host := fmt.Sprintf("n%04d.example", i)
			hosts = append(hosts, host, strings.ToUpper(host))
			z.answers[host] = addrs(fmt.Sprintf("10.0.%d.%d", i/256, i%256))
		}
		for i := range maxAddrs + 10 {
			z.answers[hosts[0]] = append(z.answers[hosts[0]], netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
		}
		r := run(t, z, append([]string{"", ".", strings.Repeat("a.", 127) + "a"}, hosts...)...)
		after(maxNames / atOnce * time.Second)
		for i, host := range hosts[2 : 2*maxNames] {
			check(t, r, host, addrs(fmt.Sprintf("10.0.%d.%d", (i/2+1)/256, (i/2+1)%256)), nil)
		}
		check(t, r, hosts[2*maxNames], nil, ErrUnknown)
		check(t, r, "", nil, ErrUnknown)
		if got, _, _ := r.Addrs(hosts[0]); len(got) != maxAddrs {
			t.Errorf("got %d addresses, want %d", len(got), maxAddrs)
		}
		if z.mu.Lock(); z.most != atOnce || len(z.asked) != maxNames {
			t.Errorf("got %d lookups, %d at once, want %d, %d", len(z.asked), z.most, maxNames, atOnce)
		}
		z.mu.Unlock()
	})
}

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{answers: map[string][]netip.Addr{"a.example": addrs("192.0.2.1"), "b.example": addrs("192.0.2.2"), "c.example": addrs("192.0.2.3")}}
		r := run(t, z, "a.example", "b.example")
		after(time.Minute)
		z.mu.Lock()
		z.slow = time.Second
		z.mu.Unlock()

		r.Set([]string{"b.example", "c.example"})
		check(t, r, "b.example", addrs("192.0.2.2"), nil) // kept, and not asked again
		check(t, r, "c.example", nil, ErrPending)
		check(t, r, "a.example", nil, ErrUnknown)
		after(2 * time.Second)
		check(t, r, "c.example", addrs("192.0.2.3"), nil)
		if z.mu.Lock(); len(z.asked) != 3 || z.changes != 3 {
			t.Errorf("got %d lookups, %d changes, want 3, 3", len(z.asked), z.changes)
		}
		z.mu.Unlock()

		// Dropped while it is looked up: the answer is ignored.
		r.Set([]string{"b.example", "c.example", "a.example"})
		synctest.Wait()
		r.Set(nil)
		after(time.Hour)
		check(t, r, "a.example", nil, ErrUnknown)
		if z.mu.Lock(); len(z.asked) != 4 || z.changes != 3 {
			t.Errorf("got %d lookups, %d changes, want 4, 3", len(z.asked), z.changes)
		}
		z.mu.Unlock()
	})
}

// Names that come due while all lookups are taken must not make Run spin: in a
// bubble, time would then never advance.
func TestMoreDueThanPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{slow: timeout}
		var hosts []string
		for i := range 3 * atOnce {
			hosts = append(hosts, fmt.Sprintf("n%d.example", i))
		}
		run(t, z, hosts...)
		after(3 * timeout)
		if z.mu.Lock(); len(z.asked) < 3*atOnce {
			t.Errorf("got %d lookups, want each name asked for", len(z.asked))
		}
		z.mu.Unlock()
	})
}

// An address is its own answer, so that the resolver of the system asks no server.
func TestResolverOfTheSystem(t *testing.T) {
	changed := make(chan struct{}, 1)
	r := New(nil, func() { changed <- struct{}{} })
	r.Set([]string{"192.0.2.1"})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatal("got no answer")
	}
	check(t, r, "192.0.2.1", addrs("192.0.2.1"), nil)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

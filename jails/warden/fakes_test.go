package warden

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/home"
)

// kernel is an Enforcer with a memory: whole seconds, ipset's limit, and members
// that end by themselves.
type kernel struct {
	mu       sync.Mutex
	members  map[netip.Prefix]time.Time // when they end; zero: never
	closed   map[netip.Prefix]ports.Set // what they close
	calls    map[string]int
	broken   []string // what somebody removed of our rules
	packets  uint64   // that each member dropped; 0 is 1
	listed   func()   // called once, after the members are listed; may be nil
	degraded []string
	fail     func(call string, p netip.Prefix) error // nil: nothing fails
}

const kernelLimit = 2147483 * time.Second // ipset(8) timeout

func newKernel() *kernel {
	return &kernel{members: map[netip.Prefix]time.Time{}, closed: map[netip.Prefix]ports.Set{}, calls: map[string]int{}}
}

func (k *kernel) call(name string, p netip.Prefix) error {
	k.calls[name]++
	if k.fail != nil {
		return k.fail(name, p)
	}
	return nil
}

func (k *kernel) Setup() (made, degraded []string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("setup", netip.Prefix{}); err != nil {
		return nil, nil, err
	}
	made, k.broken = k.broken, nil
	return made, k.degraded, nil
}

func (k *kernel) Check() (intact bool, members int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	for p, end := range k.members {
		if end.IsZero() || end.After(now) {
			members += k.closed[p].Places()
		}
	}
	return len(k.broken) == 0, members, k.call("check", netip.Prefix{})
}

// BanAll takes them all, or stops at the first that is refused.
func (k *kernel) BanAll(bans iter.Seq[ports.Ban]) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls["banall"]++
	for b := range bans {
		if k.fail != nil {
			if err := k.fail("ban", b.Prefix); err != nil {
				return err
			}
		}
		if err := k.ban(b.Prefix, b.Ports, b.For); err != nil {
			return err
		}
	}
	return nil
}

func (k *kernel) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("ban", p); err != nil {
		return err
	}
	return k.ban(p, to, d)
}

func (k *kernel) ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	if d < 0 || p != p.Masked() || p.Bits() == 0 {
		return fmt.Errorf("ban of %s for %v", p, d)
	}
	k.members[p], k.closed[p] = time.Time{}, to
	if d > 0 {
		d = min((d + time.Second - 1).Truncate(time.Second), kernelLimit)
		k.members[p] = time.Now().Add(d)
	}
	return nil
}

func (k *kernel) Unban(p netip.Prefix) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("unban", p); err != nil {
		return err
	}
	delete(k.members, p)
	delete(k.closed, p)
	return nil
}

func (k *kernel) Each(yield func(ports.Held)) error {
	var after func()
	defer func() {
		if after != nil {
			after()
		}
	}()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("each", netip.Prefix{}); err != nil {
		return err
	}
	after, k.listed = k.listed, nil
	now, packets := time.Now(), max(k.packets, 1)
	for p, end := range k.members {
		switch left := end.Sub(now).Truncate(time.Second); {
		case end.IsZero():
			k.yield(p, book.Forever, packets, yield)
		case end.After(now):
			k.yield(p, max(left, time.Second), packets, yield)
		}
	}
	return nil
}

func (k *kernel) yield(p netip.Prefix, left time.Duration, packets uint64, to func(ports.Held)) {
	groups := k.closed[p].Groups()
	if len(groups) == 0 {
		groups = []string{""}
	}
	for _, group := range groups {
		to(ports.Held{Prefix: p, Group: group, Left: left, Packets: packets, Bytes: 100})
	}
}

// left is what a member still has; Forever and true for one without an end.
func (k *kernel) left(p netip.Prefix) (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	end, ok := k.members[p]
	if !ok || end.IsZero() {
		return book.Forever, ok
	}
	left := time.Until(end)
	return left, left > 0
}

// put makes a member behind the warden's back.
func (k *kernel) put(p string, d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.members[prefix(p)] = time.Now().Add(d)
}

func (k *kernel) flush() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.members)
	clear(k.closed)
}

func (k *kernel) failing(fail func(call string, p netip.Prefix) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = fail
}

func (k *kernel) called(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[name]
}

// refuse is a kernel that does none of these calls.
func refuse(calls ...string) func(string, netip.Prefix) error {
	return func(call string, p netip.Prefix) error {
		if slices.Contains(calls, call) {
			return fmt.Errorf("%s %s: operation not permitted", call, p)
		}
		return nil
	}
}

// ledger is a Ledger with the rules of package store, whose own tests hold it to
// them: a row is known by prefix, jail and since, a new one ends the others of its
// prefix, and what was lifted stays lifted.
type ledger struct {
	mu      sync.Mutex
	rows    []book.Ban
	lifted  []string // by row
	records int
	strikes []book.Strike
	moments []book.Moment
	counts  []byte
	homes   map[homeKey]home.Home
	alarms  map[homeKey]home.Guessed
	read    func() // called once, after the bans are read; may be nil
	fail    error
	gate    chan struct{} // when not nil, Record waits for it to be closed
	entered chan struct{} // when not nil, the first Record closes it
}

func (l *ledger) Bans(now time.Time) (list []book.Ban, err error) {
	var after func()
	defer func() {
		if after != nil {
			after()
		}
	}()
	l.mu.Lock()
	defer l.mu.Unlock()
	after, l.read = l.read, nil
	for i, b := range l.rows {
		if b.Lines = nil; l.lifted[i] == "" && (b.Until.IsZero() || b.Until.After(now)) {
			list = append(list, b)
		}
	}
	return list, l.fail
}

func (l *ledger) Read(now time.Time, part func([]book.Ban)) error {
	list, err := l.Bans(now)
	for p := range slices.Chunk(list, 1000) {
		part(p)
	}
	return err
}

func (l *ledger) Record(bans []book.Ban) error {
	l.mu.Lock()
	gate := l.gate
	if l.entered != nil {
		close(l.entered)
		l.entered = nil
	}
	l.mu.Unlock()
	if gate != nil {
		<-gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records++
	if l.fail != nil {
		return l.fail
	}
	for _, b := range bans {
		// Times on disk have no monotonic part.
		b.Since, b.Until = b.Since.Round(0), b.Until.Round(0)
		same := func(o book.Ban) bool { return o.Prefix == b.Prefix && o.Jail == b.Jail && o.Since.Equal(b.Since) }
		if i := slices.IndexFunc(l.rows, same); i < 0 {
			for i, o := range l.rows {
				if o.Prefix == b.Prefix && (o.Observed || !b.Observed) {
					l.end(i, b.Since, "a newer ban")
				}
			}
			l.rows, l.lifted = append(l.rows, b), append(l.lifted, "")
		} else if l.lifted[i] == "" {
			if b.Lines == nil {
				b.Lines = l.rows[i].Lines
			}
			l.rows[i] = b
		}
	}
	return nil
}

func (l *ledger) end(i int, at time.Time, by string) {
	if b := &l.rows[i]; l.lifted[i] == "" && (b.Until.IsZero() || b.Until.After(at)) {
		b.Until, l.lifted[i] = at, by
	}
}

func (l *ledger) Lift(prefixes []netip.Prefix, by string, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for i, b := range l.rows {
		if slices.Contains(prefixes, b.Prefix) {
			l.end(i, at, by)
		}
	}
	return nil
}

func (l *ledger) Strikes(time.Time, time.Time, int) ([]book.Strike, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strikes, l.fail
}

func (l *ledger) SaveMoments(list []book.Moment, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, m := range list {
		l.moments = slices.DeleteFunc(l.moments, func(o book.Moment) bool { return o.Kind == m.Kind && o.Prefix == m.Prefix })
		l.moments = append(l.moments, m)
	}
	return nil
}

func (l *ledger) Moments(now time.Time) (list []book.Moment, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.moments {
		if m.Until.Add(book.MomentKept).After(now) {
			list = append(list, m)
		}
	}
	return list, l.fail
}

func (l *ledger) failing(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// all are the rows, as "prefix by jail until".
func (l *ledger) all() []book.Ban {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.rows)
}

// live are the prefixes that a restart would bring back.
func (l *ledger) live(now time.Time) string {
	bans, _ := l.Bans(now)
	return prefixesOf(bans)
}

func prefixesOf(bans []book.Ban) string {
	var list []netip.Prefix
	for _, b := range bans {
		list = append(list, b.Prefix)
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return strings.Trim(fmt.Sprint(list), "[]")
}

// journal is a slog.Handler that remembers messages.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j *journal) WithGroup(string) slog.Handler            { return j }
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	j.lines = append(j.lines, line)
	return nil
}

// count is how many messages hold a text.
func (j *journal) count(text string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// scene is a warden with everything around it, in a bubble of its own time.
type scene struct {
	*Warden
	t       *testing.T
	kernel  *kernel
	ledger  *ledger
	journal *journal
	jails   []*jails.Jail
	guard   *jails.Guard
	late    bool         // begin leaves the book empty, and Restore to the test
	stop    func() error // ends Run and returns what it did
}

// play runs a test in a bubble. Warden.Run is running unless the test stops it; a
// goroutine that outlives the test fails it.
func play(t *testing.T, test func(t *testing.T, s *scene), files ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, kernel: newKernel(), ledger: new(ledger), journal: new(journal), guard: jails.NewGuard(nil, nil)}
		if len(files) == 0 {
			files = []string{"maxretry: 2\nbantime: 1h\nbantime_growth: {factor: 2}"}
		}
		for i, text := range files {
			s.jails = append(s.jails, jailOf(t, string(rune('a'+i)), text))
		}
		s.begin()
		test(t, s)
		s.stop()
	})
}

// begin makes a new warden over the same kernel and ledger, as a start of the
// daemon does, and runs it.
func (s *scene) begin() {
	s.t.Helper()
	bans, err := s.ledger.Bans(time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	if s.late {
		bans = nil
	}
	judge := jails.NewJudge(s.jails, s.guard, book.NewBook(bans, nil), 1000, false)
	s.Warden = New(judge, s.kernel, s.ledger, slog.New(s.journal))
	if s.late {
	} else if err := s.Restore(context.Background(), time.Now()); err != nil {
		s.journal.lines = append(s.journal.lines, "restore: "+err.Error())
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	w := s.Warden
	go func() { done <- w.Run(ctx) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-done })
}

// attack is as many failures as it takes, one after another.
func (s *scene) attack(a string, n int) {
	for range n {
		s.Hear("/log", failure(a), time.Now(), time.Now())
	}
}

// banned are the prefixes of the book, as the operator sees them.
func (s *scene) banned() string { return prefixesOf(s.Bans(time.Now())) }

// ban is the live ban of a prefix; the zero Ban when there is none.
func (s *scene) ban(p string) book.Ban {
	for _, b := range s.Bans(time.Now()) {
		if b.Prefix.String() == p {
			return b
		}
	}
	return book.Ban{}
}

// inKernel are the members of the kernel.
func (s *scene) inKernel() string {
	var list []book.Ban
	s.kernel.Each(func(h ports.Held) {
		if !slices.ContainsFunc(list, func(b book.Ban) bool { return b.Prefix == h.Prefix }) {
			list = append(list, book.Ban{Prefix: h.Prefix})
		}
	})
	return prefixesOf(list)
}

// expect compares what book, kernel and ledger hold.
func (s *scene) expect(when, book, kernel, ledger string) {
	s.t.Helper()
	if got := s.banned(); got != book {
		s.t.Errorf("%s: got %q in the book, want %q", when, got, book)
	}
	if got := s.inKernel(); got != kernel {
		s.t.Errorf("%s: got %q in the kernel, want %q", when, got, kernel)
	}
	if got := s.ledger.live(time.Now()); got != ledger {
		s.t.Errorf("%s: got %q in the database, want %q", when, got, ledger)
	}
}

// problem is what a report says of something; "" when all is well.
func (s *scene) problem(about string) string {
	if err := s.Report(time.Now()).Problems[about]; err != nil {
		return err.Error()
	}
	return ""
}

// pass lets time go by, and everything happen that is due.
func pass(d time.Duration) {
	time.Sleep(d) // in a bubble this is no waiting
	synctest.Wait()
}

func (l *ledger) SaveCounts(data []byte, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail == nil {
		l.counts = data
	}
	return l.fail
}

func (l *ledger) TakeCounts() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail
	}
	data := l.counts
	l.counts = nil
	return data, nil
}

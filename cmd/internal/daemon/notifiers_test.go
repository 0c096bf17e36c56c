package daemon

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"pbxjail/jails/book"
	"pbxjail/jails/warden"
)

// stuck is a notifier that waits.
type stuck struct {
	open    chan struct{}
	got     int
	dropped uint64
}

func (s *stuck) notify(warden.Decision) { <-s.open; s.got++ }
func (s *stuck) lost(n uint64)          { s.dropped += n }

// TestSlowNotifierDelaysNothing: the log goes on, and what the slow one lost is said.
func TestSlowNotifierDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, text := &stuck{open: make(chan struct{})}, &ownLog{}
		n := notifiers{}
		n.add("slow", slow, nil)
		n.add("log", logger{slog.New(slog.NewTextHandler(text, nil))}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		const more = 20
		for range maxDecisions + more {
			n.tell(warden.Decision{What: warden.Banned, Ban: book.Ban{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Jail: "phones", Reason: "3 points"}})
			synctest.Wait()
		}
		if got := strings.Count(text.String(), "msg=ban prefix=203.0.113.9/32 jail=phones"); got != maxDecisions+more {
			t.Errorf("got %d lines, want %d", got, maxDecisions+more)
		}
		close(slow.open)
		cancel()
		if err := <-ended; err != nil || slow.got != maxDecisions+1 {
			t.Errorf("got %v and %d decisions, want all that waited", err, slow.got)
		}
		if slow.dropped != more-1 {
			t.Errorf("got %d, want what the slow one lost", slow.dropped)
		}
	})
}

// TestEachDecisionIsALine of its own level.
func TestEachDecisionIsALine(t *testing.T) {
	p := netip.MustParsePrefix("203.0.113.9/32")
	for what, want := range map[warden.What]string{
		warden.Banned: "level=INFO msg=ban ", warden.BannedByHand: `level=INFO msg="ban by hand"`, warden.LetOut: "level=INFO msg=unban ",
		warden.WouldBan: `level=INFO msg="would ban: this jail only observes, so nothing is dropped"`, warden.NotBanned: `level=WARN msg="not banned: the address is protected"`, warden.Alarm: `level=WARN msg="alarm for the admin" `,
	} {
		text := &ownLog{}
		logger{slog.New(slog.NewTextHandler(text, nil))}.notify(warden.Decision{What: what, Ban: book.Ban{Prefix: p}})
		if got := text.String(); !strings.Contains(got, want) || !strings.Contains(got, "prefix=203.0.113.9/32") {
			t.Errorf("%d: got %q, want %q", what, got, want)
		}
	}
}

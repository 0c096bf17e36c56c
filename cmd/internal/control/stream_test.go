package control

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// TestFollow: lines come one by one, an error ends it, and so does the end of the caller.
func TestFollow(t *testing.T) {
	gone, begun := make(chan error, 1), make(chan bool)
	handler := HandleStream(StreamWire, func(ctx context.Context, q WireRequest, to Caller[Transaction]) error {
		if q.Addr.IsValid() {
			return Refuse(http.StatusConflict, "wait", "too many follow")
		}
		if err := to.Begin(); err != nil {
			return err
		}
		<-begun
		for i := range 3 {
			if err := to.Send(Transaction{Status: 200 + i}); err != nil {
				return err
			}
		}
		<-ctx.Done()
		gone <- ctx.Err()
		return ctx.Err()
	})
	path, _ := serveAll(t, handler)
	c := NewClient(path)
	ctx, cancel := context.WithCancel(t.Context())
	var got []int
	err := Follow(ctx, c, StreamWire, WireRequest{}, func() { close(begun) }, func(a Transaction) error {
		if got = append(got, a.Status); len(got) == 3 {
			cancel()
		}
		return nil
	})
	if err != nil || len(got) != 3 || got[2] != 202 {
		t.Errorf("got %v, %v", got, err)
	}
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the daemon got %v, want an error that the caller is gone", err)
	}
	err = Follow(t.Context(), c, StreamWire, WireRequest{Addr: netip.MustParseAddr("203.0.113.9")}, func() { t.Error("it has begun") }, func(Transaction) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "too many follow") {
		t.Errorf("got %v, want the refusal", err)
	}
}

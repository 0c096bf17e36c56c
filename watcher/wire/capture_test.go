package wire

import (
	"testing"
	"time"
)

// TestUntilRead: what wakes no reader never fills the ring before it is read, if it comes
// on as it came.
func TestUntilRead(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		in   time.Duration
		want time.Duration
	}{
		{0, time.Second, readIdle},
		{0, 0, readIdle},
		{1, time.Second, readLater},
		{250, readLater, readLater},
		{384, readLater, readLater},
		{385, readLater, readSoon},
		{100, readSoon, readLater},
		{800, readSoon, readSoon},
		{5, 0, readSoon}, // the first time, nothing is known
		{1 << 40, time.Second, readSoon},
	} {
		if got := untilRead(c.n, c.in); got != c.want {
			t.Errorf("%d in %s: got %s, want %s", c.n, c.in, got, c.want)
		}
	}
}

package beat

import (
	"testing"
	"time"
)

func TestUntil(t *testing.T) {
	second := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		after, period, want time.Duration // after a whole second
	}{
		{0, time.Second, time.Second},
		{300 * time.Millisecond, time.Second, 700 * time.Millisecond},
		{875 * time.Millisecond, time.Second, 125 * time.Millisecond},
		{999 * time.Millisecond, time.Second, 1001 * time.Millisecond}, // the timer of that beat was early
		{time.Nanosecond, 250 * time.Millisecond, 250*time.Millisecond - time.Nanosecond},
		{4 * time.Second, 5 * time.Second, time.Second},
	} {
		if got := Until(second.Add(c.after), c.period); got != c.want {
			t.Errorf("%s after a second, each %s: got %s, want %s", c.after, c.period, got, c.want)
		}
	}
}

// TestUntilMeets: what is done every second and what is done every ten meet at the ten.
func TestUntilMeets(t *testing.T) {
	now := time.Unix(1_700_000_003, 141_592_653)
	ten := now.Add(Until(now, 10*time.Second))
	second := now
	for second.Before(ten) {
		second = second.Add(Until(second, time.Second))
	}
	if !second.Equal(ten) {
		t.Errorf("got %s, want %s", second, ten)
	}
}

package warden

import (
	"testing"
	"time"
)

// TestCarve: who is let in is out of a wider ban, and the rest of it holds as long as before.
func TestCarve(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		if _, err := s.Order(Order{Prefix: prefix("198.51.100.0/24"), For: new(2 * time.Hour), By: "x"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		inner := prefix("198.51.100.7/32")
		carved, err := s.Carve(inner, "x", time.Now())
		if err != nil || len(carved) != 1 || carved[0] != prefix("198.51.100.0/24") {
			t.Fatalf("got %v, %v", carved, err)
		}
		if s.Holds(inner.Addr(), time.Now()) {
			t.Error("it is banned still")
		}
		if _, ok := s.kernel.left(prefix("198.51.100.0/24")); ok {
			t.Error("the wide ban is in the kernel still")
		}
		for _, other := range []string{"198.51.100.6", "198.51.100.0", "198.51.100.255"} {
			if !s.Holds(addr(other), time.Now()) {
				t.Errorf("%s is free", other)
			}
		}
		if left, ok := s.kernel.left(prefix("198.51.100.128/25")); !ok || left != 119*time.Minute {
			t.Errorf("got %v, %t for a part, want the rest of two hours", left, ok)
		}
		if again, err := s.Carve(inner, "x", time.Now()); err != nil || len(again) != 0 {
			t.Errorf("got %v, %v the second time", again, err)
		}
		if inside := s.Inside(prefix("198.51.100.0/24"), time.Now()); len(inside) != 8 {
			t.Errorf("got %v, want the eight parts", inside)
		}
	})
}

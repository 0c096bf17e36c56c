package lab

import (
	"bytes"
	"slices"
	"testing"
)

func TestAttackIsWhole(t *testing.T) {
	lines, actors, err := Attack()
	if err != nil {
		t.Fatal(err)
	}
	failures := make([]int, len(actors))
	size := 0
	for _, line := range lines {
		size += len(line.Text)
		if !slices.Contains([]string{"security", "messages", "sipsec.log"}, line.File) {
			t.Errorf("no such log: %q", line.File)
		}
		if _, ok := stampOf(line.Text); !ok {
			t.Errorf("no stamp: %s", line.Text)
		}
		named := 0
		for i, actor := range actors {
			if !bytes.Contains(line.Text, []byte(actor.Addr.String())) {
				continue
			}
			named++
			if line.File == "sipsec.log" || bytes.Contains(line.Text, []byte(`Severity="Error"`)) {
				failures[i]++
			}
		}
		if named != 1 {
			t.Errorf("%d of the actors are in one line: %s", named, line.Text)
		}
	}
	for i, actor := range actors {
		if actor.Ban != (failures[i] >= 5) {
			t.Errorf("%s (ban: %v) fails %d times", actor.Addr, actor.Ban, failures[i])
		}
	}
	if size > 60<<10 {
		t.Errorf("the recording has grown to %d bytes", size)
	}
	v6 := slices.IndexFunc(actors, func(a Actor) bool { return a.Ban && a.Addr.Is6() })
	honest := slices.IndexFunc(actors, func(a Actor) bool { return !a.Ban && a.Addr.Is6() })
	if v6 < 0 || honest < 0 {
		t.Error("the recording lacks an attacker or a phone over IPv6")
	}
}

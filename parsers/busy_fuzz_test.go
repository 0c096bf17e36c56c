package parsers

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// FuzzBusy: whatever a caller writes through a door into a busy log, in which threads are
// known, its records charge and protect no other address; and wherever blocks end, nothing is
// believed that is not believed when the log is read whole. His threads are none of the
// log's.
func FuzzBusy(f *testing.F) {
	victim := netip.MustParseAddr("192.0.2.50")
	log := strings.SplitAfter(string(genFull(400)), "\n")
	for i := range openDoors {
		r := rand.New(rand.NewPCG(uint64(i), 6))
		f.Add(uint8(i), uint16(i*17), uint8(i), busyText(r, insideStamp, 7777))
		f.Add(uint8(i), uint16(i*13), uint8(i), seems[i%len(seems)]+"\n"+insideStamp+fmt.Sprintf(payloads[i%len(payloads)], 1))
	}
	f.Fuzz(func(t *testing.T, door uint8, at uint16, lines uint8, text string) {
		if len(text) > 2000 || strings.Contains(text, "[22") || strings.Contains(text, "\x1b") {
			return
		}
		n := 50 + int(at)%300
		stamp := log[n][:strings.IndexByte(log[n], ']')+2]
		text = strings.ReplaceAll(text, insideStamp, stamp)
		record := stamp + through(fmt.Sprintf(openDoors[int(door)%len(openDoors)], 2200+int(at)%40), text) + "\n"
		all := strings.Join(log[:n], "") + record + strings.Join(log[n:], "")
		New(Clock{}).Block([]byte(all), false, time.Time{}, func(e *Event) {
			if e.Addr == victim && (e.Result == Offence || e.Result == Signal) && e.Evidence > Claimed {
				t.Fatalf("got %s of %s by %s in row %d, and a caller wrote it\n%s", e.Result, e.Addr, e.Rule, e.Row, around(all, int(e.Row)))
			}
		})
		whole := readSplit(all, func() int { return len(all) })
		for event := range readSplit(all, func() int { return 1 + int(lines) }) {
			if !whole[event] {
				t.Fatalf("got %q believed in blocks of %d lines, and not in one", event, 1+int(lines))
			}
		}
	})
}

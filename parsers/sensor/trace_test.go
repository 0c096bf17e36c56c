package sensor

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
	"pbxjail/watcher/wire"
)

// TestARealTrace plays packets of a real Asterisk under attack: each attacker is
// charged again and again, an honest address at most once or twice.
func TestARealTrace(t *testing.T) {
	file, err := os.Open("testdata/lab.pcap.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	trace, err := wire.NewTrace(file)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, Options{LearnPorts: true})
	l.quiet = true
	a := wire.Assembler{Own: func(a netip.Addr) bool { return a == pbx || a == netip.MustParseAddr("2001:db8:0:1::10") }}
	for {
		f, err := trace.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		a.Frame(f, func(p *wire.Packet) {
			l.now = p.Time
			l.s.Packet(&Packet{Time: p.Time, TCP: p.TCP, Src: p.Src, Dst: p.Dst, Out: p.Out, Data: p.Data, Start: p.Start, End: p.End, Lost: p.Lost}, l.emit)
		})
	}
	l.after(time.Minute)

	list, err := os.Open("testdata/lab.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	seen := 0
	for s := bufio.NewScanner(list); s.Scan(); {
		row := strings.Split(s.Text(), "\t")
		if len(row) != 3 {
			continue
		}
		seen++
		points := l.points[netip.MustParseAddr(row[0])]
		if row[1] == "bad" && points < 2*parsers.Point && !strings.HasSuffix(row[2], "/tls") || row[1] == "good" && points > 2*parsers.Point {
			t.Errorf("%s made %v points: %s", row[0], points, row[2])
		}
	}
	if seen < 50 {
		t.Errorf("got %d senders, want all of them", seen)
	}
}

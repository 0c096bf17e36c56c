package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab"
)

// TestPermissionDenied: a log that may not be read is reported as a problem, and once it
// may be read, reading continues where it was. The daemon observes, as an ordinary user.
func TestPermissionDenied(t *testing.T) {
	const addr = "203.0.113.9"
	p := newPBX(t)
	log := p.path("asterisk/security")
	p.attack("198.51.100.7", 5)
	p.must(os.Chmod(log, 0))
	p.startAs(p.asOrdinaryUser(p.command("--observe")))
	p.logged(`level=ERROR msg="log cannot be read, so pbxjail sees no attacks in this log" file=` + log + ` err=".*permission denied" hint="let user .* read the logs: setfacl`)
	p.eventually("a problem of the file", func() bool {
		files := p.status().Files
		return len(files) == 1 && strings.Contains(files[0].Problem, "permission denied")
	})
	p.must(os.Chmod(log, 0o644))
	p.logged(`msg="log can be read again"`)
	p.attack(addr, 3)
	p.banned(addr)
}

// TestRotationUnderAttack: what is written around a rotation counts, once. Each
// address offends three times, once or twice of it before a rotation.
func TestRotationUnderAttack(t *testing.T) {
	const rounds, each = 8, 4
	p := newPBX(t)
	p.start()
	player := lab.NewPlayer(p.logs())
	defer player.Close()
	var addrs []string
	for round := range rounds {
		var before, after []lab.Line
		for i := range each {
			addr := fmt.Sprintf("203.0.113.%d", 1+round*each+i)
			line := lab.Line{File: "security", Text: []byte(strings.TrimSuffix(offence(addr), "\n"))}
			before = append(before, slices.Repeat([]lab.Line{line}, 1+i%2)...)
			after = append(after, slices.Repeat([]lab.Line{line}, 2-i%2)...)
			addrs = append(addrs, addr)
		}
		p.must(player.Play(t.Context(), before, lab.Pace{}), player.Rotate(), player.Play(t.Context(), after, lab.Pace{}))
		p.eventually("the bans of this round", func() bool { return len(p.list()) == len(addrs) })
	}
	if got, want := p.status().Counters.Lines, 3*len(addrs); got != want {
		t.Errorf("got %d lines, want %d", got, want)
	}
	for addr, b := range p.list() {
		if b.Strike != 1 {
			t.Errorf("%s: got strike %d, want 1", addr, b.Strike)
		}
	}
	p.wantAnswers(false, addrs[0], addrs[len(addrs)-1])
}

// maxMemory is what the daemon may hold, in KiB.
const maxMemory = 64 << 10

// TestRubbish: 100 MB without a newline in one log while attacks go on in another,
// and bytes that are no text between the lines of both.
func TestRubbish(t *testing.T) {
	p := newPBX(t)
	p.write("jails/phones.yaml", fmt.Sprintf("logs: [%[1]s/security, %[1]s/full]\nmatch: [{event: bad-password}]\nmaxretry: 3\n", p.logs()))
	p.write("asterisk/full", "")
	p.start()
	full, err := os.OpenFile(p.path("asterisk/full"), os.O_APPEND|os.O_WRONLY, 0)
	p.must(err)
	defer full.Close()
	chunk := bytes.Repeat([]byte("A"), 1<<20)
	for i := range 100 {
		_, err := full.Write(chunk)
		p.must(err)
		if i%20 == 0 {
			addr := fmt.Sprintf("203.0.113.%d", i+1)
			p.attack(addr, 3)
			p.banned(addr)
		}
	}
	_, err = full.Write([]byte("\n"))
	p.must(err)
	p.attackIn("full", "203.0.113.2", 3)
	p.banned("203.0.113.2")

	random := rand.New(rand.NewPCG(1, 2))
	for i, rubbish := range [][]byte{
		bytes.Repeat([]byte{0}, 1<<16), // the hole a truncated file has
		{0xff, 0xfe, 0x80, 0xc0, '\n'},
		[]byte("[2026-01-02 03:04:05] NOTICE[1638] chan_sip.c: Registration from '\xed\xa0\x80\n"),
		[]byte("\r\r\n\v\f\x1b[2J\n\n\n"),
		[]byte(`{"hash":"` + strings.Repeat("[", 4000) + "\n"),
		binary(random, 1<<20),
	} {
		_, err := full.Write(rubbish)
		p.must(err)
		_, err = full.Write([]byte("\n"))
		p.must(err)
		// What follows a record that was cut is not believed for a while, since a
		// caller could have written it: but the attack goes on.
		addr := fmt.Sprintf("2001:db8:a1:%x::6", i+1) // each is a customer of its own
		p.eventually("ban of "+addr, func() bool {
			p.attackIn("full", addr, 3)
			_, ok := p.list()[addr]
			return ok
		})
	}
	p.wantAnswers(false, "203.0.113.1", "203.0.113.2", "203.0.113.81", "2001:db8:a1:6::6")
	if got := len(p.list()); got != 12 {
		t.Errorf("got %d bans, want the 12 attackers and no others", got)
	}
	if got := peakMemory(p); raceDetector() {
		t.Logf("memory %d KiB, not judged under the race detector", got)
	} else if got > maxMemory {
		t.Errorf("the daemon held %d KiB, want at most %d", got, maxMemory)
	} else {
		t.Logf("memory %d KiB", got)
	}
}

func binary(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

var peak = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most the daemon ever had in memory, in KiB: proc(5) VmHWM.
func peakMemory(p *pbx) int {
	p.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.daemon.cmd.Process.Pid), "status"))
	p.must(err)
	m := peak.FindSubmatch(text)
	if m == nil {
		p.Fatalf("no VmHWM in %s", text)
	}
	n, err := strconv.Atoi(string(m[1]))
	p.must(err)
	return n
}

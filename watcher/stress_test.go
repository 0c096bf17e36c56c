package watcher

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The scenarios and the checker are those nxadm/tail was measured with: numbered
// lines at 50,000 a second while the log is rotated under the reader.
//
// copytruncate here, as in logrotate(8), copies and then truncates. What the
// writer adds between the end of the copy and the truncation is in neither if we
// did not read it in that moment: that much is inherent, and the writer of this
// test writes nothing then.

const (
	stressRate = 50000
	lineEnd    = " NOTICE[2210] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:100@pbx>' failed for '192.0.2.1:5060' (callid: x) END"
)

// stressSize is how many lines lie between rotations, and how often all is run.
func stressSize(t *testing.T) (segment, runs int) {
	if os.Getenv("PBXJAIL_STRESS") != "" {
		return 25000, 5
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	return 5000, 1
}

func TestStress(t *testing.T) {
	segment, runs := stressSize(t)
	for _, scenario := range []string{
		"steady", "burst", "rename", "rename-late", "rename-gap", "delete", "copytruncate", "trunc-regrow",
		"partial", "slow-partial", "missing", "missing-dir", "hugeline",
	} {
		for run := range runs {
			t.Run(scenario+"/"+strconv.Itoa(run), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "log", "full")
				if scenario != "missing-dir" {
					must(t, os.Mkdir(filepath.Dir(path), 0o755))
				}
				if scenario != "missing-dir" && scenario != "missing" {
					put(t, path, "")
				}
				tally := &tally{t: t}
				w := &watching{t: t, Watcher: New(Options{Patterns: []string{path}})}
				w.run(tally.take, func(run func()) { go run() })
				w.until("it looked at its file", func() bool { return len(w.Files()) == 1 })
				s := &stress{t: t, path: path, scenario: scenario, segment: segment}
				s.begun = func(n int) { w.until("the file is being read", func() bool { return tally.has(n) }) }
				s.write()
				w.until("the last line came", func() bool { return tally.has(s.next - 1) })
				w.stop()
				tally.check(s.next)
				if got := w.state(path).Missed; got != 0 {
					t.Errorf("got %d files missed, want none", got)
				}
			})
		}
	}
}

// tally counts the numbered lines that are delivered.
type tally struct {
	t *testing.T

	mu   sync.Mutex
	seen []uint8
	torn int
}

func (c *tally) take(b Block) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range bytes.Lines(b.Data) {
		n, err := strconv.Atoi(string(line[min(1, len(line)):min(11, len(line))]))
		switch {
		case b.Cut && line[0] == 'A':
		case len(line) == 12+len(lineEnd) && err == nil && strings.HasSuffix(string(line), lineEnd+"\n"):
			for n >= len(c.seen) {
				c.seen = append(c.seen, make([]uint8, 1<<16)...)
			}
			c.seen[n]++
		default:
			c.torn++
		}
	}
	return nil
}

func (c *tally) has(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n < len(c.seen) && c.seen[n] > 0
}

func (c *tally) check(written int) {
	c.t.Helper()
	lost, doubled := 0, 0
	for n := range written {
		switch {
		case n >= len(c.seen) || c.seen[n] == 0:
			lost++
		case c.seen[n] > 1:
			doubled++
		}
	}
	c.t.Logf("%d lines: %d lost, %d doubled, %d torn", written, lost, doubled, c.torn)
	if lost+doubled+c.torn > 0 {
		c.t.Errorf("of %d lines: got %d lost, %d doubled, %d torn, want none", written, lost, doubled, c.torn)
	}
}

// stress writes numbered lines as a scenario has it.
type stress struct {
	t        *testing.T
	path     string
	scenario string
	segment  int

	begun func(n int) // waits until a line is delivered
	file  *os.File
	next  int // the number of the next line
	paced int
	start time.Time
}

func (s *stress) write() {
	if s.scenario == "missing-dir" {
		must(s.t, os.Mkdir(filepath.Dir(s.path), 0o755))
	}
	s.file = appendTo(s.t, s.path)
	if s.scenario == "hugeline" {
		huge := bytes.Repeat([]byte("A"), 1<<20)
		for range 100 {
			_, err := s.file.Write(huge)
			must(s.t, err)
		}
		write(s.t, s.file, "\n")
	}
	s.start = time.Now()
	for i := range 4 {
		if i > 0 {
			if s.scenario == "delete" { // a file that came and went between two looks leaves no trace
				s.begun(s.next - s.segment)
			}
			s.rotate(s.path + "." + strconv.Itoa(i))
		}
		segment := s.segment
		if s.scenario == "slow-partial" {
			segment = 50
		}
		for range segment {
			s.line()
		}
	}
	must(s.t, s.file.Close())
}

func (s *stress) rotate(old string) {
	switch s.scenario {
	case "rename", "delete":
		if s.scenario == "rename" {
			must(s.t, os.Rename(s.path, old))
		} else {
			must(s.t, os.Remove(s.path))
		}
		must(s.t, s.file.Close())
		s.file = appendTo(s.t, s.path)
	case "rename-late":
		must(s.t, os.Rename(s.path, old))
		next := appendTo(s.t, s.path)
		for begin := time.Now(); time.Since(begin) < 200*time.Millisecond; {
			s.line()
		}
		must(s.t, s.file.Close())
		s.file = next
	case "rename-gap":
		must(s.t, os.Rename(s.path, old))
		must(s.t, s.file.Close())
		<-time.After(300 * time.Millisecond)
		s.file = appendTo(s.t, s.path)
		s.start, s.paced = time.Now(), 0
	case "copytruncate", "trunc-regrow":
		copyTo(s.t, s.path, old)
		must(s.t, os.Truncate(s.path, 0))
		if s.scenario == "trunc-regrow" {
			var text []byte
			for range s.segment + 1000 {
				text = s.number(text)
			}
			_, err := s.file.Write(text)
			must(s.t, err)
		}
	}
}

func (s *stress) number(text []byte) []byte {
	text = fmt.Appendf(text, "#%010d%s\n", s.next, lineEnd)
	s.next++
	return text
}

// line writes one line in the manner of the scenario, and keeps the rate.
func (s *stress) line() {
	text := s.number(nil)
	rate := stressRate
	parts := [][]byte{text}
	if strings.HasSuffix(s.scenario, "partial") {
		parts = [][]byte{text[:40], text[40:]}
	}
	for i, part := range parts {
		if i > 0 && s.scenario == "partial" {
			for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
			}
		}
		if i > 0 && s.scenario == "slow-partial" {
			<-time.After(3 * time.Millisecond)
		}
		if _, err := s.file.Write(part); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.scenario == "slow-partial" {
		rate = 200
	}
	s.paced++
	early := time.Duration(s.paced)*time.Second/time.Duration(rate) - time.Since(s.start)
	if early > time.Millisecond && s.scenario != "burst" {
		<-time.After(early)
	}
}

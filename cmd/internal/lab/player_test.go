package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func lines(file string, texts ...string) (all []Line) {
	for _, text := range texts {
		all = append(all, Line{file, []byte(text)})
	}
	return all
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPlayersShareAFileByWholeLines(t *testing.T) {
	dir := t.TempDir()
	var playing sync.WaitGroup
	for _, letter := range []string{"a", "b"} {
		playing.Go(func() {
			p := NewPlayer(dir)
			defer p.Close()
			for range 500 {
				if err := p.Play(t.Context(), lines("full", strings.Repeat(letter, 300)), Pace{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	playing.Wait()
	count := map[string]int{}
	for line := range strings.Lines(read(t, dir, "full")) {
		count[line]++
	}
	for _, letter := range []string{"a", "b"} {
		if got := count[strings.Repeat(letter, 300)+"\n"]; got != 500 {
			t.Errorf("got %d whole lines of %s, want 500", got, letter)
		}
	}
	if len(count) != 2 {
		t.Errorf("got %d different lines, want 2", len(count))
	}
}

func TestRotateStartsFile(t *testing.T) {
	dir := t.TempDir()
	p := NewPlayer(dir)
	defer p.Close()
	for _, text := range []string{"one", "two", "three"} {
		if err := p.Play(t.Context(), lines("full", text), Pace{}); err != nil {
			t.Fatal(err)
		}
		if text == "three" {
			break
		}
		before, _ := os.Stat(filepath.Join(dir, "full"))
		if err := p.Rotate(); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(filepath.Join(dir, "full"))
		if err != nil || os.SameFile(before, after) {
			t.Errorf("after %s: the log is the same file as before (%v)", text, err)
		}
	}
	for name, want := range map[string]string{"full.0": "one\n", "full.1": "two\n", "full": "three\n"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestPace(t *testing.T) {
	recorded := lines("full", "[Nov 22 07:24:00] a", "no stamp", "[Nov 22 07:24:10] b", "[Nov 22 07:24:05] late", "[Nov 22 07:24:15] c")
	for _, c := range []struct {
		name string
		pace Pace
		want time.Duration
	}{
		{"no pause", Pace{}, 0},
		{"evenly", Pace{Lines: 10}, 500 * time.Millisecond},
		{"as recorded", Pace{Speed: 1}, 20 * time.Second},
		{"four times the recorded pace", Pace{Speed: 4}, 5 * time.Second},
		{"lines win over speed", Pace{Lines: 5, Speed: 1}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := NewPlayer(dir)
				defer p.Close()
				begin := time.Now()
				if err := p.Play(t.Context(), recorded, c.pace); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begin); got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
			if got := strings.Count(read(t, dir, "full"), "\n"); got != len(recorded) {
				t.Errorf("got %d lines, want %d", got, len(recorded))
			}
		})
	}
}

func TestPlayEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := NewPlayer(t.TempDir())
	defer p.Close()
	if err := p.Play(ctx, lines("full", "a", "b"), Pace{Lines: 0.001}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestRestamp(t *testing.T) {
	now := time.Date(2027, 3, 4, 5, 6, 7, 89e6, time.FixedZone("", -5*3600))
	for _, c := range []struct{ name, line, want string }{
		{"head", "[Nov 22 07:24:02] NOTICE[1] manager.c: x", "[Mar  4 05:06:07] NOTICE[1] manager.c: x"},
		{
			"event and nonce",
			`[Nov 22 07:24:02] SECURITY[1] res_security_log.c: SecurityEvent="X",EventTV="2026-11-22T07:24:02.244+0000",Challenge="1795332253/5b32"`,
			`[Mar  4 05:06:07] SECURITY[1] res_security_log.c: SecurityEvent="X",EventTV="2027-03-04T05:06:07.089-0500",Challenge="1804154767/5b32"`,
		},
		{"nonce of chan_sip", `[Nov 22 07:24:02] a,Challenge="65326bb7"`, `[Mar  4 05:06:07] a,Challenge="65326bb7"`},
		{"no stamp", `Nov 22 07:24:02 x,EventTV="2026-11-22T07:24:02.244+0000"`, `Nov 22 07:24:02 x,EventTV="2026-11-22T07:24:02.244+0000"`},
		{"cut", `[Nov 22 07:24:02] x,EventTV="2026-11-22T07:2`, `[Mar  4 05:06:07] x,EventTV="2026-11-22T07:2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := []byte(c.line)
			restamp(got, now)
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func FuzzRestamp(f *testing.F) {
	f.Add([]byte(`[Nov 22 07:24:02] S,EventTV="2026-11-22T07:24:02.244+0000",Challenge="1795332253/5b32"`))
	now := time.Date(2027, 3, 4, 5, 6, 7, 89e6, time.UTC)
	f.Fuzz(func(t *testing.T, line []byte) {
		once := bytes.Clone(line)
		restamp(once, now)
		if len(once) != len(line) || bytes.Count(once, []byte("\n")) > bytes.Count(line, []byte("\n")) {
			t.Errorf("%q became %q", line, once)
		}
		twice := bytes.Clone(once)
		restamp(twice, now)
		if !bytes.Equal(once, twice) {
			t.Errorf("not settled: %q, then %q", once, twice)
		}
	})
}

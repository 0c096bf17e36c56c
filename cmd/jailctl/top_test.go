package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/control"
)

// steady is a daemon to which the same comes each second, from when it is first asked.
type steady struct {
	begun time.Time
	asked int   // how often
	fails error // once it was asked twice
}

func (s *steady) Status(context.Context) (control.Status, error) {
	if s.begun.IsZero() {
		s.begun = time.Now()
	}
	if s.asked++; s.asked > 2 && s.fails != nil {
		return control.Status{}, s.fails
	}
	n := uint64(time.Since(s.begun) / time.Second)
	return control.Status{Version: "0.1.0", Since: t0.Add(-72 * time.Minute), Bans: 3, Enforcing: true, Counters: control.Counters{
		Lines: 1000 + 25*n, Matched: 100 + n/2, Bans: 7 + n}}, nil
}

func (s *steady) Top(_ context.Context, n int) (control.Top, error) {
	return control.Top{
		At:        t0.Add(time.Since(s.begun).Round(time.Second)),
		Jails:     []control.TopRow{{Key: "guessing", LastMinute: 12, LastTen: 61, Points: 75}, {Key: "scanning", LastTen: 2, Points: 0.5}},
		Countries: []control.TopRow{{Key: "NL", LastMinute: 9, LastTen: 58, Points: 72.5}, {Key: "US", LastMinute: 3, LastTen: 5, Points: 3}},
		Accounts:  []control.TopRow{{Key: "201", LastMinute: 9, LastTen: 40, Points: 40, Error: 8}},
		Addresses: []control.TopRow{{Key: "203.0.113.7", LastMinute: 9, LastTen: 58, Points: 72.5, Banned: true},
			{Key: "198.51.100.20", LastMinute: 3, LastTen: 5, Points: 3}},
	}, nil
}

func TestHeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, daemon := &screen{}, &steady{}
		for i, want := range []string{
			"[pbxjail 0.1.0, up 1h12m: 3 bans in force now since pbxjail started: 1000 lines of logs, 100 attempts, 7 bans began]",
			"[pbxjail 0.1.0, up 1h12m: 3 bans in force now in the last 2s: 25.0 lines of logs per second, 0.5 attempts per second, 2 bans began]",
		} {
			status, _ := daemon.Status(t.Context())
			if got := fmt.Sprint(s.headlines(status, t0.Add(time.Duration(2*i)*time.Second))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			time.Sleep(2 * time.Second)
		}
		restarted := control.Status{Version: "0.1.0", Since: t0}
		if got, want := fmt.Sprint(s.headlines(restarted, t0.Add(4*time.Second))), "[pbxjail 0.1.0, up 4s: NOTHING IS DROPPED; 0 bans only recorded since pbxjail started: 0 lines of logs, 0 attempts, 0 bans began]"; got != want {
			t.Errorf("of a daemon that was restarted: got %s, want %s", got, want)
		}
	})
}

func TestScreenIsDrawnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		z := func() size { return size{80, 24} }
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := (&screen{app: &app{stdout: &out}, client: &steady{}, most: 10, size: z}).run(ctx, 2*time.Second); err != nil {
			t.Errorf("got %v, want an end without a word", err)
		}
		frames := strings.Split(out.String(), "\x1b[H\x1b[J")
		if len(frames) != 4 || frames[0] != "" || !strings.Contains(frames[1], "1000 lines of logs,") || !strings.Contains(frames[3], "25.0 lines of logs per second") {
			t.Errorf("got %q, want a screen at 0 s, 2 s and 4 s", frames)
		}
		gone := errors.New("gone")
		if err := (&screen{app: &app{stdout: &out}, client: &steady{fails: gone}, most: 10, size: z}).run(t.Context(), time.Second); err != gone {
			t.Errorf("got %v, want the screen to end with the daemon", err)
		}
	})
}

func TestFrameFitsTheTerminal(t *testing.T) {
	rows := make([]control.TopRow, 500)
	for i := range rows {
		rows[i] = control.TopRow{Key: strings.Repeat("long", 40)}
	}
	for _, z := range []size{{80, 24}, {132, 60}, {20, 5}, {1, 1}, {80, 11}} {
		var text bytes.Buffer
		fmt.Fprintln(&text, "head\nhead")
		n := z.fit(10)
		if err := printTop(&text, control.Top{Jails: rows[:n], Countries: rows[:n], Accounts: rows[:n], Addresses: rows[:n]}, true); err != nil {
			t.Fatal(err)
		}
		frame, _ := strings.CutPrefix(string(z.clip(text.String())), "\x1b[H\x1b[J")
		lines := strings.Split(frame, "\n")
		if !terminalSafe(frame) || len(lines) > max(2, z.height) { // the cursor is in the last one
			t.Errorf("%v: got %d lines", z, len(lines))
		}
		for _, l := range lines {
			if len(l) > z.width {
				t.Errorf("%v: got a line of %d", z, len(l))
			}
		}
		needed := text.String()
		if z.height < 30 { // it has no room for the legend
			needed, _, _ = strings.Cut(needed, "\n1 MIN, 10 MIN:")
		}
		if whole := strings.Count(needed, "\n"); z.height >= 24 && whole > z.height-1 {
			t.Errorf("%v: got %d lines, want all four tables to have room", z, whole)
		}
	}
	if got := (size{80, 60}).fit(10); got != 10 {
		t.Errorf("got %d rows, want no more than asked for", got)
	}
}

// TestTopOnATerminal runs the verb on a pseudo-terminal of 80 x 24 until its second screen.
func TestTopOnATerminal(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	f := newFake()
	f.top.Accounts = []control.TopRow{{Key: strings.Repeat("a", 200), LastMinute: 1, LastTen: 1}}
	ctx, cancel := context.WithCancel(t.Context())
	root := newRoot(&app{stdin: strings.NewReader(""), stdout: &sink{w: terminal}, stderr: io.Discard, now: time.Now})
	root.SetArgs([]string{"top", "--every", "1s", "--socket", serveTest(t, f)})
	ended := make(chan error, 1)
	go func() {
		ended <- root.ExecuteContext(ctx)
		terminal.Close()
	}()
	var seen bytes.Buffer
	buf := make([]byte, 4096)
	for bytes.Count(seen.Bytes(), []byte("\x1b[H\x1b[J")) < 2 || !bytes.HasSuffix(seen.Bytes(), []byte("not counted as attempts\r\n")) {
		n, err := keyboard.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, seen.String())
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if !strings.Contains(seen.String(), " lines of logs per second, ") || strings.Contains(seen.String(), strings.Repeat("a", 81)) {
		t.Errorf("got %q, want rates, and lines of 80", seen.String())
	}
}

// openTerminal makes a pseudo-terminal: pty(7).
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here")
	}
	t.Cleanup(func() { keyboard.Close() })
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	return keyboard, terminal
}

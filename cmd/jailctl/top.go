package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

const (
	topRows  = 10
	mostRows = 500 // that the daemon gives
	topEvery = 2 * time.Second
	// topAlarms is how many alarms a screen has room for.
	topAlarms = 3
)

func (a *app) topVerb() *cobra.Command {
	var rows int
	var once bool
	var every string
	c := &cobra.Command{
		Use:   "top",
		Short: "the most active jails, countries, accounts and addresses now",
		Long: `The most active jails, countries, accounts and addresses now: the attempts that a jail
counted in the last minute and in the last ten minutes, and their points in these ten.
Packets that a ban drops are not counted: Asterisk never sees them. 1..40 means: at least
1 and at most 40, because there are more names than pbxjail can count exactly. BANNED yes:
a ban of this address is in force; most of its attempts came before the ban.

On a terminal the screen is drawn again and again until ctrl-c. Elsewhere, and with
--once or --json, it is printed once.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			pause, err := configs.ParseDuration(every)
			if err != nil {
				return usage(hint.Of(err), "--every: %w", err)
			}
			if pause < time.Second {
				return usage("write --every 1s or more", "--every %s is too short", every)
			}
			if rows < 1 || rows > mostRows {
				return usage(fmt.Sprintf("write a number from 1 to %d", mostRows), "--rows: %d is out of range", rows)
			}
			s := &screen{app: a, client: a.client(), most: rows}
			if _, terminal := sizeOf(a.stdout); !terminal || once || a.json {
				return s.once(c.Context())
			}
			s.size = func() size { z, _ := sizeOf(a.stdout); return z } // a window can grow
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			return s.run(ctx, pause)
		},
	}
	c.Flags().IntVarP(&rows, "rows", "n", topRows, "rows of each table, as far as the screen has room")
	c.Flags().StringVar(&every, "every", show.Duration(topEvery), "how often the screen is drawn again")
	c.Flags().BoolVar(&once, "once", false, "print it once")
	return c
}

// asked is the part of the daemon that a screen needs.
type asked interface {
	Status(context.Context) (control.Status, error)
	Top(ctx context.Context, n int) (control.Top, error)
}

// screen shows the most active.
type screen struct {
	*app
	client asked
	most   int         // rows of each table
	size   func() size // of the terminal, for run
	last   *moment
}

// moment is what the next screen compares with.
type moment struct {
	at       time.Time // by the clock of the daemon
	counters control.Counters
}

// once prints one screen, whole.
func (s *screen) once(ctx context.Context) error {
	if s.json {
		top, err := s.client.Top(ctx, s.most)
		if err != nil {
			return err
		}
		return s.emit(top)
	}
	return s.draw(ctx, s.stdout, s.most)
}

// run draws on a terminal until ctx ends, or the daemon does.
func (s *screen) run(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		var frame bytes.Buffer
		z := s.size()
		err := s.draw(ctx, &frame, z.fit(s.most))
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := s.stdout.Write(z.clip(frame.String())); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// draw asks for one screen and writes it.
func (s *screen) draw(ctx context.Context, w io.Writer, rows int) error {
	status, err := s.client.Status(ctx)
	if err != nil {
		return err
	}
	top, err := s.client.Top(ctx, rows)
	if err != nil {
		return err
	}
	for _, line := range s.headlines(status, top.At) {
		fmt.Fprintln(w, show.Terminal(line))
	}
	for _, alarm := range status.Alarms[:min(len(status.Alarms), topAlarms)] {
		fmt.Fprintln(w, show.Terminal("alarm: "+alarm.What))
	}
	return printTop(w, top, status.Enforcing)
}

// headlines say how many bans there are, and how much came since the last screen; on the
// first one, since the daemon's start.
func (s *screen) headlines(status control.Status, at time.Time) []string {
	now := fmt.Sprintf("pbxjail %s, up %s: %s in force now", status.Version, show.Brief(at.Sub(status.Since)), show.Count(status.Bans, "ban"))
	if !status.Enforcing {
		now = fmt.Sprintf("pbxjail %s, up %s: NOTHING IS DROPPED; %s only recorded", status.Version, show.Brief(at.Sub(status.Since)), show.Count(status.Bans, "ban"))
	}
	n, last := status.Counters, s.last
	s.last = &moment{at, n}
	if last == nil || !at.After(last.at) || n.Lines < last.counters.Lines || n.Matched < last.counters.Matched || n.Bans < last.counters.Bans {
		return []string{now, fmt.Sprintf("since pbxjail started: %s of logs, %s, %s began",
			show.Count(int(n.Lines), "line"), show.Count(int(n.Matched), "attempt"), show.Count(int(n.Bans), "ban"))}
	}
	passed := at.Sub(last.at)
	rate := func(now, before uint64) string { return fmt.Sprintf("%.1f", float64(now-before)/passed.Seconds()) }
	return []string{now, fmt.Sprintf("in the last %s: %s lines of logs per second, %s attempts per second, %s began", show.Brief(passed.Round(time.Second)),
		rate(n.Lines, last.counters.Lines), rate(n.Matched, last.counters.Matched), show.Count(int(n.Bans-last.counters.Bans), "ban"))}
}

// topLegend explains the columns. It comes last, where a screen may have no room for it.
func topLegend(top control.Top, enforcing bool) []string {
	lines := []string{
		"1 MIN, 10 MIN: attempts in the last minute and in the last 10 minutes; POINTS: of the 10 minutes",
		"Packets that a ban drops are not counted as attempts",
	}
	if slices.ContainsFunc(top.Addresses, func(r control.TopRow) bool { return r.Banned }) {
		if enforcing {
			lines = append(lines, "BANNED yes: the address is banned now; most of its attempts came before the ban. To see each: jailctl why ADDRESS")
		} else {
			lines = append(lines, "yes, not dropped: the ban is only recorded, so packets of the address pass")
		}
	}
	for _, rows := range [][]control.TopRow{top.Jails, top.Countries, top.Accounts, top.Addresses} {
		if i := slices.IndexFunc(rows, func(r control.TopRow) bool { return r.Error > 0 }); i >= 0 {
			n := rows[i].LastMinute
			return append(lines, fmt.Sprintf("%s: not counted exactly: at least %d, at most %d", upTo(n, rows[i].Error), n-min(n, rows[i].Error), n))
		}
	}
	return lines
}

// printTop prints a table of each kind that there is something of. enforcing: packets of
// banned addresses are dropped.
func printTop(w io.Writer, top control.Top, enforcing bool) error {
	any := false
	for _, kind := range []struct {
		name string
		rows []control.TopRow
	}{{"JAIL", top.Jails}, {"COUNTRY", top.Countries}, {"ACCOUNT", top.Accounts}, {addresses, top.Addresses}} {
		if len(kind.rows) == 0 {
			continue
		}
		any = true
		fmt.Fprintln(w)
		if err := printRows(w, kind.name, kind.rows, enforcing); err != nil {
			return err
		}
	}
	if !any {
		fmt.Fprintln(w, "no attempt was counted in the last 10 minutes")
		return nil
	}
	fmt.Fprintln(w)
	for _, line := range topLegend(top, enforcing) {
		fmt.Fprintln(w, line)
	}
	return nil
}

// addresses are the only ones that can be banned.
const addresses = "ADDRESS"

// printRows puts the key last: an account can be wider than the screen.
func printRows(w io.Writer, name string, rows []control.TopRow, enforcing bool) error {
	head := []string{"1 MIN", "10 MIN", "POINTS"}
	if name == addresses {
		head = append(head, "BANNED")
	}
	t := newTable(w, append(head, name)...)
	for _, r := range rows {
		cells := []string{upTo(r.LastMinute, r.Error), upTo(r.LastTen, r.Error), points(r.Points)}
		if name == addresses {
			cells = append(cells, banState(r.Banned, enforcing))
		}
		t.row(append(cells, r.Key)...)
	}
	return t.end()
}

// banState says whether an address is banned, and whether its packets pass nevertheless.
func banState(banned, enforcing bool) string {
	switch {
	case !banned:
		return "no"
	case !enforcing:
		return "yes, not dropped"
	}
	return "yes"
}

// upTo writes a number that may be too high as what it is at least and at most.
func upTo(n, tooHigh uint64) string {
	if tooHigh == 0 {
		return number(n)
	}
	return number(n-min(n, tooHigh)) + ".." + number(n)
}

// size is that of a terminal, in characters.
type size struct{ width, height int }

// sizeOf reports whether w is a terminal, and its size: that of the first ones
// where it does not say.
func sizeOf(w io.Writer) (size, bool) {
	if s, ok := w.(*sink); ok {
		w = s.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return size{}, false
	}
	win, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return size{}, false
	}
	return size{cmp.Or(int(win.Col), 80), cmp.Or(int(win.Row), 24)}, true
}

// fit is how many rows of each of four tables there is room for, beside their heads, the
// lines between them, the two lines on top, and the legend, which a small screen leaves out.
func (z size) fit(most int) int {
	others := 3
	if z.height >= 30 {
		others += 5
	}
	return max(1, min(most, (z.height-others)/4-2))
}

// clip makes a frame that replaces the one before: home, what there is room for,
// and the rest of the screen cleared. The text is ASCII.
func (z size) clip(text string) []byte {
	frame := []byte("\x1b[H\x1b[J")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines[:min(len(lines), max(1, z.height-1))] {
		frame = append(frame, line[:min(len(line), z.width)]...)
		frame = append(frame, '\n')
	}
	return frame
}

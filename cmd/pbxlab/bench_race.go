package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// guessedAccount is one of the bench's Asterisk.
const guessedAccount = "200"

// race lets attackers guess passwords of a real Asterisk, and reports how often the ban was
// in the kernel before Asterisk's line about the deciding attempt was in its log.
func (o floodBench) race(ctx context.Context, r *report, version, root string) (err error) {
	s := &scene{version: version, cell: cell{logs: "messages", wire: true, more: "log_format: json\n"}}
	if s.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := os.Chmod(s.dir, 0o755); err != nil { // Asterisk has a user of its own
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx, o.e2eOptions, root); err != nil {
		return err
	}
	log, err := watchLog(filepath.Join(s.guard.logs(), "messages"))
	if err != nil {
		return err
	}
	for i := range o.attackers {
		if err := guessUntilDropped(ctx, s.net, bot(i), guessedAccount); err != nil {
			return errors.Join(err, log.close())
		}
	}
	if err := log.close(); err != nil {
		return err
	}
	banned, err := bansIn(s.guard.path("pbxjail.log"))
	if err != nil {
		return err
	}
	first, both := 0, []time.Duration{}
	for i := range o.attackers {
		line, dropped := log.last[bot(i)], banned[bot(i)]
		if dropped.IsZero() {
			continue
		}
		if line.IsZero() {
			first++ // no line at all
			continue
		}
		if both = append(both, dropped.Sub(line)); dropped.Before(line) {
			first++
		}
	}
	r.title("Asterisk %s: %d attackers guess passwords, one after the other", version, o.attackers)
	if len(both) == 0 {
		return errors.New("no attacker was banned and written of")
	}
	slices.Sort(both)
	t := r.table("BANNED", "BEFORE ASTERISK'S LINE", "FROM THE LINE TO THE BAN: FIRST", "P50", "P99", "LAST")
	fmt.Fprintf(t, "%d of %d\t%d\t%v\t%v\t%v\t%v\n", len(banned), o.attackers, first, both[0], both[len(both)/2], both[len(both)*99/100], both[len(both)-1])
	return t.Flush()
}

// watchedLog notes when the last line about each address was in a log. The kernel wakes us
// up some 0.1 ms after it was written, so a line counts as that much later than it is.
type watchedLog struct {
	events *os.File // of inotify(7)
	file   *os.File
	last   map[netip.Addr]time.Time // to be read after close
	rest   string                   // of a line that is not whole yet
	ended  sync.WaitGroup
	failed error
}

func watchLog(path string) (*watchedLog, error) {
	w := &watchedLog{last: map[netip.Addr]time.Time{}}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	w.events = os.NewFile(uintptr(fd), "inotify")
	if _, err = unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err == nil {
		w.file, err = os.Open(path)
	}
	if err != nil {
		return nil, errors.Join(err, w.events.Close())
	}
	w.ended.Go(func() {
		events := make([]byte, 4096)
		for {
			if _, err := w.events.Read(events); err != nil { // it is closed
				return
			}
			w.failed = errors.Join(w.failed, w.read(time.Now()))
		}
	})
	return w, nil
}

func (w *watchedLog) close() error {
	err := w.events.Close()
	w.ended.Wait()
	return errors.Join(err, w.failed, w.file.Close())
}

// read notes what was written until now.
func (w *watchedLog) read(now time.Time) error {
	text, err := io.ReadAll(w.file)
	if err != nil {
		return err
	}
	w.rest += string(text)
	for {
		line, rest, whole := strings.Cut(w.rest, "\n")
		if !whole {
			return nil
		}
		w.rest = rest
		_, from, named := strings.Cut(line, "failed for '")
		from, _, _ = strings.Cut(from, "'")
		if colon := strings.LastIndexByte(from, ':'); named && colon > 0 {
			if a, err := netip.ParseAddr(strings.Trim(from[:colon], "[]")); err == nil {
				w.last[a] = now
			}
		}
	}
}

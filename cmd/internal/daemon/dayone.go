package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/jails"
	"pbxjail/jails/astdb"
	"pbxjail/jails/book"
	"pbxjail/jails/home"
	"pbxjail/parsers"
)

const (
	// youngFor is how long after the first start bans are short: most phones register
	// within an hour.
	youngFor = time.Hour
	// oldLog is how much of the end of a log is read for log-ins, and oldLogs of how many
	// logs.
	oldLog  = 8 << 20
	oldLogs = 32
	// midRecord is how much of that is only read: it may begin inside a record that holds
	// the text of a caller.
	midRecord = 256 << 10
)

// firstDay fills home on the first start, after an upgrade and after a lost ledger: the
// ledger cannot say who logs in from where, but Asterisk and its old logs can. Later the
// ledger knows better: whose password may be guessed, too.
func (d *Daemon) firstDay(ctx context.Context, now time.Time) {
	main := d.upkeep.settings()
	homes, problem := registered(ctx, asterisk.Database(main.Asterisk), now)
	if problem != nil {
		d.log.Warn("pbxjail cannot read which phones are registered at Asterisk. Until a phone registers again, the address of this phone may be banned", "err", problem, "hint", todo(problem, moreHint))
	}
	n := len(homes)
	old := newOldLogins(main.ProtectLogins)
	for _, name := range existing(d.upkeep.files.patterns()) {
		d.hearOld(ctx, name, old, d.upkeep.files.foreignIn(name), now)
	}
	homes = append(homes, old.Home.Homes()...)
	d.warden.Learn(homes, now)
	d.log.Info("first start with an empty database: pbxjail takes the known log-ins from Asterisk and its logs", "short_bans", main.DayOne, "registered", n, "log-ins", len(homes)-n)
}

// newOldLogins is a judge of its own, without jails: it finds out who logged in without guessing.
func newOldLogins(protect time.Duration) *jails.Judge {
	old := jails.NewJudge(nil, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1, true)
	old.Home.ProtectLogins = protect
	return old
}

func (d *Daemon) hearOld(ctx context.Context, name string, old *jails.Judge, foreign parsers.Services, now time.Time) {
	if err := hearOldLog(ctx, name, old, foreign, now); err != nil {
		d.log.Debug("log-ins of an old log cannot be read", "file", name, "err", err)
	}
}

// learnForeign reads the old logs of other programs, such as sshd, to which the ledger knows no
// log-ins: jailctl setup has switched on their jail, and the admin who did so logged in before.
func (d *Daemon) learnForeign(ctx context.Context, now time.Time) {
	var known parsers.Services
	for _, l := range d.warden.LoggedIn(now) {
		known = known.With(l.Service)
	}
	old := newOldLogins(d.upkeep.settings().ProtectLogins)
	for _, name := range existing(d.upkeep.files.patterns()) {
		if wanted := d.upkeep.files.foreignIn(name) &^ known; wanted != 0 {
			d.hearOld(ctx, name, old, wanted, now)
		}
	}
	homes := slices.DeleteFunc(old.Home.Homes(), func(h home.Home) bool { return !h.Service.Foreign() })
	if len(homes) > 0 {
		d.warden.Learn(homes, now)
		d.log.Info("known log-ins are taken from the logs of other programs", "log-ins", len(homes))
	}
}

// young is until when bans are short; the zero time when they are not.
func (d *Daemon) young() time.Time {
	if !d.upkeep.settings().DayOne {
		return time.Time{}
	}
	born, err := d.store.Born()
	if err != nil {
		d.log.Warn("the age of the database cannot be read, so bans last for the full bantime, also in the first hour after the installation", "err", err, "hint", todo(err, moreHint))
		return time.Time{}
	}
	return youngUntil(born, d.since)
}

// youngUntil is until when a ledger is young. One that was born in the future has seen
// another clock: it is as young as this start.
func youngUntil(born, now time.Time) time.Time {
	if born.After(now) {
		born = now
	}
	if until := born.Add(youngFor); until.After(now) {
		return until
	}
	return time.Time{}
}

// registered are those who are registered with Asterisk.
func registered(ctx context.Context, path string, now time.Time) (homes []home.Home, err error) {
	contacts, err := astdb.Read(ctx, path)
	for _, c := range contacts {
		service, ok := parsers.ParseService(c.Service)
		if !ok {
			continue
		}
		last := now
		if !c.Expires.IsZero() && c.Expires.Before(now) {
			last = c.Expires
		}
		homes = append(homes, home.Home{Addr: c.Addr, Account: c.Account, Service: service, First: last.UTC(), Last: last.UTC(), Times: 1})
	}
	return homes, err
}

// existing are the logs that are there, each once.
func existing(patterns []string) (files []string) {
	for _, p := range patterns {
		found, _ := filepath.Glob(p)
		for _, f := range found {
			if !slices.Contains(files, f) && len(files) < oldLogs {
				files = append(files, f)
			}
		}
	}
	return files
}

// hearOldLog lets a judge hear the log-ins at the end of a log, to Asterisk and to other
// programs.
func hearOldLog(ctx context.Context, name string, judge *jails.Judge, foreign parsers.Services, now time.Time) error {
	f, err := os.Open(name)
	if err != nil {
		return hint.Cannot(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	text := bufio.NewReader(io.LimitReader(f, oldLog))
	skip := int64(0)
	if info.Size() > oldLog {
		if _, err := f.Seek(-oldLog, io.SeekEnd); err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		text.ReadBytes('\n')
		skip = midRecord
	}
	take := func(e *parsers.Event) {
		if skip <= 0 && e.Result != parsers.None && !e.Time.IsZero() && !e.Time.After(now) {
			judge.Hear(judge.Source(name), e, e.Time, func(jails.Verdict) {})
		}
	}
	parser := parsers.New(parsers.Clock{Zone: time.Local, Until: info.ModTime()})
	parser.SetForeign(foreign)
	parser.LookAhead()
	blocks := parsers.NewBlocks(text)
	for ctx.Err() == nil {
		data, cut, err := blocks.Next()
		if errors.Is(err, io.EOF) {
			parser.Settle(time.Time{}, take)
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		parser.Continues(blocks.Ahead())
		parser.Block(data, cut, time.Time{}, take)
		skip -= int64(len(data))
	}
	return ctx.Err()
}

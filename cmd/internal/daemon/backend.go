package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/jails"
	"pbxjail/jails/warden"
)

// backend answers jailctl.
type backend struct{ d *Daemon }

func hintOf(err error) string { return control.HintOf(err) }

func (b *backend) Version() string { return control.Release() }

func (b *backend) Reload(by string) error {
	b.note(by, "reload")
	return b.d.Reload(by)
}

// note keeps who changed what. A ledger that cannot be written shows as a problem anyway.
func (b *backend) note(by, what string) {
	if err := b.d.store.Note(time.Now(), by, what); err != nil {
		b.d.log.Warn("the change is not noted in the ledger", "by", by, "what", what, "err", err)
	}
}

// Bans lists the live bans with what the kernel counted.
func (b *backend) Bans() []control.Ban {
	now := time.Now()
	type count struct{ packets, bytes uint64 }
	dropped := map[netip.Prefix]count{}
	err := b.d.enforcer.Each(func(p netip.Prefix, _ time.Duration, packets, bytes uint64) { dropped[p] = count{packets, bytes} })
	if err != nil {
		b.d.log.Error("counters of the kernel cannot be read", "err", err)
	}
	var list []control.Ban
	for _, ban := range b.d.warden.Bans(now) {
		c := b.ban(ban, now)
		c.Packets, c.Bytes = dropped[ban.Prefix].packets, dropped[ban.Prefix].bytes
		list = append(list, c)
	}
	return list
}

func (b *backend) ban(ban jails.Ban, now time.Time) control.Ban {
	left, _ := ban.Left(now)
	return control.Ban{
		Prefix: ban.Prefix, Jail: ban.Jail, Country: b.d.places.Place(ban.Prefix.Addr()).Country, Since: ban.Since.UTC(), Until: control.Moment(ban.Until),
		LeftSeconds: int64(max(left, 0).Round(time.Second) / time.Second), Strike: ban.Strike, Evidence: ban.Evidence.String(),
		By: ban.By, Reason: ban.Reason, Pending: b.d.warden.Pending(ban.Prefix),
	}
}

func (b *backend) Ban(req control.BanRequest, by string) (control.Ban, error) {
	order := warden.Order{Prefix: req.Prefix, Jail: req.Jail, Force: req.Force, By: by}
	if req.ForSeconds != nil {
		order.For = new(time.Duration(*req.ForSeconds) * time.Second)
	}
	now := time.Now()
	ban, err := b.d.warden.Order(order, now)
	switch {
	case errors.Is(err, warden.ErrProtected):
		return control.Ban{}, control.Refuse(http.StatusForbidden, "take it out of ignoreip, or say --force when you mean it", "%w", err)
	case errors.Is(err, warden.ErrNoJail):
		return control.Ban{}, control.Refuse(http.StatusNotFound, "jailctl status names the jails", "%w", err)
	case err != nil:
		return b.ban(ban, now), err
	}
	b.note(by, "ban "+ban.Prefix.String())
	return b.ban(ban, now), nil
}

func (b *backend) Unban(p netip.Prefix, by string) (bool, error) {
	n, err := b.d.warden.Unban([]netip.Prefix{p}, by, time.Now())
	b.note(by, "unban "+p.String())
	return n > 0, err
}

func (b *backend) UnbanAll(by string) (int, error) {
	now := time.Now()
	all := b.d.warden.Prefixes(now)
	n, err := b.d.warden.Unban(all, by, now)
	b.note(by, fmt.Sprintf("unban all, %d bans", n))
	return n, err
}

// Status is the daemon on one screen.
func (b *backend) Status() control.Status {
	d, now := b.d, time.Now()
	report := d.warden.Report(now)
	s := control.Status{
		Version: control.Release(), Pid: os.Getpid(), Since: d.since, Enforcer: d.enforcer.Name(),
		Bans: report.Bans, Countries: b.countries(d.warden.Prefixes(now)), Problems: slices.Clone(d.problems),
		Counters: control.Counters{
			Lines: report.Counts.Lines, Matched: report.Counts.Matched, Ambiguous: report.Counts.Ambiguous, Signals: report.Counts.Signals,
			Bans: report.Counts.Bans, Unbans: report.Unbans, Evicted: report.Evicted,
			Repairs: report.Repairs.Rules, PutBack: report.Repairs.PutBack, Adopted: report.Repairs.Adopted, Expelled: report.Repairs.Expelled,
		},
	}
	s.Problems = append(s.Problems, d.packets.problems()...)
	s.Enforcing = report.Problems["enforcer"] == nil && d.enforcing()
	for _, what := range report.Degraded {
		s.Problems = append(s.Problems, control.Problem{What: what, Hint: degradedHint})
	}
	if s.Beside = actions.Neighbours(d.main.Chain); slices.Contains(s.Beside, actions.FreePBX) && d.flushedByFreePBX() {
		s.Problems = append(s.Problems, control.Problem{
			What: "firewall: the FreePBX firewall takes chain " + d.main.Chain + " in table filter for an attack, and flushes the table again and again",
			Hint: "set hook: raw, which it leaves alone; or chain: f2b-pbxjail, which it keeps",
		})
	}
	for _, about := range slices.Sorted(maps.Keys(report.Problems)) {
		err := report.Problems[about]
		s.Problems = append(s.Problems, control.Problem{What: about + ": " + err.Error(), Hint: hintOf(err)})
	}
	for _, f := range d.watcher.Files() {
		file := control.File{Path: f.File, Offset: f.Offset, Size: f.Size, LastLine: control.Moment(f.LastLine), Lines: d.reading.lines(f.File)}
		if errors.Is(f.Problem, fs.ErrNotExist) {
			file.Problem = control.NotThere
		} else if f.Problem != nil {
			file.Problem = f.Problem.Error()
		}
		s.Files = append(s.Files, file)
	}
	b.jailStatus(&s, report)
	s.Problems = append(s.Problems, b.feedProblems()...)
	b.placesStatus(&s, now)
	return s
}

// flushedByFreePBX reports whether our chain stands where FreePBX's firewall bears none.
func (d *Daemon) flushedByFreePBX() bool {
	byName := strings.Contains(d.main.Chain, "f2b") || strings.Contains(d.main.Chain, "fail2ban")
	return d.main.Hook == "filter" && !byName && d.enforcing() && !strings.HasPrefix(d.enforcer.Name(), "nftables")
}

func (b *backend) jailStatus(s *control.Status, report warden.Report) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	shown := map[string]bool{}
	for _, j := range report.Jails {
		shown[j.Name] = true
		jail := control.Jail{
			Name: j.Name, File: j.File, Enabled: true, Observe: j.Observe, Logs: j.Logs, Tracked: j.Tracked, Banned: j.Banned, Events: j.Events,
			Maxretry: float64(j.Maxretry) / 1000, Findtime: int64(j.Findtime / time.Second), Bantime: int64(j.Bantime / time.Second),
		}
		if err := b.d.bad[j.Name]; err != nil {
			jail.Problem = err.Error()
		}
		s.Jails = append(s.Jails, jail)
	}
	if err := b.d.lists.bad; err != nil {
		s.Problems = append(s.Problems, control.Problem{What: err.Error(), Hint: hintOf(err)})
	}
	for _, name := range slices.Sorted(maps.Keys(b.d.bad)) {
		err := b.d.bad[name]
		s.Problems = append(s.Problems, control.Problem{What: err.Error(), Hint: hintOf(err)})
		if !shown[name] && name != "" {
			s.Jails = append(s.Jails, control.Jail{Name: name, Problem: err.Error()})
		}
	}
}

var _ control.Backend = (*backend)(nil)

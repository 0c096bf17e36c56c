package daemon

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
)

const (
	lookEvery  = 500 * time.Millisecond // at the folder of jail files: a stat or two each
	guardEvery = 10 * time.Second       // at our own addresses, and at whom Asterisk trusts
	saveEvery  = 2 * time.Second        // positions
	trimEvery  = time.Hour              // history
)

// expirer is an enforcer whose kernel does not end bans by itself.
type expirer interface{ Expire(now time.Time) error }

// housekeeping does what is due from time to time, and reloads when asked.
func (d *Daemon) housekeeping(ctx context.Context, reload <-chan struct{}) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	folder, _ := d.settings()
	seen := fingerprint(folder)
	guarded, saved, trimmed := time.Now(), time.Now(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
			if err := d.Reload("signal"); err != nil {
				d.log.Error("reload is refused: everything stays as it was", "err", err, "hint", hintOf(err))
			}
			folder, _ = d.settings()
			seen = fingerprint(folder)
		case now := <-look.C:
			folder, retention := d.settings()
			if f := fingerprint(folder); f != seen {
				seen = f
				d.reloadJails("jail folder changed")
			}
			d.expire(now)
			if now.Sub(guarded) >= guardEvery || d.stale.Swap(false) {
				guarded = now
				d.refreshGuard()
				d.RepairPackets()
			}
			if now.Sub(saved) >= saveEvery {
				saved = now
				d.savePositions()
			}
			if now.Sub(trimmed) >= trimEvery {
				trimmed = now
				if err := d.store.Trim(now, retention); err != nil {
					d.log.Warn("history is not trimmed", "err", err)
				}
			}
		}
	}
}

// settings are what a reload may change while we keep house.
func (d *Daemon) settings() (folder string, retention time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.main.Jails, d.main.Retention
}

func (d *Daemon) expire(now time.Time) {
	if e, ok := d.enforcer.(expirer); ok {
		if err := e.Expire(now); err != nil {
			d.log.Error("bans that are over are not lifted", "err", err)
		}
	}
}

// fingerprint changes when a file of the folder does. Events of the kernel could
// be lost, a look cannot.
func fingerprint(dir string) uint64 {
	h := fnv.New64a()
	entries, err := os.ReadDir(dir)
	if err != nil {
		fmt.Fprint(h, err)
	}
	for _, e := range entries {
		if info, err := os.Stat(dir + "/" + e.Name()); err == nil {
			fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano(), info.Mode())
		}
	}
	return h.Sum64()
}

func (d *Daemon) refreshGuard() {
	if d.changeGuard() {
		d.renewPackets()
	}
}

func (d *Daemon) changeGuard() (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.readGuard()
	changed = !g.equal(d.guard)
	d.guard = g
	if changed {
		d.log.Info("protected addresses changed", "own", fmt.Sprint(g.own), "others", len(g.ignoreip)+len(g.trusts))
		d.warden.Change(d.jailList(), g.guard(), d.senses())
	}
	d.protectFeeds()
	return changed
}

// Reload reads the main file and the jail files again. What cannot be changed
// while it runs is named in the log. On an error everything stays as it was.
func (d *Daemon) Reload(by string) error {
	d.notify("RELOADING=1")
	defer d.notify("READY=1")
	path, explicit := d.opts.Config, true
	if path == "" {
		path, explicit = configs.DefaultMain, false
	}
	fresh, err := configs.LoadMain(path, explicit)
	if err != nil {
		return err
	}
	d.mu.Lock()
	plan, err := d.planPackets(fresh)
	if err != nil {
		d.mu.Unlock()
		return err
	}
	for _, key := range needRestart(d.main, fresh) {
		d.log.Warn("this setting takes effect at the next start", "key", key)
	}
	d.main.Jails, d.main.Ignoreip, d.main.IgnoreHosts, d.main.Asterisk = fresh.Jails, fresh.Ignoreip, fresh.IgnoreHosts, fresh.Asterisk
	d.main.GeoIP = fresh.GeoIP
	d.main.LogLevel, d.main.Retention = fresh.LogLevel, fresh.Retention
	d.main.Feeds, d.main.Useragents, d.main.AgentFactors, d.main.Fraud = fresh.Feeds, fresh.Useragents, fresh.AgentFactors, fresh.Fraud
	d.main.PacketRules = fresh.PacketRules
	d.setLevel()
	d.mu.Unlock()
	d.setPackets(plan)
	d.places.SetFiles(fresh.GeoIP.Files)
	err = d.reloadJails(by)
	d.setFeeds() // last: whom they must spare is known now
	return err
}

// needRestart names the keys that differ and that a reload does not change.
func needRestart(old, fresh *configs.Main) (keys []string) {
	for _, k := range []struct {
		key     string
		differs bool
	}{
		{"enforcer", old.Enforcer != fresh.Enforcer}, {"hook", old.Hook != fresh.Hook}, {"chain", old.Chain != fresh.Chain}, {"end_tcp", old.EndTCP != fresh.EndTCP},
		{"observe", old.Observe != fresh.Observe}, {"database", old.Database != fresh.Database}, {"socket", old.Socket != fresh.Socket},
		{"group", old.Group != fresh.Group}, {"log_format", old.LogFormat != fresh.LogFormat}, {"max_addresses", old.MaxAddresses != fresh.MaxAddresses},
	} {
		if k.differs {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// reloadJails takes the good jail files and says which are refused.
func (d *Daemon) reloadJails(by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.loadJails()
	d.readLists()
	d.guard = d.readGuard()
	d.warden.Change(list, d.guard.guard(), d.senses())
	d.protectFeeds()
	d.reading.changed.Store(true)
	d.watcher.SetPatterns(d.patterns())
	d.log.Info("jails are loaded", "by", by, "jails", len(list), "refused", len(d.bad))
	if err := d.bad[""]; err != nil {
		return control.Refuse(http.StatusConflict, hintOf(err), "all jails stay as they were: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(d.bad)) {
		return control.Refuse(http.StatusConflict, hintOf(d.bad[name]), "jail %s is refused, and stays as it was: %w", name, d.bad[name])
	}
	return nil
}

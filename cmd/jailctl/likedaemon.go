package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pbxjail/actions/packets"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/cmd/internal/setup"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/jails/feeds"
	"pbxjail/jails/geoip"
)

// namesWait is how long names of trunks and of ignore_hosts are waited for.
const namesWait = 5 * time.Second

// protections are the addresses that the daemon would protect on this machine, without those
// that only its ledger knows. Names are looked up once; those without an answer are printed.
func (a *app) protections(main *configs.Main) *guard.Protections {
	p := guard.New(slog.New(slog.DiscardHandler), guard.ThisHost(os.Getenv("SSH_CONNECTION")), nil)
	p.Read(main, a.now())
	if !p.Current().Pending {
		return p
	}
	ctx, cancel := context.WithTimeout(context.Background(), namesWait)
	defer cancel()
	p.Answered(ctx)
	p.Read(main, a.now())
	if unanswered := p.Unanswered(); len(unanswered) > 0 {
		a.complain("note: DNS has no answer for these host names, so their addresses are not protected now: %s", strings.Join(unanswered, ", "))
	}
	return p
}

// checkPlan tests what the daemon would make of the main file beside the jails: problems are
// by what they are about.
func (a *app) checkPlan(main *configs.Main) map[string]error {
	bad := map[string]error{}
	note := func(about string, err error) {
		if err != nil {
			bad[about] = err
		}
	}
	agents, err := configs.LoadAgents(main.Useragents)
	note(main.Useragents, err)
	_, err = main.Fraud.LoadNumbers()
	note(main.Fraud.Numbers, err)
	for _, f := range main.Feeds {
		note("feed "+f.Name, checkFeedOf(main, f))
	}
	if main.PacketRules.Enabled && agents != nil {
		rules, _, err := packetrules.Plan(main, agents, a.protections(main).Known(main))
		if err == nil {
			_, err = packets.Compile(rules)
		}
		if err != nil {
			note("packet_rules", hint.Add(hint.Of(err), fmt.Errorf("packet_rules: %w", err)))
		}
	}
	return bad
}

// atStart are the reasons why the daemon would not start with this main file on this
// machine, as far as they can be seen without starting it.
func atStart(main *configs.Main) (list []error) {
	if info, err := os.Stat(main.Database); err == nil && !info.Mode().IsRegular() {
		list = append(list, hint.Errorf("write into the main file: database: /var/lib/pbxjail/pbxjail.db (pbxjail makes this file)", "database: %s exists and is not a file", main.Database))
	}
	if info, err := os.Lstat(main.Socket); err == nil && info.Mode().Type() != fs.ModeSocket {
		list = append(list, hint.Errorf("move this file away: mv "+main.Socket+" "+main.Socket+".old; or write another path into the main file, such as socket: "+control.DefaultPath, "socket: %s exists and is not a socket", main.Socket))
	}
	for key, path := range map[string]string{"database": main.Database, "socket": main.Socket} {
		if info, err := os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
			list = append(list, hint.Errorf("move this file away, then: mkdir "+filepath.Dir(path)+"; or write another path for "+key+" into the main file", "%s: %s is a file, but must be a folder", key, filepath.Dir(path)))
		}
	}
	return list
}

// places warns of geoip files that do not exist: the daemon starts without them.
func (c *checkup) places(main *configs.Main) {
	for _, file := range main.GeoIP.Files {
		if _, err := os.Stat(file); err != nil {
			c.warn(configs.Problems{{File: main.File, What: "geoip.files: " + hint.Cannot(err).Error(), Fix: "put the file at this path, or remove this path from files below geoip. Until then pbxjail uses its other geoip files"}})
		}
	}
}

// checkFeedOf tests a feed as far as it is on this machine: its name as the name of a set,
// and the file that it is read from.
func checkFeedOf(main *configs.Main, f configs.Feed) error {
	if most := configs.LongestFeed(main.Chain); f.Bans() && len(f.Name) > most {
		return hint.Errorf("write a shorter name for this feed into the main file; or write use: factor for this feed. A feed with use: factor drops no packets: attempts of its addresses get more points", "feed %s: its name has %d letters, and may have at most %d, because the firewall chain of pbxjail has the name %s", f.Name, len(f.Name), most, main.Chain)
	}
	if f.URL != "" || !f.Enabled {
		return nil
	}
	_, err := feeds.OffLine("", []configs.Feed{f})
	return err
}

// knowledge is what the daemon knows beside the main file, as far as it is on this machine.
func (a *app) knowledge(main *configs.Main) (k setup.Knowledge, err error) {
	k.Places = geoip.Open(geoip.Options{Files: main.GeoIP.Files})
	known, unread := feeds.OffLine(filepath.Join(filepath.Dir(main.Database), "feeds"), main.Feeds)
	if unread != nil {
		a.complain("note: a feed is not used here: %v", unread)
	}
	k.Feeds = known
	var bad, worse error
	k.Agents, bad = configs.LoadAgents(main.Useragents)
	k.Numbers, worse = main.Fraud.LoadNumbers()
	return k, errors.Join(bad, worse)
}

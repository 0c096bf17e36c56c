package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
)

const (
	fail2banFolder = "/etc/fail2ban"
	fail2banClient = "/usr/bin/fail2ban-client"
	ourClient      = "pbxjail-fail2ban-client"
)

// overlay is what a web interface wrote for fail2ban, which pbxjail answers in place of.
// The interface believes that it is followed, so it must be. All methods may be called from
// any goroutine.
type overlay struct {
	log *slog.Logger

	mu   sync.Mutex // guards all below
	says fail2ban.Overlay
	bad  error // why it cannot be read now: what was read last holds
}

// followFail2ban makes the overlay of an upkeep that has its jail files.
func (u *upkeep) followFail2ban() {
	u.over = &overlay{log: u.log}
	u.files.over = u.over.apply
}

// read takes what the files below a folder say now. With no folder it is that of fail2ban,
// as long as fail2ban-client is ours.
func (o *overlay) read(folder string) {
	says, err := fail2ban.Overlay{}, error(nil)
	if folder == "" && answersFail2ban(fail2banClient) {
		folder = fail2banFolder
	}
	if folder != "" {
		says, err = fail2ban.LoadOverlay(folder)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bad = err; err != nil {
		o.log.Error("the settings that a web interface wrote for fail2ban cannot be read, so pbxjail uses their old values", "err", err, "hint", todo(err, overlayHint))
		return
	}
	o.says = says
}

// answersFail2ban reports whether the client of fail2ban is ours.
func answersFail2ban(client string) bool {
	to, err := os.Readlink(client)
	return err == nil && filepath.Base(to) == ourClient
}

// problems say what status must show.
func (o *overlay) problems() []control.Problem {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bad == nil {
		return nil
	}
	return []control.Problem{{About: "fail2ban", What: "the settings that a web interface wrote for fail2ban cannot be read, so pbxjail uses their old values: " + o.bad.Error(), Hint: todo(o.bad, overlayHint)}}
}

// except is a main file with the addresses, networks and names that all jails ignore. A
// name is looked up for all jails: those of a single jail are none here.
func (o *overlay) except(main *configs.Main) *configs.Main {
	o.mu.Lock()
	defer o.mu.Unlock()
	networks, names := o.ignored(o.says.Ignoreip)
	for _, j := range o.says.Jails {
		_, more := o.ignored(j.Ignoreip)
		names = append(names, more...)
	}
	if len(networks)+len(names) == 0 {
		return main
	}
	with := new(*main)
	with.Ignoreip = append(slices.Clone(main.Ignoreip), networks...)
	with.IgnoreHosts = slices.Clone(main.IgnoreHosts)
	for _, name := range names {
		if !slices.Contains(with.IgnoreHosts, name) {
			with.IgnoreHosts = append(with.IgnoreHosts, name)
		}
	}
	return with
}

// tooWide knows networks of which one would switch jails off.
func tooWide(p netip.Prefix) bool {
	return p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 16
}

// ignored are the words of an ignoreip, apart. What is neither is logged.
func (o *overlay) ignored(words []string) (networks []netip.Prefix, names []string) {
	for _, word := range words {
		if p, err := prefix.Parse(word); err == nil {
			if tooWide(p) {
				o.warn("ignoreip", word, "the network is too large")
				continue
			}
			networks = append(networks, p)
			continue
		}
		if name, err := control.HostName(word); err == nil {
			names = append(names, name)
			continue
		}
		o.warn("ignoreip", word, "this is not an address, a network or a host name")
	}
	return networks, names
}

// overlayHint is where such a setting is corrected.
const overlayHint = "correct this setting in the web interface (such as FreePBX), or in the files below " + fail2banFolder + "; then: jailctl reload"

func (o *overlay) warn(key, value, why string) {
	o.log.Warn("pbxjail ignores a setting that a web interface wrote for fail2ban", "key", key, "value", show.Quoted(value, 100), "why", why,
		"hint", overlayHint)
}

// apply puts into a jail what was written for the jails of fail2ban whose work it does.
func (o *overlay) apply(spec *configs.Jail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, over := range o.says.Jails {
		names, counted := fail2ban.Ours(over.Name)
		at := slices.Index(names, spec.Name)
		if at < 0 {
			continue
		}
		networks, _ := o.ignored(over.Ignoreip)
		spec.Ignoreip = append(slices.Clone(spec.Ignoreip), networks...)
		if at < counted {
			o.counts(spec, over)
		}
		o.length(&spec.Bantime, "bantime", over.Bantime)
		if g := &spec.Growth; g.Max != configs.Forever && (spec.Bantime > g.Max || spec.Bantime == configs.Forever) {
			g.Max = spec.Bantime // a longer one was asked for
		}
	}
}

// counts takes maxretry and findtime.
func (o *overlay) counts(spec *configs.Jail, over fail2ban.Over) {
	const mostRetries = 1000
	if n, err := strconv.Atoi(over.Maxretry); err == nil && n >= 1 && n <= mostRetries {
		spec.Maxretry = configs.Points(n) * 1000
	} else if over.Maxretry != "" {
		o.warn("maxretry", over.Maxretry, fmt.Sprintf("this is not a number from 1 to %d", mostRetries))
	}
	o.length(&spec.Findtime, "findtime", over.Findtime)
}

// length takes a time. Only a bantime may have no end.
func (o *overlay) length(into *time.Duration, key, text string) {
	if text == "" {
		return
	}
	d, forever, err := fail2ban.Duration(text)
	switch {
	case err != nil || !forever && d < time.Second || forever && key != "bantime":
		o.warn(key, text, "this is not a time such as 10m")
	case forever:
		*into = configs.Forever
	default:
		*into = d
	}
}

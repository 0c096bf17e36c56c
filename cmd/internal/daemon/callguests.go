package daemon

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/parsers/manager"
)

// guestPolicy is whether chan_sip lets callers in that have no account, and where they begin in
// the dialplan. chan_sip names the channel of such a guest by the domain in its From header
// (asterisk:channels/chan_sip.c sip_new), so a guest can claim any account there.
type guestPolicy struct {
	none     bool     // no guest is let in
	contexts []string // where guests begin; empty: not known
}

const guestsHint = "calls of chan_sip that have no account leave your PBX: write allowguest=no below [general] in sip.conf; then: asterisk -rx 'sip reload' and jailctl reload"

// guestsOf reads the policy from Asterisk's files, if Asterisk is on this machine.
func guestsOf(main *configs.Main) (p guestPolicy) {
	if !main.Calls.Enabled || main.AMI.Enabled() && !isLoopback(main.AMI.Address) {
		return p
	}
	sections, problems := asterisk.Sections(main.Asterisk, "sip.conf", "allowguest", "context", "domain")
	at := slices.IndexFunc(sections, func(s asterisk.Section) bool { return strings.EqualFold(s.Name, "general") })
	switch {
	case at < 0 && len(problems) == 0: // chan_sip does not begin without this section
		return guestPolicy{none: true}
	case at < 0:
		return p
	}
	general := sections[at]
	if set, found := general.Last("allowguest"); found && !asterisk.IsTrue(set.Value) {
		return guestPolicy{none: true}
	}
	p.contexts = []string{"default"}
	for _, set := range general.Settings {
		switch _, context, both := strings.Cut(set.Value, ","); {
		case set.Key == "context":
			p.contexts = append(p.contexts, strings.TrimSpace(set.Value))
		case set.Key == "domain" && both:
			p.contexts = append(p.contexts, strings.TrimSpace(context))
		}
	}
	return p
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	a, wrong := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || wrong == nil && a.IsLoopback())
}

// isChanSIP reports whether a channel is one of chan_sip.
func isChanSIP(channel string) bool { return strings.HasPrefix(channel, "SIP/") }

// proves reports whether the account that a new channel names is the caller's own: no guest is
// let in, or the channel begins where no guest begins.
func (p *guestPolicy) proves(c *manager.Call, channel string) bool {
	if !isChanSIP(channel) || p.none {
		return true
	}
	return !c.Doubtful && len(p.contexts) > 0 && c.Kind == manager.NewChannel && !slices.Contains(p.contexts, string(c.Context.Raw()))
}

package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/jails/home"
	events "pbxjail/parsers/manager"
	"pbxjail/watcher/ami"
)

const (
	// maxTrunks bounds the trunks that Asterisk lists, and mostAsked the endpoints that are
	// asked about one by one.
	maxTrunks = 1000
	mostAsked = 200
)

// asker asks Asterisk for a list. *ami.Client is one.
type asker interface {
	List(ctx context.Context, item func(packet []byte) bool, action string, fields ...[2]string) error
}

// registrations are what Asterisk lists: phones that are registered, and trunks.
type registrations struct {
	phones     []home.Registration
	trunks     []asterisk.Trust
	carriers   []string       // the names of trunks
	registered map[string]int // contacts of an endpoint of PJSIP that registered
	endpoints  []string       // of PJSIP that have other contacts too
	away       []awayContact  // contacts that registered, and may be at the address of a trunk
	message    events.Message
}

// list asks for all lists that Asterisk has: of modules that are not loaded, it has none.
// commands are the actions that we may use.
func (r *registrations) list(ctx context.Context, c asker, commands []byte) (err error) {
	r.registered = map[string]int{}
	asked := 0
	ask := func(take func([]byte) bool, action string, fields ...[2]string) {
		one := c.List(ctx, take, action, fields...)
		if message, no := ami.Refused(one); no && strings.HasPrefix(message, "No ") { // No Contacts found
			one = nil
		}
		err = errors.Join(err, one)
	}
	for _, action := range []string{events.PJSIPContacts, events.PJSIPEndpoints, events.SIPPeers, events.IAXPeers} {
		if bytes.Contains(commands, []byte("\r\n"+action+":")) {
			asked++
			ask(r.take, action)
		}
	}
	for _, name := range r.endpoints {
		ask(r.takeFixed, events.PJSIPEndpoint, [2]string{"Endpoint", name})
	}
	if asked == 0 {
		return hint.Errorf("in manager.conf, below the user of pbxjail, write: write = system (an example: jailctl help ami); then: asterisk -rx 'manager reload'", "Asterisk lets the user of pbxjail see no list")
	}
	return err
}

// take takes one part of a list, and reports whether there is room for another.
func (r *registrations) take(packet []byte) bool {
	r.message.Read(packet)
	if e := r.message.Endpoint(); e.Name != "" {
		if e.Contacts > r.registered[e.Name] && len(r.endpoints) < mostAsked {
			r.endpoints = append(r.endpoints, e.Name)
		}
		if e.Open && r.registered[e.Name] == 0 { // a trunk that only calls us, and has no address to call
			r.carrier(e.Name)
		}
		return true
	}
	var c events.Contact
	switch {
	case !r.message.Contact(&c):
	case c.Fixed:
		r.trust(&c)
	default:
		account := string(c.Account.Raw())
		r.registered[account]++
		if user := string(c.User.Raw()); user != "" && user != account {
			r.away = append(r.away, awayContact{account, user, c.Addr, c.Named})
		}
		if c.Addr.IsValid() {
			r.phones = append(r.phones, home.Registration{Service: c.Service, Account: account, Addr: c.Addr})
		}
	}
	return len(r.phones) < home.MaxRegistered && len(r.away) < home.MaxRegistered
}

// awayContact is a contact that registered: the number of it, and where it is.
type awayContact struct {
	account, user string
	addr          netip.Addr
	name          string
}

// outside are the accounts that are registered at the address of a trunk, and the number there: a
// call to such an account leaves the PBX. isTrunk knows more addresses and names of trunks.
func (r *registrations) outside(isTrunk func(a netip.Addr, name string) bool) map[string]string {
	found := map[string]string{}
	for _, c := range r.away {
		listed := slices.ContainsFunc(r.trunks, func(t asterisk.Trust) bool {
			return c.addr.IsValid() && t.Prefix.Contains(c.addr) || c.name != "" && strings.EqualFold(t.Host, c.name)
		})
		if isOutside(c.user) && (listed || isTrunk(c.addr, c.name)) {
			found[c.account] = c.user
		}
	}
	return found
}

// takeFixed takes the contacts that are written in the AOR of an endpoint.
func (r *registrations) takeFixed(packet []byte) bool {
	r.message.Read(packet)
	var c events.Contact
	if r.message.Contact(&c) && c.Fixed {
		r.trust(&c)
	}
	return true
}

// trust takes a trunk.
func (r *registrations) trust(c *events.Contact) {
	t := asterisk.Trust{Host: c.Host, Why: fmt.Sprintf("trunk %s, as Asterisk lists it over AMI", c.Name)}
	if c.Addr.IsValid() {
		t.Prefix = netip.PrefixFrom(c.Addr, c.Addr.BitLen())
	}
	known := slices.ContainsFunc(r.trunks, func(o asterisk.Trust) bool { return o.Host == t.Host && o.Prefix == t.Prefix })
	if !known && len(r.trunks) < maxTrunks {
		r.trunks = append(r.trunks, t)
	}
	r.carrier(string(c.Name.Raw()))
}

// carrier notes the name of a trunk.
func (r *registrations) carrier(name string) {
	if name != "" && len(r.carriers) < maxTrunks && !slices.Contains(r.carriers, name) {
		r.carriers = append(r.carriers, name)
	}
}

package asterisk

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/reach"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// who says who can reach an address to listen on, as far as the address itself says.
type who uint8

const (
	ourselves who = iota // this machine alone
	neighbours
	someone // one address, which may be one of the world
	anybody
)

// sharedNetwork is what a provider uses behind its own translation of addresses: RFC 6598.
var sharedNetwork = netip.MustParsePrefix("100.64.0.0/10")

// whoReaches judges an address to listen on, with or without a port; "" is every address.
func whoReaches(bind string) who {
	addr, err := netip.ParseAddr(strings.Trim(bind, "[]"))
	if at, failed := netip.ParseAddrPort(bind); failed == nil {
		addr, err = at.Addr(), nil
	}
	addr = addr.Unmap()
	switch {
	case bind == "localhost" || err == nil && addr.IsLoopback():
		return ourselves
	case err != nil || addr.IsUnspecified():
		return anybody
	case addr.IsPrivate() || addr.IsLinkLocalUnicast() || sharedNetwork.Contains(addr):
		return neighbours
	}
	return someone
}

// subject begins a sentence about who reaches an address.
func (w who) subject(bind string) string {
	switch w {
	case neighbours:
		return "other machines of the network of " + show.Flat(bind, 60)
	case someone:
		return "anybody who reaches " + show.Flat(bind, 60)
	}
	return "anybody in the world"
}

// firewallOf is what the firewall lets through to the ports of a service. Unknown: also where
// nothing listens at them now.
func firewallOf(wall *reach.Firewall, sockets []audit.Socket, ports []asterisk.Port, service asterisk.Service) reach.Verdict {
	found, worst := false, reach.Closed
	for _, s := range sockets {
		if s.Protocol != "tcp" || !s.World() || !ofService(s, ports, service) {
			continue
		}
		found = true
		if v := wall.World(s); worst == reach.Closed || v == reach.Open {
			worst = v
		}
	}
	if !found {
		return reach.Unknown
	}
	return worst
}

func ofService(s audit.Socket, ports []asterisk.Port, service asterisk.Service) bool {
	for _, p := range ports {
		if p.Number == s.At.Port() && p.Service == service && (s.Program == "" || s.Program == "asterisk") {
			return true
		}
	}
	return false
}

// atRisk completes a finding about who can try passwords: by the address that the service
// listens on, and by the firewall.
func atRisk(m *audit.Machine, dir string, service asterisk.Service, w who, bind, what string, f findings.Finding) findings.Finding {
	verdict := reach.Unknown
	if m.IsThis() {
		sockets, err := m.Listening()
		ports, _ := asterisk.Ports(dir) // the checks of the files report what cannot be read
		if err == nil {
			verdict = firewallOf(reach.Of(m), sockets, ports, service)
		}
	}
	return behind(f, verdict, w, bind, what)
}

// behind says what a finding means behind a firewall.
func behind(f findings.Finding, verdict reach.Verdict, w who, bind, what string) findings.Finding {
	f.Severity, f.What = findings.Risky, w.subject(bind)+" can "+what
	switch {
	case verdict == reach.Closed:
		f.Severity, f.What = findings.Note, "the firewall alone keeps the world away: without it, "+f.What
	case w == neighbours:
		f.Severity = findings.Note
		f.What += "; the world can only if a router sends it here"
	case verdict == reach.Unknown:
		f.What += ", unless a firewall refuses them"
	}
	return f
}

// localCRM is an example of another machine that may log in.
const localCRM = "192.168.1.20/255.255.255.255"

// limitUser lets only this machine, and those that an admin names, log in as a user of the
// manager interface.
func limitUser(m *audit.Machine, s asterisk.Section) (steps []findings.Step, hint string) {
	name := show.Flat(s.Name, 60)
	hint = "if a program on another machine (a CRM, a wallboard) logs in as this user, it needs a permit of its own: write its address in place of 192.168.1.20. If there is none, leave 192.168.1.20 out"
	if m.FreePBX() && path.Base(s.At.File) == "manager_additional.conf" {
		return []findings.Step{{Where: fmt.Sprintf("in the web interface: Settings, Asterisk Manager Users, user %s: write 0.0.0.0/0.0.0.0 as Deny and 127.0.0.1/255.255.255.255&%s as Permit, then Apply Config", name, localCRM)}},
			hint + ". Do not change " + where(m, s.At) + ": FreePBX writes this file again at each reload"
	}
	return []findings.Step{
		findings.Write("below ["+name+"] ("+where(m, s.At)+")", "deny = 0.0.0.0/0.0.0.0", "deny = ::/0", "permit = 127.0.0.1/255.255.255.255", "permit = "+localCRM),
		findings.Command("asterisk -rx 'manager reload'"),
	}, hint
}

// listenHere lets the web server of Asterisk listen on this machine alone. set is the line
// that counts today; the zero value is none.
func listenHere(m *audit.Machine, set asterisk.Setting) (steps []findings.Step, hint string) {
	const line = "bindaddr = 127.0.0.1"
	hint = "phones in a browser (WebRTC) reach Asterisk at port 8088 (ws) or 8089 (wss): they stop when that port listens on 127.0.0.1 alone. If you have such phones, let the firewall refuse the world in place of these steps"
	reload := findings.Command("asterisk -rx 'module reload http'")
	switch {
	case m.FreePBX():
		return []findings.Step{findings.Write("into /etc/asterisk/http_custom.conf", line), reload},
			"in place of the steps below you can use the web interface: Settings, Advanced Settings, HTTP Bind Address (HTTPBINDADDRESS): write 127.0.0.1, then Apply Config. A line in http.conf itself does not count, because http_additional.conf comes after it. " + strings.ToUpper(hint[:1]) + hint[1:]
	case set.At.File != "":
		return []findings.Step{findings.Write("in place of "+where(m, set.At), line), reload}, hint
	}
	return []findings.Step{findings.Write("below [general] in "+asterisk.DefaultDir+"/http.conf", line), reload}, hint
}

// manageHere lets the manager interface listen on this machine alone.
func manageHere(m *audit.Machine) (steps []findings.Step, hint string) {
	hint = "programs on other machines that log in to the manager interface, such as a CRM, stop. If you have one, let the firewall refuse all others in place of these steps"
	reload := findings.Command("asterisk -rx 'manager reload'")
	if m.FreePBX() { // the file is included behind the last section
		return []findings.Step{findings.Write("into /etc/asterisk/manager_custom.conf", "[general](+)", "bindaddr = 127.0.0.1"), reload}, hint
	}
	return []findings.Step{findings.Write("below [general] in "+asterisk.DefaultDir+"/manager.conf, in place of a bindaddr there", "bindaddr = 127.0.0.1"), reload}, hint
}

// oneOrigin lets only a page that an admin names use ARI from a browser.
func oneOrigin(m *audit.Machine, set asterisk.Setting) (steps []findings.Step, hint string) {
	const page = "https://THE-PAGE-THAT-NEEDS-IT"
	if m.FreePBX() && path.Base(set.At.File) == "ari_general_additional.conf" {
		return []findings.Step{{Where: "in the web interface: Settings, Advanced Settings, Allowed Origins (ARI_ALLOWED_ORIGINS): write " + page + " in place of *, then Apply Config"}},
			"FreePBX writes ari_general_additional.conf again at each reload. If your FreePBX does not show the setting, write allowed_origins = " + page + " into /etc/asterisk/ari_general_custom.conf, then: asterisk -rx 'module reload res_ari.so'"
	}
	return []findings.Step{findings.Write("in place of "+where(m, set.At), "allowed_origins = "+page), findings.Command("asterisk -rx 'module reload res_ari.so'")}, ""
}

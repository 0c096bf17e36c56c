package packets

import (
	"fmt"
	"strings"
)

// freepbx writes lines for the custom rules of the FreePBX firewall: each becomes iptables
// LINE by way of PHP's escapeshellcmd, which puts a backslash before every | < > ( ) $ ; &
// * ? anywhere in the line, quoted or not (freepbx/firewall:phar/src/firewall.php
// importCustomRules). Between double quotes a shell leaves that backslash in place, and
// iptables then looks for a bar. So the pattern is one word, all in hex and without quotes.
// Only comments are quoted, and they hold nothing that is escaped. iptables-restore reads
// the lines as well.
func (s Sheet) freepbx(b *strings.Builder) {
	file := "/etc/firewall-4.rules"
	if s.Family == 6 {
		file = "/etc/firewall-6.rules"
	}
	s.head(b, append([]string{
		fmt.Sprintf("IPv%d, for the custom rules of the FreePBX firewall, or at the end of %s; the other family: --family.", s.Family, file),
		"That firewall lets known hosts, networks and registered phones in before it asks fpbxreject,",
		"and TCP connections that are established: tcp rules here see what it does not track only.",
	}, blind...)...)
	for _, r := range append(listRules(s.Lists, s.Family), s.Plan.freepbx(s.Family)...) {
		args := r.Args(r.About)
		texts := 0
		for i, a := range args {
			switch {
			case i > 0 && args[i-1] == "--hex-string":
				args[i] = opaque(r.Texts[texts].Bytes)
				texts++
			case i > 0 && args[i-1] == "--comment":
				args[i] = `"` + a + `"`
			}
		}
		fmt.Fprintln(b, "-A fpbxreject", strings.Join(args, " "))
	}
}

// freepbx are the rules for a chain that others fill too: those that let something
// through name the ports, and no rule names more than one range of them.
func (p Plan) freepbx(family int) (rules []Rule) {
	if !p.drops() {
		return nil
	}
	for _, r := range p.family(family) {
		switch {
		case r.NotPorts:
		case r.From.IsValid() && len(r.Ports) == 0:
			for _, ports := range p.Ports {
				for _, proto := range []string{"udp", "tcp"} {
					r.Proto, r.Ports = proto, []Ports{ports}
					rules = append(rules, r)
				}
			}
			if len(p.IAX) > 0 {
				r.Proto, r.Ports = "udp", []Ports{{IAXPort, IAXPort}}
				rules = append(rules, r)
			}
		default:
			for _, ports := range r.Ports {
				r.Ports = []Ports{ports}
				rules = append(rules, r)
			}
		}
	}
	return rules
}

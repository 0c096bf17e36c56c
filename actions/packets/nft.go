package packets

import (
	"fmt"
	"net/netip"
	"strings"
)

// chunk is how many bytes nft compares at once: a register of the kernel.
const chunk = 16

// nft writes a table for nft -f. nft compares bytes at fixed places and cannot search, so
// rules for a User-Agent are not possible; a comment in the output says so.
func (s Sheet) nft(b *strings.Builder) {
	p := s.Plan
	s.head(b, "For: nft -f FILE. It puts this table in place of an earlier one of its name, and touches no other.")
	for _, r := range p.Drop {
		comment(b, "not possible in nft, which has no search: drop agent "+r.Name)
	}
	if len(p.Allow) > 0 {
		comment(b, "not possible in nft, which has no search: drop agents other than "+strings.Join(p.Allow, ", "))
	}
	if len(p.FQDN) > 0 {
		comment(b, "REGISTER is seen at the start of a packet only, and must hold all of the name; tcp needs Linux 5.16.")
	}
	if len(p.Drop)+len(p.Allow) > 0 {
		comment(b, "For what is not possible here, use jailctl rules --format iptables-restore.")
	}
	name := strings.ReplaceAll(s.Chain, "-", "_")
	fmt.Fprintf(b, "table inet %s\ndelete table inet %s\ntable inet %s {\n", name, name, name)
	spare, iax := sets(b, "spare", p.Spare), sets(b, "iax", p.IAX)
	lists := nftLists(b, s.Lists)
	if len(p.FQDN) > 0 {
		nftRegister(b, "udp", "@th", 64, p.FQDN)
		nftRegister(b, "tcp", "@ih", 0, p.FQDN)
	}
	hook := "prerouting priority -299" // behind raw, before conntrack
	if s.Hook == "filter" {
		hook = "input priority -1"
	}
	fmt.Fprintf(b, "\tchain sip {\n\t\ttype filter hook %s; policy accept;\n", hook)
	for _, rule := range lists {
		fmt.Fprintf(b, "\t\t%s\n", rule)
	}
	for _, match := range spare {
		fmt.Fprintf(b, "\t\t%s return\n", match)
	}
	if len(p.IAX) > 0 {
		for _, match := range iax {
			fmt.Fprintf(b, "\t\tudp dport %d %s return\n", IAXPort, match)
		}
		fmt.Fprintf(b, "\t\tudp dport %d counter drop comment \"IAX2 from elsewhere\"\n", IAXPort)
	}
	if len(p.FQDN) > 0 {
		for _, proto := range []string{"udp", "tcp"} {
			fmt.Fprintf(b, "\t\t%s dport { %s } jump register-%s\n", proto, nftPorts(p.Ports), proto)
		}
	}
	b.WriteString("\t}\n}\n")
}

// sets writes the sets of both families, and returns how to match a source in them.
func sets(b *strings.Builder, name string, list []netip.Prefix) (matches []string) {
	for _, f := range []struct {
		family      int
		kind, saddr string
	}{{4, "ipv4_addr", "ip saddr"}, {6, "ipv6_addr", "ip6 saddr"}} {
		prefixes := ofFamily(list, f.family)
		if len(prefixes) == 0 {
			continue
		}
		texts := make([]string, len(prefixes))
		for i, p := range prefixes {
			texts[i] = p.String()
		}
		fmt.Fprintf(b, "\tset %s%d { type %s; flags interval; auto-merge; elements = { %s } }\n", name, f.family, f.kind, strings.Join(texts, ", "))
		matches = append(matches, fmt.Sprintf("%s @%s%d", f.saddr, name, f.family))
	}
	return matches
}

// nftRegister writes a chain that drops REGISTERs to other hosts. base and bits are
// where a packet's load begins.
func nftRegister(b *strings.Builder, proto, base string, bits int, hosts []string) {
	fmt.Fprintf(b, "\tchain register-%s {\n", proto)
	for _, start := range registers(hosts) {
		fmt.Fprintf(b, "\t\t%s return comment \"%s\"\n", nftStart(base, bits, start), strings.TrimRight(start, " "))
	}
	fmt.Fprintf(b, "\t\t%s counter drop comment \"REGISTER to another name\"\n\t}\n", nftStart(base, bits, "REGISTER sip"))
}

// nftStart compares the start of a packet's load with a text, without the bit that
// tells capitals from small letters.
func nftStart(base string, bits int, text string) string {
	var parts []string
	for at := 0; at < len(text); at += chunk {
		piece := []byte(text[at:min(at+chunk, len(text))])
		for i := range piece {
			piece[i] &^= 0x20
		}
		mask := strings.Repeat("df", len(piece))
		parts = append(parts, fmt.Sprintf("%s,%d,%d & 0x%s == 0x%x", base, bits+at*8, len(piece)*8, mask, piece))
	}
	return strings.Join(parts, " ")
}

func nftPorts(ports []Ports) string {
	return strings.ReplaceAll(strings.ReplaceAll(portList(ports), ":", "-"), ",", ", ")
}

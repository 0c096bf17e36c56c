package packets

import (
	"fmt"
	"net/netip"
	"strings"
)

// Rule is one rule of our chain, for no firewall in particular. It matches a packet that
// meets all of its conditions.
type Rule struct {
	Family   int    // 4 or 6
	Proto    string // "udp" or "tcp"; "" is any
	Ports    []Ports
	NotPorts bool         // to any port but those
	From     netip.Prefix // the zero prefix is any address
	New      bool         // the first packet of a flow
	Texts    []Text
	Drop     bool   // false: let it through, the rest of the chain is not asked
	About    string // what it is for, in plain ASCII
}

// Text is a piece of a packet, in capitals or not.
type Text struct {
	Bytes string
	Not   bool // it must not be there
	// From and To are where it is looked for, in bytes from the head of IP. Before
	// Linux 6.7 To was the last place it may begin, since then it is where it must
	// have ended (linux:net/core/skbuff.c skb_find_text): To leaves room for both.
	From, To int
}

// window is where things are in a packet of a family and protocol.
type window struct{ from, slack int }

// lookTo is how far into a packet a header is looked for. Heads of honest requests
// end before it.
const lookTo = 2048

// windowOf: the heads of IP and UDP or TCP, without options and with all of them.
func windowOf(family int, proto string) window {
	w := window{from: 20 + 8, slack: 40}
	if family == 6 {
		w = window{from: 40 + 8, slack: 64} // one or two extension headers
	}
	if proto == "tcp" {
		w.from, w.slack = w.from+12, w.slack+40
	}
	return w
}

// anywhere looks for a text in all of the packet.
func (w window) anywhere(text string) Text { return Text{Bytes: text, From: w.from, To: lookTo} }

// start looks for a text at the start of the packet's load.
func (w window) start(text string) Text {
	return Text{Bytes: text, From: w.from, To: w.from + w.slack + len(text)}
}

// header looks for the header of an agent: at the start of a line.
func (w window) header(a Agent) Text {
	end := ""
	if a.Exact {
		end = "\r\n"
	}
	return w.anywhere("\r\nUser-Agent: " + a.Name + end)
}

func not(t Text) Text {
	t.Not = true
	return t
}

// Args are the arguments of iptables(8) from behind the chain's name on. note is
// put into a comment; "" is none.
func (r Rule) Args(note string) []string {
	var args []string
	add := func(a ...string) { args = append(args, a...) }
	if r.From.IsValid() {
		add("-s", r.From.String())
	}
	if r.Proto != "" {
		add("-p", r.Proto)
	}
	switch {
	case len(r.Ports) == 1 && !r.NotPorts:
		add("-m", r.Proto, "--dport", r.Ports[0].String())
	case len(r.Ports) > 0:
		add("-m", "multiport")
		if r.NotPorts {
			add("!")
		}
		add("--dports", portList(r.Ports))
	}
	if r.New {
		add("-m", "conntrack", "--ctstate", "NEW")
	}
	for _, t := range r.Texts {
		add("-m", "string", "--algo", "bm", "--icase", "--from", fmt.Sprint(t.From), "--to", fmt.Sprint(t.To))
		if t.Not {
			add("!")
		}
		add("--hex-string", readable(t.Bytes))
	}
	if note != "" {
		add("-m", "comment", "--comment", note)
	}
	if r.Drop {
		add("-j", "DROP")
	} else {
		add("-j", "RETURN")
	}
	return args
}

func portList(ports []Ports) string {
	list := make([]string, len(ports))
	for i, p := range ports {
		list[i] = p.String()
	}
	return strings.Join(list, ",")
}

// readable writes bytes as iptables takes them, with letters as letters:
// |0d0a|User-Agent: sipcli.
func readable(text string) string {
	var b strings.Builder
	open := false
	for i := range len(text) {
		odd := text[i] < ' ' || text[i] > '~' || strings.IndexByte(`|\"`, text[i]) >= 0
		if odd != open {
			b.WriteByte('|')
			open = odd
		}
		if odd {
			fmt.Fprintf(&b, "%02x", text[i])
		} else {
			b.WriteByte(text[i])
		}
	}
	if open {
		b.WriteByte('|')
	}
	return b.String()
}

// opaque writes the same with no blank and no letter that a shell could take for
// something.
func opaque(text string) string { return fmt.Sprintf("|%x|", text) }

// PortText is the ports for people: "5060,5070:5080", "not 5060", or "" for any.
func (r Rule) PortText() string {
	if r.NotPorts {
		return "not " + portList(r.Ports)
	}
	return portList(r.Ports)
}

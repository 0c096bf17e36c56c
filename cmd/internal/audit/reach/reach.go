// Package reach finds out which listening ports of a machine answer the world: its sockets
// against its firewall, as far as the caller may read the rules. Parts of jailctl audit call
// it. It follows a packet through the rules of iptables and nftables without sending one. It
// must never call a port closed when a rule is not understood.
package reach

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Verdict is what happens to a packet from the world.
type Verdict uint8

const (
	Unknown Verdict = iota // a rule is not understood, or the rules cannot be read
	Closed                 // it is dropped or rejected
	Open                   // it reaches the program
)

// String is the verdict in a sentence: "port 22 is open to the world".
func (v Verdict) String() string { return [...]string{"perhaps open", "closed", "open"}[v] }

// Firewall is what the rules of a machine say. The zero value knows no rules.
type Firewall struct {
	err      error      // why the rules cannot be read
	v4, v6   []*ruleset // all must let a packet pass
	programs []string   // that printed them
	in       string     // the interface that packets of the world come in over; "": not known
}

// Why says in one sentence where the rules come from, or why they are not known.
func (f *Firewall) Why() string {
	if f.err != nil {
		return "the rules of the firewall cannot be read: " + hint.Line(f.err.Error())
	}
	return "by the rules of " + strings.Join(f.programs, " and ")
}

// Err is why the rules cannot be read; nil: they are known.
func (f *Firewall) Err() error { return f.err }

// Of reads the firewall of a machine, once for a part.
func Of(m *audit.Machine) *Firewall {
	return audit.Remember(m, "reach", func() *Firewall { return read(m) })
}

// ErrNoTool says that no program can show the rules of the kernel.
var ErrNoTool = errors.New("neither nft nor iptables-save is installed")

// read asks each program that knows rules. The rules of iptables-nft are in nftables too, in
// a form that says less: for its tables, iptables-save is asked.
func read(m *audit.Machine) *Firewall {
	f := &Firewall{in: outside(m)}
	asked := false
	run := func(name string, args ...string) ([]byte, bool) {
		if f.err != nil {
			return nil, false
		}
		r, err := m.Do(m.Context(), program.Command{Name: name, Args: args, Env: []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}})
		switch {
		case errors.Is(err, program.ErrNotInstalled):
			return nil, false
		case err != nil:
			f.err = err
		case r.Status != 0:
			said := show.Flat(strings.TrimSpace(string(r.Said)), 200)
			if said == "" {
				said = "it fails without a reason"
			}
			f.err = fmt.Errorf("%s: %s", name, strings.TrimPrefix(said, name+": "))
			if os.Geteuid() != 0 {
				f.err = hint.Add("run jailctl audit as root; it only reads", f.err)
			}
		case r.Cut:
			f.err = fmt.Errorf("%s prints more than %d MiB", name, program.MaxOutput>>20)
		default:
			asked = true
			return r.Out, true
		}
		return nil, false
	}
	for _, family := range []struct {
		prefix string
		into   *[]*ruleset
	}{{"iptables", &f.v4}, {"ip6tables", &f.v6}} {
		// iptables-save is one of both variants; the other one may have rules too.
		for _, name := range []string{family.prefix + "-save", family.prefix + "-legacy-save", family.prefix + "-nft-save"} {
			if out, ok := run(name); ok {
				rules := parseSave(string(out))
				if rules.says() {
					*family.into = append(*family.into, rules)
					f.programs = appendOnce(f.programs, family.prefix)
				}
			}
		}
	}
	if out, ok := run("nft", "-j", "-t", "list", "ruleset"); ok {
		four, six, err := parseNFT(out)
		if err != nil {
			f.err = err
		}
		f.v4, f.v6 = append(f.v4, four...), append(f.v6, six...)
		if len(four)+len(six) > 0 {
			f.programs = appendOnce(f.programs, "nftables")
		}
	}
	switch {
	case f.err != nil:
	case !asked:
		f.err = hint.Add("install the program nft or iptables, which shows the rules", ErrNoTool)
	case len(f.programs) == 0:
		f.programs = []string{"the kernel, which has none"}
	}
	return f
}

func appendOnce(list []string, one string) []string {
	for _, before := range list {
		if before == one {
			return list
		}
	}
	return append(list, one)
}

// World says whether a packet from an address of the internet reaches a socket. A socket of
// loopback is closed. IPv6 sockets of "::" get IPv4 packets too: the more open one counts.
func (f *Firewall) World(s audit.Socket) Verdict {
	addr := s.At.Addr()
	p := packet{s.Protocol, s.At.Port(), addr, f.in}
	switch {
	case addr.IsLoopback():
		return Closed
	case f.err != nil:
		return Unknown
	case addr.Is4():
		return verdict(f.v4, p)
	case addr.IsUnspecified():
		return max(verdict(f.v4, p), verdict(f.v6, p))
	}
	return verdict(f.v6, p)
}

// max prefers open, then unknown.
func max(a, b Verdict) Verdict {
	for _, v := range []Verdict{Open, Unknown} {
		if a == v || b == v {
			return v
		}
	}
	return Closed
}

// packet is the first packet of a stranger to a port.
type packet struct {
	protocol string
	port     uint16
	to       netip.Addr // unspecified: any address of the machine
	in       string     // the interface; "": not known
}

// outside is the interface of the default route, by which the world comes in; "" when the
// machine has none, or several.
func outside(m *audit.Machine) (name string) {
	text, err := m.Read("/proc/net/route", 1<<20)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask
		field := strings.Fields(line)
		if len(field) < 8 || field[1] != "00000000" || field[7] != "00000000" {
			continue
		}
		if name != "" && name != field[0] {
			return ""
		}
		name = field[0]
	}
	return name
}

// verdict is that of all rulesets: what one drops is dropped.
func verdict(list []*ruleset, p packet) Verdict {
	out := Open
	for _, r := range list {
		switch r.verdict(p) {
		case Closed:
			return Closed
		case Unknown:
			out = Unknown
		}
	}
	return out
}

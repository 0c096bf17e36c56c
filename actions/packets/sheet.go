package packets

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Sheet is a Plan to be printed for an operator who adds rules by hand.
type Sheet struct {
	Plan   Plan
	Lists  []List   // dropped before the Plan is asked
	Chain  string   // of our own; where a format has its own it is not used
	Hook   string   // "raw" (PREROUTING) or "filter" (INPUT)
	Family int      // 4 or 6, for formats that hold one only
	Notes  []string // what could not be taken over, for the head
}

// Formats are the words Format knows.
var Formats = []string{"iptables", "iptables-restore", "freepbx", "nft"}

// blind is the start of every sheet that looks into packets.
var blind = []string{
	"A rule sees one packet. It cannot see TLS, WebSockets, a header split over two TCP segments,",
	"or one with no or several blanks after its colon. It stops noise, not a determined attacker.",
}

// Format prints the rules in a format.
func (s Sheet) Format(format string) (string, error) {
	s.Plan.NewFlows = s.Hook == "filter" || format == "freepbx"
	rules, err := Compile(s.Plan)
	if err == nil {
		err = checkLists(s.Lists)
	}
	if err != nil {
		return "", err
	}
	rules = slices.Concat(listRules(s.Lists, 4), listRules(s.Lists, 6), rules)
	if !chainName.MatchString(s.Chain) || s.Hook != "raw" && s.Hook != "filter" || s.Family != 4 && s.Family != 6 {
		return "", hint.Errorf("write into the main file a chain of at most 28 lower-case letters, digits and -; and hook: raw or hook: filter. The family is 4 or 6", "cannot print rules for chain %q, hook %q, family %d", s.Chain, s.Hook, s.Family)
	}
	var b strings.Builder
	switch format {
	case "iptables":
		s.commands(&b, rules)
	case "iptables-restore":
		s.restore(&b, rules)
	case "freepbx":
		s.freepbx(&b)
	case "nft":
		s.nft(&b)
	default:
		return "", hint.Errorf("give one of these formats: "+strings.Join(Formats, ", "), "format %q is not known", format)
	}
	return b.String(), nil
}

var chainName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,27}$`)

func (s Sheet) table() (table, parent string) {
	if s.Hook == "filter" {
		return "filter", "INPUT"
	}
	return "raw", "PREROUTING"
}

// head writes comments: each line of each text.
func (s Sheet) head(b *strings.Builder, texts ...string) {
	for _, t := range append(texts, s.Notes...) {
		comment(b, t)
	}
}

// comment writes one line, and no more than one.
func comment(b *strings.Builder, text string) { fmt.Fprintf(b, "# %s\n", show.Flat(text, len(text))) }

// commands writes lines for a shell.
func (s Sheet) commands(b *strings.Builder, rules []Rule) {
	table, parent := s.table()
	s.head(b, append([]string{"Commands for a shell, both families."}, blind...)...)
	for _, tool := range []struct {
		name   string
		family int
	}{{"iptables", 4}, {"ip6tables", 6}} {
		line := func(args ...string) {
			fmt.Fprintln(b, tool.name, "-w 5 -t", table, words(args))
		}
		line("-N", s.Chain)
		for _, r := range rules {
			if r.Family == tool.family {
				line(append([]string{"-A", s.Chain}, r.Args(r.About)...)...)
			}
		}
		line("-A", parent, "-j", s.Chain)
	}
}

// restore writes a file for iptables-restore --noflush or ip6tables-restore.
func (s Sheet) restore(b *strings.Builder, rules []Rule) {
	table, parent := s.table()
	tool, other := "iptables-restore", 6
	if s.Family == 6 {
		tool, other = "ip6tables-restore", 4
	}
	s.head(b, append([]string{
		fmt.Sprintf("IPv%d, for: %s --noflush. The rules of IPv%d: --family %d.", s.Family, tool, other, other),
		fmt.Sprintf("It replaces the rules of chain %s, and adds one more jump to it each time.", s.Chain),
	}, blind...)...)
	fmt.Fprintf(b, "*%s\n:%s - [0:0]\n", table, s.Chain)
	for _, r := range rules {
		if r.Family == s.Family {
			fmt.Fprintln(b, words(append([]string{"-A", s.Chain}, r.Args(r.About)...)))
		}
	}
	fmt.Fprintf(b, "-A %s -j %s\nCOMMIT\n", parent, s.Chain)
}

// words joins arguments as a shell and iptables-restore take them apart: what is
// not a word by itself goes into double quotes. Compile has let in nothing that
// means something inside those.
func words(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if !bare.MatchString(a) {
			out[i] = `"` + a + `"`
		}
	}
	return strings.Join(out, " ")
}

var bare = regexp.MustCompile(`^(!|[A-Za-z0-9._/:,=@+-]+)$`)

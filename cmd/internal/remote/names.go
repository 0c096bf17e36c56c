package remote

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

// mostNames is how many names the shell is given, and mostConfigLines how many lines of a
// file are read for that.
const (
	mostNames       = 500
	mostConfigLines = 20_000
)

// Names are the hosts that files of ssh name, for the shell to complete: the Host entries of
// a configuration, and what known_hosts has in the clear (sshd(8)). Patterns are left out.
func Names(config, known io.Reader) (list []string) {
	add := func(name string) {
		if t, err := ParseTarget(name); err == nil && len(list) < mostNames {
			list = append(list, t.String())
		}
	}
	eachLine(config, func(line string) {
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' })
		if len(words) > 1 && strings.EqualFold(words[0], "Host") {
			for _, name := range words[1:] {
				add(name)
			}
		}
	})
	eachLine(known, func(line string) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0][0] != '@' && words[0][0] != '#' {
			for name := range strings.SplitSeq(words[0], ",") {
				if host, port, found := strings.Cut(name, "]"); found && strings.Count(name, ":") == 1 {
					name = host[1:] + port // [pbx]:2222; ParseTarget has brackets for IPv6 alone
				}
				add(name)
			}
		}
	})
	slices.Sort(list)
	return slices.Compact(list)
}

func eachLine(r io.Reader, do func(line string)) {
	lines := bufio.NewScanner(r)
	for n := 0; n < mostConfigLines && lines.Scan(); n++ {
		do(lines.Text())
	}
}

// Package ports says which ports a ban closes, in one spelling: jails decide it, the ledger
// stores it, the enforcers do it. Every room calls it. It must never look up which ports a
// service has: the daemon reads that from Asterisk's configuration.
package ports

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Range is one port, or those from From to To. The zero value is not valid.
type Range struct {
	Proto    string // "udp", "tcp", or "" for both
	From, To uint16 // To is the last port
}

// String is the range as files and ParseRange have it: 5060, 10000-20000/udp.
func (r Range) String() string {
	text := strconv.Itoa(int(r.From))
	if r.To > r.From {
		text += "-" + strconv.Itoa(int(r.To))
	}
	if r.Proto != "" {
		text += "/" + r.Proto
	}
	return text
}

// ParseRange reads 5060, 5060/udp, 10000-20000 and 10000-20000/udp. ok is false for all
// else.
func ParseRange(text string) (r Range, ok bool) {
	span, proto, named := strings.Cut(text, "/")
	if named && proto != "udp" && proto != "tcp" {
		return r, false
	}
	first, last, ranged := strings.Cut(span, "-")
	if !ranged {
		last = first
	}
	from, okFrom := number(first)
	to, okTo := number(last)
	if !okFrom || !okTo || from > to {
		return r, false
	}
	return Range{proto, from, to}, true
}

// number reads a port in its one spelling.
func number(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == text
}

// Set is what a ban closes: names of services and lists of ranges, with commas between
// them, sorted, each once: "sip", "ami,sip", "5060+10000-20000/udp". "" is every port.
type Set string

// All closes every port.
const All Set = ""

// The services that have ports of their own.
const (
	SIP  = "sip" // with RTP, and the ports of HTTP, over which WebSocket carries SIP
	IAX  = "iax"
	AMI  = "ami" // with the ports of HTTP, over which it is spoken too
	HTTP = "http"
)

// Services are all of them.
func Services() []string { return []string{SIP, IAX, AMI, HTTP} }

// mostRanges bounds a list: each range costs every packet a comparison.
const mostRanges = 15

// ListOf is the Set of a list of ranges. Two that are spelled differently are one Set only
// where their ranges are the same ones. It is All for no ranges.
func ListOf(list []Range) Set {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Range) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	var words []string
	for _, r := range slices.Compact(list) {
		words = append(words, r.String())
	}
	return Set(strings.Join(words, "+"))
}

func (r Range) sortKey() string { return fmt.Sprintf("%05d %05d %s", r.From, r.To, r.Proto) }

// Parse reads a Set, as String prints it or with the words in another order. A problem says
// what cannot be read.
func Parse(text string) (Set, error) {
	if text == "" || text == "all" {
		return All, nil
	}
	var s Set
	for word := range strings.SplitSeq(text, ",") {
		one := Set(word)
		if !slices.Contains(Services(), word) {
			list, err := parseList(word)
			if err != nil {
				return All, err
			}
			one = ListOf(list)
		}
		if s == All {
			s = one
		} else {
			s = s.And(one)
		}
	}
	return s, nil
}

// Read reads what a person writes: services and ranges with commas, where all ranges are
// one list.
func Read(text string) (Set, error) {
	if text == "" || text == All.String() {
		return All, nil
	}
	var words, ranges []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); slices.Contains(Services(), word) {
			words = append(words, word)
		} else {
			ranges = append(ranges, word)
		}
	}
	if len(ranges) > 0 {
		words = append(words, strings.Join(ranges, "+"))
	}
	return Parse(strings.Join(words, ","))
}

func parseList(word string) (list []Range, err error) {
	for text := range strings.SplitSeq(word, "+") {
		r, ok := ParseRange(text)
		if !ok {
			return nil, fmt.Errorf("%q is neither %s nor a port such as 5060, 5060/udp or 10000-20000/udp", text, strings.Join(Services(), ", "))
		}
		list = append(list, r)
	}
	if len(list) > mostRanges {
		return nil, fmt.Errorf("too many ports and ranges: %d, the limit is %d", len(list), mostRanges)
	}
	return list, nil
}

// String is the set for people: all, sip, ami,sip.
func (s Set) String() string {
	if s == All {
		return "all"
	}
	return string(s)
}

// words are the services and lists of a set; none of All.
func (s Set) words() []string {
	if s == All {
		return nil
	}
	return strings.Split(string(s), ",")
}

// And is what two bans close together.
func (s Set) And(o Set) Set {
	switch {
	case s == All || o == All:
		return All
	case s == o: // most are
		return s
	}
	list := slices.Concat(s.words(), o.words())
	slices.Sort(list)
	return Set(strings.Join(slices.Compact(list), ","))
}

// Covers reports whether a set closes all that another does, by its words: no ranges are
// compared.
func (s Set) Covers(o Set) bool { return s == All || o != All && s.And(o) == s }

// Lists are the words of a set that are lists of ranges, by the names of their groups.
func (s Set) Lists() map[string][]Range {
	var lists map[string][]Range
	for _, word := range s.words() {
		if slices.Contains(Services(), word) {
			continue
		}
		if list, err := parseList(word); err == nil {
			if lists == nil {
				lists = map[string][]Range{}
			}
			lists[groupOf(word)] = list
		}
	}
	return lists
}

// Groups are the names under which enforcers know the words of a set: services by their
// own, lists by one that is made of their text, so that it is the same after a restart.
// None of All. Each is at most 7 letters of a-z and 0-9.
func (s Set) Groups() []string {
	list := s.words()
	for i, word := range list {
		list[i] = groupOf(word)
	}
	return list
}

func groupOf(word string) string {
	if word[0] < '0' || word[0] > '9' {
		return word
	}
	h := fnv.New64a()
	h.Write([]byte(word))
	text := strconv.FormatUint(h.Sum64(), 36)
	return "p" + text[len(text)-min(len(text), 6):]
}

// Places is the number of groups in the kernel that hold a ban of the set; 1 for All.
func (s Set) Places() int {
	if s == All {
		return 1
	}
	return 1 + strings.Count(string(s), ",")
}

// Ban is a ban as an enforcer is asked for it.
type Ban struct {
	Prefix netip.Prefix
	Ports  Set
	For    time.Duration // 0: without end
}

// Held is a ban as the kernel holds it, in one group. A ban of several groups is in each of
// them.
type Held struct {
	Prefix         netip.Prefix
	Group          string        // "" is every port
	Left           time.Duration // 0: without end
	Packets, Bytes uint64        // that it dropped
}

package parsers

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Pattern is a jail file's own pattern for records the built-in rules do not
// know. It is matched against "LEVEL FILE: MESSAGE", or against the whole line
// where it has no head of Asterisk's. Safe for concurrent use.
type Pattern struct {
	greedy, lazy *regexp.Regexp // the same pattern, its repetitions as long and as short as can be
	prefix       []byte
	fixed        bool // nothing but its address and port can differ from line to line
	text         string
	needs        [][]string // see needsOf
}

var (
	errAnchor = errors.New(`does not begin with "^". Without ^ an attacker could write a matching text into the log, for example as a user name`)
	errAddr   = errors.New("has no <ADDR>, so no address can get the points")
	errHidden = errors.New(`has <ADDR> between \Q and \E, where <ADDR> is only text: write \E before <ADDR>, and \Q after <ADDR>`)
	placeText = regexp.MustCompile(`<(/?)(ADDR|HOST|PORT|F-[A-Z]+)>`)
)

const (
	addrExpr = `(?P<ADDR>\[[0-9A-Fa-f:.]+\]|\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)`
	portExpr = `(?P<PORT>[0-9]{1,5}\b)`
)

// NewPattern compiles an expression of RE2 with <ADDR> (or <HOST>), <PORT> and
// fail2ban's <F-NAME> or <F-NAME>expression</F-NAME>. It must be anchored.
func NewPattern(text string) (*Pattern, error) {
	if !strings.HasPrefix(text, "^") {
		return nil, errAnchor
	}
	if n := strings.Count(text, "<ADDR>") + strings.Count(text, "<HOST>"); n == 0 {
		return nil, errAddr
	} else if n > 1 {
		return nil, errors.New("has more than one <ADDR>: only one address can get the points")
	}
	inner := expand(text[1:])
	plain, err := regexp.Compile(inner) // by itself: a bracket too many would let it out of ours
	if err != nil {
		return nil, fmt.Errorf("is not a valid regular expression (RE2): %w", err)
	}
	expr := "^(?:" + inner + ")" // "^one|two" anchors both
	greedy, err := compile(expr, false)
	if err != nil {
		return nil, fmt.Errorf("is not a valid regular expression (RE2): %w", err)
	}
	if greedy.NumSubexp() > 50 {
		return nil, errors.New("has more than 50 groups in brackets ( and )")
	}
	if greedy.SubexpIndex("ADDR") < 0 {
		return nil, errHidden
	}
	lazy, err := compile(expr, true)
	if err != nil {
		return nil, fmt.Errorf("is not a valid regular expression (RE2): %w", err)
	}
	prefix, _ := plain.LiteralPrefix()
	return &Pattern{greedy: greedy, lazy: lazy, text: text, prefix: []byte(prefix), fixed: isFixed(expr), needs: needsIn(expr)}, nil
}

func needsIn(expr string) [][]string {
	tree, err := syntax.Parse("(?s)"+expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return needsOf(tree)
}

// isFixed reports whether an expression leaves no room for a caller's text, and
// takes the whole line.
func isFixed(expr string) bool {
	tree, err := syntax.Parse("(?s)"+expr, syntax.Perl)
	if err != nil || !strings.Contains(expr, "$") {
		return false
	}
	var fixed func(re *syntax.Regexp) bool
	fixed = func(re *syntax.Regexp) bool {
		if re.Name == "ADDR" || re.Name == "PORT" {
			return true
		}
		switch re.Op {
		case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpCharClass:
			return false
		}
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !fixed(sub) })
	}
	return fixed(tree)
}

// compile makes all repetitions take as little as they can, or all as much:
// between the two lie the readings that a sender can choose from.
func compile(expr string, lazy bool) (*regexp.Regexp, error) {
	tree, err := syntax.Parse("(?s)"+expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	setLazy(tree, lazy)
	return regexp.Compile(tree.String())
}

// setLazy leaves addresses and ports alone: they are taken whole.
func setLazy(re *syntax.Regexp, lazy bool) {
	if re.Name == "ADDR" || re.Name == "PORT" {
		return
	}
	re.Flags &^= syntax.NonGreedy
	if lazy {
		re.Flags |= syntax.NonGreedy
	}
	for _, sub := range re.Sub {
		setLazy(sub, lazy)
	}
}

// String returns the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// expand puts expressions in place of the <NAMES>. A lone <F-NAME> is any text;
// one that is closed later wraps an expression.
func expand(text string) string {
	return placeText.ReplaceAllStringFunc(text, func(tag string) string {
		name := strings.Trim(tag, "</>")
		switch {
		case strings.HasPrefix(tag, "</"):
			return ")"
		case name == "ADDR" || name == "HOST":
			return addrExpr
		case name == "PORT":
			return portExpr
		case strings.Contains(text, "</"+name+">"):
			return "(?P<" + strings.ReplaceAll(name, "-", "_") + ">"
		}
		return "(?P<" + strings.ReplaceAll(name, "-", "_") + ">.*)"
	})
}

// match reads text. An address that depends on which end one reads from is two
// readings, and the record is Ambiguous.
func (p *Pattern) match(text []byte, e *Event) bool {
	if !strings.HasPrefix(string(text[:min(len(text), len(p.prefix))]), string(p.prefix)) {
		return false
	}
	g := p.greedy.FindSubmatchIndex(text)
	if g == nil {
		return false
	}
	group := func(name string) []byte {
		i := 2 * max(p.greedy.SubexpIndex(name), 0)
		if i == 0 || g[i] < 0 {
			return nil
		}
		return text[g[i]:g[i+1]]
	}
	a, _, ok := anyAddr.parse(group("ADDR"))
	if !ok {
		return false
	}
	*e = Event{Result: Offence, Kind: Custom, Evidence: Seen, Service: Other, Channel: ChannelNotice, Points: Point, Addr: a, Rule: "own pattern", Pattern: p}
	e.Account = TextOf(group("F_USER"))
	e.Port, _ = parsePort(group("PORT"))
	at := 2 * p.greedy.SubexpIndex("ADDR")
	e.Before = g[at] > len(p.prefix)
	switch l := p.lazy.FindSubmatchIndex(text); {
	case l == nil || l[at] != g[at] || l[at+1] != g[at+1]:
		e.Result, e.Doubt = Ambiguous, "the pattern finds more than one address"
	case hasHead(text[:g[at]]):
		e.Result, e.Doubt = Ambiguous, "a second record begins before the address"
	}
	return true
}

// Find is the first address that the pattern finds in a line, in whatever other ways the line
// can be read. It says what a program without doubts would find, and is no evidence.
func (p *Pattern) Find(line []byte) (netip.Addr, bool) {
	g := p.greedy.FindSubmatchIndex(line)
	if g == nil {
		return netip.Addr{}, false
	}
	at := 2 * p.greedy.SubexpIndex("ADDR")
	if g[at] < 0 {
		return netip.Addr{}, false
	}
	a, _, ok := anyAddr.parse(line[g[at]:g[at+1]])
	return a, ok
}

// otherLevel is what every level but the five known ones was called in patterns
// until they had their own names. Patterns that use it still work.
var otherLevel = []byte("OTHER")

// ownText appends what a pattern is matched against.
func ownText(out, level []byte, r *record) []byte {
	out = append(out, level...)
	if len(r.file) > 0 {
		out = append(append(append(out, ' '), r.file...), ':')
	}
	return append(append(out, ' '), r.msg...)
}

// isOther reports whether a pattern uses that name.
func (p *Pattern) isOther() bool { return bytes.HasPrefix(p.prefix, otherLevel) }

// isOwn reports whether one of the jail files' patterns may be for a record.
func (p *Parser) isOwn(r *record) bool {
	if len(p.patterns.list) == 0 {
		return false
	}
	p.seeBuf = ownText(p.seeBuf[:0], bytes.TrimSuffix(r.name, blank), r)
	if p.patterns.begins(p.seeBuf) {
		return true
	}
	return r.level == levelOther && len(p.patterns.others) > 0
}

// own tries the jail files' patterns. It reports whether one of them leaves nothing
// of the line to a caller.
func (p *Parser) own(line []byte, head bool, r *record, emit func(*Event)) (fixed bool) {
	text := line
	if head {
		p.textBuf = ownText(p.textBuf[:0], bytes.TrimSuffix(r.name, blank), r)
		text = p.textBuf
	}
	other := head && r.level == levelOther
	for _, i := range p.patterns.candidates(text, other) {
		own, see := p.patterns.list[i], text
		if other && own.isOther() {
			see = ownText(nil, otherLevel, r)
		}
		fixed = p.tryOwn(own, see, line, head, r, emit) || fixed
	}
	return fixed
}

// tryOwn tries one pattern on what it sees of a line. It reports whether it leaves nothing of
// the line to a caller.
func (p *Parser) tryOwn(own *Pattern, see, line []byte, head bool, r *record, emit func(*Event)) (fixed bool) {
	e := &p.event
	if !own.match(see, e) {
		return false
	}
	e.Account = e.Account.Clone() // the text is built again for the next line
	e.Line = TextOf(line)
	p.waits, p.mark = false, nil
	if p.gate(e, line, false, begun, true) && head && e.Before {
		p.compare(e, r)
	}
	if e.Result == None {
		return own.fixed
	}
	if head {
		e.Time = p.clock.At(r.when())
	} else {
		e.Time = p.timeOf(line)
	}
	p.send(e, emit)
	return own.fixed
}

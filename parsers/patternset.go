package parsers

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// patternSet finds in one pass over a line which of many own patterns can match it, so that
// their number costs little: each pattern needs some plain text, and all these texts are one
// automaton (Aho and Corasick 1975). What it leaves out can never match. Owned by one Parser.
type patternSet struct {
	list     []*Pattern
	prefixes words   // with which the patterns begin
	empty    bool    // one of them begins with anything
	anchored words   // texts needed at the beginning
	inside   words   // texts needed anywhere
	all      []int32 // of the list
	always   []int32 // patterns that need no text
	others   []int32 // patterns that use otherLevel
	seen     []uint32
	round    uint32
	found    []int32
}

// fewPatterns are tried one after the other: a pass over the line takes longer.
const fewPatterns = 6

func newPatternSet(list []*Pattern) (s patternSet) {
	s.list = list
	for i, p := range list {
		s.prefixes.add(string(p.prefix), 0)
		s.empty = s.empty || len(p.prefix) == 0
		if s.all = append(s.all, int32(i)); p.isOther() {
			s.others = append(s.others, int32(i))
		}
	}
	if len(list) <= fewPatterns {
		return s
	}
	shared := map[string]int{}
	for _, p := range list {
		shared[string(p.prefix)]++
		for _, option := range p.needs {
			for _, text := range option {
				shared[text]++
			}
		}
	}
	for i, p := range list {
		best, at := []string{string(p.prefix)}, &s.anchored
		for _, option := range p.needs {
			if compareNeeds(option, best, shared) < 0 {
				best, at = option, &s.inside
			}
		}
		if slices.Contains(best, "") {
			s.always = append(s.always, int32(i))
			continue
		}
		for _, text := range best {
			at.add(text, int32(i))
		}
	}
	s.inside.link()
	s.seen = make([]uint32, len(list))
	return s
}

// compareNeeds orders what a pattern needs: best is what few other patterns need, and is long.
func compareNeeds(a, b []string, shared map[string]int) int {
	rate := func(option []string) (short bool, sharers, length int) {
		length = maxNeed
		for _, text := range option {
			sharers, length = max(sharers, shared[text]), min(length, len(text))
		}
		return length < 3, sharers, length
	}
	shortA, sharersA, lengthA := rate(a)
	shortB, sharersB, lengthB := rate(b)
	if shortA != shortB {
		if shortA {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(sharersA, sharersB), cmp.Compare(lengthB, lengthA))
}

// begins reports whether a text begins as one of the patterns does.
func (s *patternSet) begins(text []byte) bool {
	return s.empty || s.prefixes.walk(text, func(int32) {})
}

// candidates are the numbers of the patterns that may match a text, in their order, and with
// other also of those that see another text. They hold until the next call.
func (s *patternSet) candidates(text []byte, other bool) []int32 {
	if len(s.list) <= fewPatterns {
		return s.all
	}
	s.found = s.found[:0]
	if s.round++; s.round == 0 {
		clear(s.seen)
		s.round = 1
	}
	take := func(i int32) {
		if s.seen[i] != s.round {
			s.seen[i] = s.round
			s.found = append(s.found, i)
		}
	}
	for _, i := range s.always {
		take(i)
	}
	if other {
		for _, i := range s.others {
			take(i)
		}
	}
	s.anchored.walk(text, take)
	s.inside.search(text, take)
	slices.Sort(s.found)
	return s.found
}

const (
	// maxNeed is how much of a needed text is looked for: more finds hardly less.
	maxNeed = 24
	// maxChoice bounds the texts of which a pattern needs one.
	maxChoice = 16
)

// needsOf are texts without which an expression cannot match: of each option, one of its texts.
func needsOf(re *syntax.Regexp) (options [][]string) {
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 || strings.ContainsRune(text, utf8.RuneError) { // which any broken byte matches
			return nil
		}
		return [][]string{{text[:min(len(text), maxNeed)]}}
	case syntax.OpCapture, syntax.OpPlus:
		return needsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needsOf(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			options = append(options, needsOf(sub)...)
		}
	case syntax.OpAlternate:
		var choice []string
		for _, sub := range re.Sub {
			best := []string{""}
			for _, option := range needsOf(sub) {
				if compareNeeds(option, best, nil) < 0 {
					best = option
				}
			}
			choice = append(choice, best...)
		}
		if len(choice) <= maxChoice && !slices.Contains(choice, "") {
			return [][]string{choice}
		}
	}
	return options
}

// words is a tree of texts. The zero value is empty. After link it also finds them anywhere
// in a text.
type words struct {
	nodes []wordNode // the first one is the root
	ends  []wordEnd
	first [256]int32 // children of the root; 0: none
}

type wordNode struct {
	child, sibling int32 // 0: none
	fail           int32 // the longest end of this text that is in the tree too
	end            int32 // of this text, in ends; -1: none
	up             int32 // the next shorter text that ends here; 0: none
	char           byte
}

// wordEnd is a pattern that needs a text, and the next one that needs it.
type wordEnd struct{ pattern, next int32 }

func (w *words) add(text string, pattern int32) {
	if len(w.nodes) == 0 {
		w.nodes = append(w.nodes, wordNode{end: -1})
	}
	at := int32(0)
	for i := range len(text) {
		to := w.childOf(at, text[i])
		if to == 0 {
			to = int32(len(w.nodes))
			w.nodes = append(w.nodes, wordNode{end: -1, char: text[i]})
			if at == 0 {
				w.first[text[i]] = to
			}
			w.nodes[to].sibling, w.nodes[at].child = w.nodes[at].child, to
		}
		at = to
	}
	w.ends = append(w.ends, wordEnd{pattern, w.nodes[at].end})
	w.nodes[at].end = int32(len(w.ends) - 1)
}

func (w *words) childOf(at int32, char byte) int32 {
	if at == 0 {
		return w.first[char]
	}
	to := w.nodes[at].child
	for to != 0 && w.nodes[to].char != char {
		to = w.nodes[to].sibling
	}
	return to
}

// walk takes each text with which another one begins, and reports whether there is any.
func (w *words) walk(text []byte, take func(pattern int32)) (any bool) {
	if len(w.nodes) == 0 {
		return false
	}
	at := int32(0)
	for _, char := range text {
		if at = w.childOf(at, char); at == 0 {
			break
		}
		any = w.takeEnds(at, take) || any
	}
	return any
}

func (w *words) takeEnds(at int32, take func(pattern int32)) (any bool) {
	for e := w.nodes[at].end; e >= 0; e = w.ends[e].next {
		any = true
		take(w.ends[e].pattern)
	}
	return any
}

// link makes the ways back, the shorter texts first.
func (w *words) link() {
	if len(w.nodes) == 0 {
		return
	}
	queue := []int32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for to := w.nodes[at].child; to != 0; to = w.nodes[to].sibling {
			queue = append(queue, to)
			if at == 0 {
				continue
			}
			n := &w.nodes[to]
			n.fail = w.step(w.nodes[at].fail, n.char)
			if n.up = n.fail; w.nodes[n.fail].end < 0 {
				n.up = w.nodes[n.fail].up
			}
		}
	}
}

// step is the longest text of the tree that ends with the one at hand and a character.
func (w *words) step(at int32, char byte) int32 {
	for {
		if to := w.childOf(at, char); to != 0 || at == 0 {
			return to
		}
		at = w.nodes[at].fail
	}
}

// search takes each text that another one holds. After link.
func (w *words) search(text []byte, take func(pattern int32)) {
	if len(w.nodes) == 0 {
		return
	}
	at := int32(0)
	for _, char := range text {
		at = w.step(at, char)
		for end := at; end != 0; end = w.nodes[end].up {
			w.takeEnds(end, take)
		}
	}
}

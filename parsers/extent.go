package parsers

import "bytes"

// upTo is how far the text of a record that ends with end can go on within n bytes:
// to the last line that ends so, and never past a line that provably begins a record.
// line is the length of the record's first line.
func (p *Parser) upTo(n, line int, end []byte) int {
	return p.upToIn(n, line, end, len(p.near.rest) >= n || p.behind == 0 && p.arrived.IsZero())
}

// upToIn is upTo where it is known whether all that may follow within n bytes is there.
func (p *Parser) upToIn(n, line int, end []byte, all bool) int {
	if n == 0 || len(end) == 0 || p.env.kind != plainLine {
		return n
	}
	text, closed := p.within(n)
	if !closed && !all || cutIn(text, loggerBuffer-1-line-len(newline)) {
		return n
	}
	return min(lastLineEnding(text, end, p.holds), n)
}

// within is the text of the n bytes that follow the line at hand, and what is left of
// the line that they end in: the record's own end may be there. A line that provably
// begins a record ends it; closed says that there is one.
func (p *Parser) within(n int) (text []byte, closed bool) {
	rest := p.near.rest
	if at := p.nextProven(n); at >= 0 {
		return rest[:at], true
	}
	if n >= len(rest) {
		return rest, false
	}
	if end := bytes.IndexByte(rest[n-1:], '\n'); end >= 0 {
		return rest[:n+end], false
	}
	return rest, false
}

// seenAhead is what nextProven has looked at, so that each line is looked at once. All
// are numbers of bytes up to the end of the text, which stays where it is.
type seenAhead struct {
	from, to  int          // the lines from here up to there
	found     int          // the first of them that begins a record; 0: none
	strangers [classes]int // among them
	hit       uint32       // the known thread of the last of them, which one of few guesses finds
	threads   uint64
}

// nextProven is the place of the first line within n bytes that provably begins a record,
// or -1. It stops when there are more unknown threads than a caller may guess.
func (p *Parser) nextProven(n int) int {
	left, threads := p.threads.guessesLeft()
	rest, s := p.near.rest, &p.near.ahead
	if left == [classes]int{} {
		return -1
	}
	here := len(rest)
	if s.threads != threads || here > s.from || here < s.to || s.found > here || s.found == 0 && s.beyond(&left) {
		*s = seenAhead{from: here, to: here, threads: threads}
	}
	for s.found == 0 && s.to > max(here-n, 0) {
		line, _, _ := bytes.Cut(rest[here-s.to:], newline)
		switch fit, of := p.beginsRecord(trimLine(line), &envelope{}); {
		case fit >= weak && s.strangers[of] < left[of]:
			if s.proves(fit, uint32(threadKey(&p.near.next))) {
				s.found = s.to
				continue
			}
		case fit == stranger:
			s.strangers[of]++
			s.hit = 0
		}
		s.to = max(s.to-len(line)-len(newline), 0)
	}
	if s.found > 0 && here-s.found < n {
		return here - s.found
	}
	return -1
}

// proves reports whether the line at to, which is of a known thread, provably begins a
// record. A weak one needs another thread before it.
func (s *seenAhead) proves(how fit, lwp uint32) bool {
	if how == proven || s.hit != 0 && s.hit != lwp {
		return true
	}
	s.hit = lwp
	return false
}

// beyond reports whether there are more strangers than wrong guesses are allowed.
func (s *seenAhead) beyond(left *[classes]int) bool {
	return s.strangers[ofFile] >= left[ofFile] && s.strangers[ofFile] > 0 || s.strangers[ofCall] >= left[ofCall] && s.strangers[ofCall] > 0
}

// beginsRecord says whether a line behind the one at hand provably begins a record: one
// of a thread that is known to write such, where its wrong guesses are counted too. Others
// that could be meant are strangers, and the rest familiar.
func (p *Parser) beginsRecord(line []byte, env *envelope) (fit, class) {
	r := &p.near.next
	if len(line) >= maxRecord || !p.headOf(line, env, r) || r.kind != p.record.kind || p.near.foreign(r) || ownThreads(r.file) {
		return familiar, ofFile
	}
	steady := isSteady(r) || p.isOwn(r)
	if !steady && !isRead(r) {
		return familiar, ofFile
	}
	key := threadKey(r)
	how := p.threads.peek(key)
	if how >= weak && !steady && !p.isEvent(r) {
		how = familiar
	}
	return how, keyClass(key)
}

// isRead reports whether rules read records of this file.
func isRead(r *record) bool {
	if r.level == levelSecurity {
		return string(r.file) == "res_security_log.c"
	}
	return string(r.file) != "pjproject" && len(builtin.rulesOf(r.file)) > 0
}

// isEvent reports whether a rule reads the record, and leaves what is known of the one
// at hand as it was.
func (p *Parser) isEvent(r *record) bool {
	found, tail, end, holds, mark := p.found, p.tail, p.end, p.holds, p.mark
	var e Event
	ok := p.builtin(r, &e)
	p.found, p.tail, p.end, p.holds, p.mark = found, tail, end, holds, mark
	return ok
}

// loggerBuffer is where the logger cuts a record, newline and all: BUFSIZ.
const loggerBuffer = 8192

// cutIn reports whether the logger may have cut a record that so many bytes of text
// belong to: what Asterisk writes behind a caller's text is then not there, and the
// next record begins where the cut is.
func cutIn(text []byte, at int) bool {
	const slack = 4
	if at-slack > len(text) {
		return false
	}
	near := text[max(at-slack, 0):]
	if end := bytes.IndexByte(near[min(2*slack, len(near)):], '\n'); end >= 0 {
		near = near[:2*slack+end]
	}
	return at < 0 || hasHead(near)
}

// lastLineEnding is where the last line of text that ends with end, and holds what
// such a line must, does so; or 0.
func lastLineEnding(text, end, holds []byte) int {
	for n := len(text); n > 0; {
		at := max(bytes.LastIndexByte(text[:n], '\n'), 0)
		if bytes.HasSuffix(bytes.TrimSuffix(text[:n], newline), end) && bytes.Contains(text[at:n], holds) {
			return n
		}
		n = at
	}
	return 0
}

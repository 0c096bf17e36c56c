package parsers

import "bytes"

// upTo returns how many of the next n bytes can still be text of the current record. The
// record ends with end, so its text can go on to the last line that ends with it, but not past
// a line that certainly begins another record. line is the length of the record's first line.
func (p *Parser) upTo(n, line int, end []byte) int {
	return p.upToIn(n, line, end, len(p.near.rest) >= n || p.behind == 0 && p.arrived.IsZero())
}

// upToIn is upTo for a caller that knows whether all of the next n bytes have arrived.
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

// within returns the next n bytes, and the rest of the line in which they end, because the end
// of the record may be there. The text stops before a line that certainly begins another
// record; closed reports whether there is such a line.
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

// seenAhead remembers which lines nextProven has checked, so that it checks each line only
// once. Positions are counted in bytes from the end of the text, because the end does not move.
type seenAhead struct {
	from, to  int          // the lines between these positions are checked
	found     int          // position of the first of them that begins a record; 0: none
	strangers [classes]int // how many of them have a thread that is not known
	hit       uint32       // the last known thread among them that few guesses would find
	threads   uint64       // version of the known threads when they were checked
	row       int          // the number of the line at position to in its block
}

// nextProven returns the position of the first line within n bytes that certainly begins a
// record, or -1. It gives up after too many unknown threads: a caller could write many lines
// and guess the number of a thread with one of them.
func (p *Parser) nextProven(n int) int {
	left, threads := p.threads.guessesLeft()
	rest, s := p.near.rest, &p.near.ahead
	if left == [classes]int{} {
		return -1
	}
	here := len(rest)
	if s.threads != threads || here > s.from || here < s.to || s.found > here || s.found == 0 && s.beyond(&left) {
		*s = seenAhead{from: here, to: here, threads: threads, row: p.row + 1}
	}
	for s.found == 0 && s.to > max(here-n, 0) {
		how, of, key, length := p.fitAhead(rest[here-s.to:], s.row)
		switch {
		case how >= weak && s.strangers[of] < left[of]:
			if s.proves(how, uint32(key)) {
				s.found = s.to
				continue
			}
		case how == stranger:
			s.strangers[of]++
			s.hit = 0
		}
		s.to = max(s.to-length-len(newline), 0)
		s.row++
	}
	if s.found > 0 && here-s.found < n {
		return here - s.found
	}
	return -1
}

// proves reports whether the line at position to, whose thread is known, certainly begins a
// record. If few guesses would find the thread, a line of another known thread must come before.
func (s *seenAhead) proves(how fit, lwp uint32) bool {
	if how == proven || s.hit != 0 && s.hit != lwp {
		return true
	}
	s.hit = lwp
	return false
}

// beyond reports whether there were more unknown threads than the guesses that are left.
func (s *seenAhead) beyond(left *[classes]int) bool {
	return s.strangers[ofFile] >= left[ofFile] && s.strangers[ofFile] > 0 || s.strangers[ofCall] >= left[ofCall] && s.strangers[ofCall] > 0
}

// beginsRecord returns how well the thread of a later line is known. proven: the line
// certainly begins a record, because its thread is known to write such records. weak: the same,
// but few guesses would find the thread. stranger: it looks like a record, but its thread is not
// known. familiar: all other lines; they prove nothing.
func (p *Parser) beginsRecord(line []byte, env *envelope) (fit, class) {
	r := &p.near.next
	if len(line) >= maxRecord || !p.nextHead(line, env) || r.kind != p.record.kind || p.near.foreign(r.dated()) || ownThreads(r.file) {
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

// isRead reports whether there are rules for records of this source file.
func isRead(r *record) bool {
	if r.level == levelSecurity {
		return string(r.file) == "res_security_log.c"
	}
	return string(r.file) != "pjproject" && len(builtin.rulesOf(r.file)) > 0
}

// isEvent reports whether a rule matches the record. It does not change what is known of the
// current record.
func (p *Parser) isEvent(r *record) bool {
	found, tail, end, holds, mark := p.found, p.tail, p.end, p.holds, p.mark
	var e Event
	ok := p.builtin(r, &e)
	p.found, p.tail, p.end, p.holds, p.mark = found, tail, end, holds, mark
	return ok
}

// loggerBuffer is the length at which Asterisk's logger cuts a record, with its newline: BUFSIZ.
const loggerBuffer = 8192

// cutIn reports whether the logger may have cut the record at position at of its text. Then
// what Asterisk writes after the caller's text is missing, and the next record begins at the
// cut.
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

// lastLineEnding returns the end of the last line of text that ends with end and contains
// holds; 0 if there is none.
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

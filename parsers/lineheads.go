package parsers

import "bytes"

// lineHead is what one look at a line finds: where the line is, and the head of the record that
// it begins. It depends on the bytes of the line and on nothing else, so lines can be looked at
// before it is their turn, and by another goroutine. Positions within the line are counted from
// its beginning.
type lineHead struct {
	at, end  uint32 // the line, without its newline
	key      uint64 // threadKey of its record
	reach    int32  // of a line that is passed over: how far its text may go on
	sort     lineSort
	level    level
	stampEnd uint8
	nameEnd  uint8
	lwpEnd   uint8
	callEnd  uint16 // 0: it names no call
	fileAt   uint16
	fileEnd  uint16
	closing  string // what Asterisk writes behind that text; "": not known
}

// lineSort is a set of what is true of a line.
type lineSort uint16

const (
	headed   lineSort = 1 << iota // its record's head is here; without it the line has to be read in another way
	empty                         // it has no byte
	passable                      // it holds nothing for us (skippable)
	steady                        // isSteady, of its record
	isReadBy                      // isRead, of its record
	ofOwn                         // ownThreads, of its file
	userMark                      // it may hold a record about a user of the manager (amiUsers.see)
)

func (h *lineHead) is(s lineSort) bool { return h.sort&s == s }

// record takes the record apart that begins at the line.
func (h *lineHead) record(line []byte, r *record) {
	r.whole, r.kind, r.outer, r.fn = false, plainLine, nil, nil
	r.key, r.keyed = h.key, true
	r.level = h.level
	r.stamp = line[1:h.stampEnd]
	r.name = line[h.stampEnd+2 : h.nameEnd]
	r.lwp = line[h.nameEnd+1 : h.lwpEnd]
	r.call = nil
	if h.callEnd > 0 {
		r.call = line[h.lwpEnd+1 : h.callEnd]
	}
	r.file = line[h.fileAt:h.fileEnd]
	r.msg = line[int(h.fileEnd)+len(colonBlank):]
}

// Heads looks at the lines of a text, in their order and each of them once. The zero value has
// no text. Owned by one Parser, or by a block that is read ahead.
type Heads struct {
	text  []byte
	next  int        // where the next line begins that was not looked at
	list  []lineHead // of the lines before it, from number first on
	first int
	stamp []byte // the beginning of the last line with a head, up to the blank behind its date
	odd   bool   // that date holds a bracket
	files fileCache
}

const (
	// linesAtOnce is how many lines are looked at together.
	linesAtOnce = 32
	// linesKept is how many heads of lines that were read stay in memory.
	linesKept = 256
)

// begin takes another text, from its first line on.
func (b *Heads) begin(text []byte) {
	b.text, b.next, b.first, b.stamp = text, 0, 0, nil
	b.list = b.list[:0]
}

// mostAhead is how many lines of a block are looked at before the block is read. A log has some
// two thousand in a block. Those of the rest are looked at when it is their turn.
const mostAhead = 8192

// Read looks at the lines of a block, and of the bytes behind it as Parser.Continues has them.
// The text must not change until the block was read.
func (b *Heads) Read(block []byte, behind int) {
	b.begin(block[:len(block)+behind])
	for b.next < len(block) && len(b.list) < mostAhead {
		b.look(linesAtOnce)
	}
}

// get returns the head of a line by its number, or nil behind the last line. It holds until
// the next call of forget.
func (b *Heads) get(i int) *lineHead {
	for i >= b.first+len(b.list) {
		if b.next >= len(b.text) {
			return nil
		}
		b.look(linesAtOnce)
	}
	return &b.list[i-b.first]
}

// forget drops the heads before number i, when they are many.
func (b *Heads) forget(i int) {
	if done := i - b.first; done > linesKept && done > len(b.list)/2 {
		b.list = b.list[:copy(b.list, b.list[done:])]
		b.first = i
	}
}

// look looks at the next lines.
func (b *Heads) look(most int) {
	from, first := b.next, len(b.list)
	for range most {
		if b.next >= len(b.text) {
			break
		}
		rest := b.text[b.next:]
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		b.list = append(b.list, lineHead{at: uint32(b.next), end: uint32(b.next + n)})
		b.read(&b.list[len(b.list)-1], rest[:n:n])
		b.next += n + 1
	}
	b.search(b.text[from:min(b.next, len(b.text))], uint32(from), b.list[first:])
}

// search finds what is rare in all lines at once.
func (b *Heads) search(text []byte, from uint32, list []lineHead) {
	if bytes.IndexByte(text, 0x1b) >= 0 { // in a head, it has to be taken out first
		for i := range list {
			if h := &list[i]; bytes.IndexByte(b.text[h.at:min(h.end, h.at+headStart)], 0x1b) >= 0 {
				h.sort = 0
			}
		}
	}
	markLines(text, from, list, noSuchUser, rareInUser)
	markLines(text, from, list, queueIsFull, rareInQueue)
}

// markLines marks the lines that hold sep, which holds no newline.
func markLines(text []byte, from uint32, list []lineHead, sep []byte, rare int) {
	for at := 0; ; {
		n := indexRare(text[at:], sep, rare)
		if n < 0 {
			return
		}
		at += n
		for len(list) > 0 && list[0].end <= from+uint32(at) {
			list = list[1:]
		}
		if len(list) == 0 {
			return
		}
		list[0].sort |= userMark
		at++
	}
}

// read looks at one line. A line that is not in the form which Asterisk's logger writes by
// default is left alone.
func (b *Heads) read(h *lineHead, line []byte) {
	switch {
	case len(line) == 0:
		h.sort = empty
		return
	case line[0] != '[' || len(line) < 8 || line[len(line)-1] == '\r':
		return
	}
	stampEnd, ok := b.date(line)
	if !ok {
		return
	}
	name := line[stampEnd+2:]
	level := levelAt(name)
	nameLen := bytes.IndexByte(name[:min(len(name), 24)], '[')
	if level == levelNone || nameLen < 0 {
		return
	}
	nameEnd := stampEnd + 2 + nameLen
	lwp, at := uint64(0), nameEnd+1
	for at < len(line) && at-nameEnd <= 10 && line[at] >= '0' && line[at] <= '9' {
		lwp = lwp*10 + uint64(line[at]-'0')
		at++
	}
	if at == nameEnd+1 || at+1 >= len(line) || line[at] != ']' {
		return
	}
	lwpEnd, callEnd := at, 0
	at++
	if bytes.HasPrefix(line[at:], callOpen) {
		end := bytes.IndexByte(line[at:min(len(line), at+32)], ']')
		if end < 0 {
			return
		}
		callEnd = at + end
		at = callEnd + 1
	}
	if at >= len(line) || line[at] != ' ' {
		return
	}
	at++
	window := line[at:min(len(line), at+mostFile)]
	colon := bytes.IndexByte(window, ':')
	if colon < 0 || colon+1 >= len(window) || window[colon+1] != ' ' {
		return
	}
	fileEnd := at + colon
	h.level, h.stampEnd, h.nameEnd, h.lwpEnd, h.callEnd, h.fileAt, h.fileEnd = level, uint8(stampEnd), uint8(nameEnd), uint8(lwpEnd), uint16(callEnd), uint16(at), uint16(fileEnd)
	h.sort = headed
	b.stamp = line[:stampEnd+2]
	b.route(h, line, lwp)
}

// date finds the bracket that ends the date, as parseBracketed does. Most lines have the date
// of the line before them.
func (b *Heads) date(line []byte) (end int, ok bool) {
	if n := len(b.stamp); n > 0 && bytes.HasPrefix(line, b.stamp) {
		return n - 2, true
	}
	window := line[:min(len(line), maxStamp)]
	for from := 1; ; {
		i := bytes.IndexByte(window[from:], ']')
		if i < 0 {
			return 0, false
		}
		i += from
		if i+2 < len(line) && line[i+1] == ' ' && levelAt(line[i+2:]) != levelNone {
			b.odd = from > 1
			return i, true
		}
		from = i + 1
	}
}

// route notes what the source file of a record means for it.
func (b *Heads) route(h *lineHead, line []byte, lwp uint64) {
	file, call := b.files.get(line[h.fileAt:h.fileEnd]), h.callEnd > 0
	isRead := file.read
	if h.level == levelSecurity {
		isRead = file.security
	}
	ofCall := call && !isRead && !file.own
	switch {
	case file.dialplan || lwp == 0 || lwp > 1<<31:
	case ofCall:
		h.key = uint64(hashOf(line[h.lwpEnd+1:h.callEnd])|forCall)<<32 | lwp
	default:
		h.key = uint64(file.hash)<<32 | lwp
	}
	if isRead {
		h.sort |= isReadBy
	}
	if file.own {
		h.sort |= ofOwn
	}
	if ofCall || !call && file.steady {
		h.sort |= steady
	}
	if !b.odd && h.isPassable(line, file) {
		h.sort |= passable
		h.reachOf(line)
	}
}

// isPassable is skippable for a line whose head is known. Records that say how long they are
// have no place here: their lines are read as any other.
func (h *lineHead) isPassable(line []byte, file *fileFacts) bool {
	switch h.level {
	case levelVerbose:
		if file.talks {
			return false
		}
	case levelOther:
		if string(line[h.stampEnd+2:h.nameEnd]) != "DEBUG" {
			return false
		}
	default:
		return false
	}
	msg := int(h.fileEnd) + len(colonBlank)
	if file.dumps || msg >= len(line) || line[msg] == '<' || line[h.nameEnd-1] == ' ' || int(h.fileAt)-int(h.stampEnd) > headStart {
		return false
	}
	return h.callEnd == 0 || bytes.IndexByte(line[h.lwpEnd:h.callEnd], ' ') < 0
}

// reachOf finds how far the text of a line may go on that is passed over.
func (h *lineHead) reachOf(line []byte) {
	var r record
	h.record(line, &r)
	if s, known := sayingOf(&r); known {
		h.reach, h.closing = int32(s.reach), s.end
	} else {
		h.reach = int32(max(fileReach(&r)-len(line), 0))
	}
}

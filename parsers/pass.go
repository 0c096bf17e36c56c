package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

// lookAt makes the lines of a block known. size is the length of the block in the text.
func (p *Parser) lookAt(text []byte, size int) {
	p.look, p.row = nil, 0
	if p.byLine || len(text) > mostLook || len(text) > size && text[size-1] != '\n' {
		return // the block does not end where a line ends
	}
	if h := p.ahead; h != nil && len(text) > 0 && len(h.text) == len(text) && &h.text[0] == &text[0] {
		p.look = h
	} else {
		p.heads.begin(text)
		p.look = &p.heads
	}
	p.ahead = nil
}

// Ahead gives the parser what was found in the lines of the next block (Heads.Read), nil for
// nothing. The parser owns it until Block returns.
func (p *Parser) Ahead(h *Heads) { p.ahead = h }

// mostLook is the longest text whose lines are looked at before it is their turn.
const mostLook = 1 << 30

// lineAt goes to a line of the block. It returns nil where the lines are not looked at.
func (p *Parser) lineAt(row int) *lineHead {
	if p.look == nil {
		return nil
	}
	p.row = row
	p.look.forget(row)
	return p.look.get(row)
}

// headHere returns what is known of the line at hand, if text is all of it.
func (p *Parser) headHere(text []byte) *lineHead {
	if p.look == nil {
		return nil
	}
	return p.look.of(p.row, text)
}

// headThere is headHere for the first line behind it that is not empty. It returns nil also if
// the head of that line has to be read in another way.
func (p *Parser) headThere(text []byte) *lineHead {
	if p.look == nil {
		return nil
	}
	for row := p.row + 1; row <= p.row+nextLines; row++ {
		h := p.look.get(row)
		if h == nil {
			return nil
		}
		if !h.is(empty) {
			if !h.is(headed) {
				return nil
			}
			return p.look.of(row, text)
		}
	}
	return nil
}

// of returns what is known of a line, if text is all of it.
func (b *Heads) of(row int, text []byte) *lineHead {
	h := b.get(row)
	if h == nil || len(text) == 0 || len(text) != int(h.end-h.at) || &text[0] != &b.text[h.at] {
		return nil
	}
	return h
}

// passes reports whether lines that hold nothing for us may be passed over without taking them
// apart.
func (p *Parser) passes() bool {
	return len(p.patterns.list) == 0 && (p.foreign == 0 || p.headed) && !(p.near.known && p.near.kind != plainLine)
}

// pass is Line for such a line, and does what skip does.
func (p *Parser) pass(h *lineHead, line []byte, cut bool, arrived time.Time) {
	p.counts.Lines++
	if p.env.kind != plainLine {
		p.env = envelope{}
	}
	p.env.text = line
	doubted := p.doubted(line, arrived)
	if cut || h.is(userMark) {
		p.users.see(line, cut)
	}
	p.record.kind, p.record.whole = plainLine, false
	m := mark{key: h.key, stamp: line[1:h.stampEnd], session: h.is(ofOwn)}
	if p.placeOf(m, doubted, h.is(steady)) != begun && doubted {
		if p.doubt.pass(p.passed); p.doubt.exact {
			return // it is a packet's
		}
	}
	p.counts.Heads++
	p.headed = true
	p.tail, p.holds = tailUnknown, nil
	n := int(h.reach)
	if h.closing != "" {
		n = p.upTo(n, len(line), []byte(h.closing))
	}
	p.goOn(n, false, arrived, netip.Addr{}, 0)
}

// fitAhead is beginsRecord for the line that text begins with, which has this number in the
// block. length is that of the line, without its newline.
func (p *Parser) fitAhead(text []byte, row int) (how fit, of class, key uint64, length int) {
	var h *lineHead
	if p.look != nil {
		h = p.look.get(row)
	}
	if h == nil || !h.is(headed) {
		line, _, _ := bytes.Cut(text, newline)
		if how, of = p.beginsRecord(trimLine(line), &envelope{}); how >= weak {
			key = threadKey(&p.near.next)
		}
		return how, of, key, len(line)
	}
	length = int(h.end - h.at)
	how, of = p.begins(h, text[:length])
	return how, of, h.key, length
}

// begins is beginsRecord for a line whose head is known.
func (p *Parser) begins(h *lineHead, line []byte) (fit, class) {
	if len(line) >= maxRecord || p.record.kind != plainLine || h.is(ofOwn) || p.near.foreign(&mark{stamp: line[1:h.stampEnd]}) {
		return familiar, ofFile
	}
	steady, taken := h.is(steady), false
	if !steady && len(p.patterns.list) > 0 {
		p.takeNext(h, line)
		steady, taken = p.isOwn(&p.near.next), true
	}
	if !steady && !h.is(isReadBy) {
		return familiar, ofFile
	}
	how := p.threads.peek(h.key)
	if how >= weak && !steady {
		if !taken {
			p.takeNext(h, line)
		}
		if !p.isEvent(&p.near.next) {
			how = familiar
		}
	}
	return how, keyClass(h.key)
}

// takeNext takes the record of a later line apart, as nextHead does.
func (p *Parser) takeNext(h *lineHead, line []byte) {
	h.record(line, &p.near.next)
	p.near.head, p.near.begun = line, true
}

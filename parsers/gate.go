package parsers

import (
	"bytes"
	"net/netip"
)

const (
	insideDoubt = "this line may be a part of the record before it"
	longDoubt   = "this line is too long to be one record"
	goesOnDoubt = "the record continues in the next line, and its address may continue there too"
)

// gate looks at the whole line of an event. It makes the event Ambiguous if the line is not
// one record that Asterisk wrote, or if it may be a caller's text. single means: if a record
// begins in this line, its address is the sender's. gate returns false if the event needs no
// further check.
func (p *Parser) gate(e *Event, line []byte, cut bool, at place, single bool) bool {
	long := cut || len(line) >= maxRecord
	switch {
	case e.Result == None:
		return false
	case long:
		e.Result, e.Doubt = Ambiguous, longDoubt
	case e.Result == Offence && bytes.IndexByte(line, 0) >= 0:
		e.Result, e.Doubt = Ambiguous, "the line has a NUL byte, so the file is damaged"
	case e.Addr.IsValid() && !Bannable(e.Addr):
		e.Result, e.Doubt = None, "no packet from another machine can have this address"
	case at != begun:
		if least, ok := p.doubt.wroteAll(e.Addr); ok && e.Result == Offence && single && !p.doubt.strict {
			e.Evidence = min(e.Evidence, least)
			return true
		}
		e.Result, e.Doubt, e.Suspect = Ambiguous, insideDoubt, at == inDoubt
	}
	if e.Result != Offence && e.Result != Signal {
		e.Evidence = min(e.Evidence, Claimed)
	}
	if e.Suspect || long {
		e.Addr = netip.Addr{} // the address must not be used, not even as a witness
	}
	return e.Result != None
}

// compare checks a record whose address comes after a caller's text. If the text may go on
// in the next line, the true address may be there, and the event becomes Ambiguous. If the
// next line has not arrived yet, the event waits for it.
func (p *Parser) compare(e *Event, r *record) {
	if !e.Addr.IsValid() || r.whole || r.kind == syslogMessage {
		return
	}
	line, env := p.nextLine()
	switch {
	case len(line) == 0:
		p.waits = p.lookAhead && p.behind == 0 && p.near.block != nil
	case p.ends(r, line, &env), p.endsHere(r, e):
	case p.short() && p.namesNoOther(r, e.Addr):
		p.waits = true
	default:
		p.doubtEnd(e, line)
	}
}

// endsHere reports whether the current record ends with its line: no line after it can be its
// end. This does not work for records of the dialplan's Log(): their head may also go on.
func (p *Parser) endsHere(r *record, e *Event) bool {
	return len(p.end) > 0 && !bytes.HasPrefix(r.file, []byte("Ext. ")) && p.upToIn(p.tail, e.Line.Len(), p.end, !p.short()) == 0
}

// short reports whether the current record may go on in the next block.
func (p *Parser) short() bool {
	return p.lookAhead && !p.final && p.behind == 0 && p.near.block != nil && len(p.near.rest) < p.tail
}

// doubtEnd makes an event Ambiguous whose record goes on in the next line, and removes its
// address.
func (p *Parser) doubtEnd(e *Event, next []byte) {
	e.Result, e.Doubt = Ambiguous, goesOnDoubt
	e.Evidence = min(e.Evidence, Claimed)
	e.Addr = netip.Addr{}
	if e.Channel == ChannelSecurity { // here the sender can write nothing after the true address
		e.Addr, e.Port = lastAddress(next)
	}
}

// namesNoOther reports whether the record has the same address at each place where it can
// end. The caller's text ends with p.mark, and the true address follows.
func (p *Parser) namesNoOther(r *record, a netip.Addr) bool {
	if r.whole || r.kind == syslogMessage {
		return true
	}
	rest := p.near.rest
	if len(p.mark) == 0 {
		return false
	}
	most := p.tail + len(p.mark)
	if r.kind != plainLine { // other programs write more text before each line
		most += len(rest)
	}
	for { // the caller's text may end at each mark
		at := bytes.Index(rest[:min(len(rest), most)], p.mark)
		if at < 0 {
			return true
		}
		at += len(p.mark)
		rest, most = rest[at:], most-at
		if other, _, ok := anyAddr.parse(rest[:addrToken(rest)]); !ok || other != a {
			return false
		}
	}
}

package parsers

import (
	"bytes"
	"net/netip"
)

const (
	insideDoubt = "it may stand in the text of the record before it"
	longDoubt   = "a line this long is not one record"
	goesOnDoubt = "the record goes on in the next line, and so may its address"
)

// gate turns into Ambiguous what the whole line shows not to be one record of
// Asterisk's own, and what may be a caller's text. single says that its address is
// the sender's if a record begins here. It reports false where nothing more is to
// be asked.
func (p *Parser) gate(e *Event, line []byte, cut bool, at place, single bool) bool {
	long := cut || len(line) >= maxRecord
	switch {
	case e.Result == None:
		return false
	case long:
		e.Result, e.Doubt = Ambiguous, longDoubt
	case e.Result == Offence && bytes.IndexByte(line, 0) >= 0:
		e.Result, e.Doubt = Ambiguous, "a NUL byte: the file is damaged"
	case e.Addr.IsValid() && !Bannable(e.Addr):
		e.Result, e.Doubt = None, "no packet from elsewhere has this address"
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
		e.Addr = netip.Addr{} // not even a witness
	}
	return e.Result != None
}

// compare doubts a record whose address comes after a caller's text, unless the record ends
// with its line. If the next line is not there yet, the event waits for it.
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

// endsHere reports whether no line that follows can be the end of the record at hand.
// The head of a dialplan's Log() may itself go on, so its form proves nothing.
func (p *Parser) endsHere(r *record, e *Event) bool {
	return len(p.end) > 0 && !bytes.HasPrefix(r.file, []byte("Ext. ")) && p.upToIn(p.tail, e.Line.Len(), p.end, !p.short()) == 0
}

// short reports whether the record at hand may go on in the block that comes next.
func (p *Parser) short() bool {
	return p.lookAhead && !p.final && p.behind == 0 && p.near.block != nil && len(p.near.rest) < p.tail
}

// doubtEnd takes its address from an event whose record goes on in the next line.
func (p *Parser) doubtEnd(e *Event, next []byte) {
	e.Result, e.Doubt = Ambiguous, goesOnDoubt
	e.Evidence = min(e.Evidence, Claimed)
	e.Addr = netip.Addr{}
	if e.Channel == ChannelSecurity { // nothing of the sender's follows its true address
		e.Addr, e.Port = lastAddress(next)
	}
}

// namesNoOther reports whether the address is the same, wherever the record ends: after its
// text come p.mark and the true address.
func (p *Parser) namesNoOther(r *record, a netip.Addr) bool {
	if r.whole || r.kind == syslogMessage {
		return true
	}
	rest := p.near.rest
	if len(p.mark) == 0 {
		return false
	}
	most := p.tail + len(p.mark)
	if r.kind != plainLine { // and the text before each line
		most += len(rest)
	}
	for { // the text ends where the mark begins
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

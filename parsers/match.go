package parsers

import "bytes"

// match tries a source file's rules in turn.
func (p *Parser) match(rules []rule, r *record, e *Event) bool {
	msg := p.normal(r)
	for i := range rules {
		l := &rules[i]
		if l.levels&(1<<r.level) == 0 || l.fn != "" && l.fn != string(r.fn) {
			continue
		}
		p.found = found{}
		how := l.form.match(msg, &p.found)
		switch how {
		case noMatch:
			continue
		case cutMatch:
			e.Open = true
			continue
		}
		p.tail, p.end, p.mark = l.tail, l.form.end(), nil
		if l.before {
			p.mark = l.form.mark()
		}
		if p.fill(l, how, msg, e) {
			return true
		}
	}
	return false
}

// normal takes off the blanks that two modules put before their message:
// pjproject aligns its source name, res_pjsip_session leaves an empty name.
func (p *Parser) normal(r *record) []byte {
	msg := r.msg
	pjproject := string(r.file) == "pjproject"
	if pjproject {
		msg = bytes.TrimPrefix(msg, rsyslogTab)
	}
	if len(msg) == 0 || msg[0] != ' ' && msg[0] != '\t' {
		return msg
	}
	msg = bytes.TrimLeft(msg, " \t")
	if !pjproject {
		return msg
	}
	name, rest, ok := bytes.Cut(msg, []byte(" "))
	if !ok {
		return msg
	}
	p.msgBuf = append(append(p.msgBuf[:0], name...), ' ')
	p.msgBuf = append(p.msgBuf, bytes.TrimLeft(rest, " ")...)
	return p.msgBuf
}

// fill makes the event of a rule that matched.
func (p *Parser) fill(l *rule, how outcome, msg []byte, e *Event) bool {
	f := &p.found
	kind, points, id, once := l.kind, l.points, l.id, l.once
	if len(l.reasons) > 0 && how == fullMatch {
		why, ok := l.reasonOf(f.reason)
		if !ok {
			return false
		}
		kind, points, id, once = why.kind, why.points, why.id, why.once
		if why.once && len(f.reason) > len(why.text) {
			id, points = "J2 pjsip no matching endpoint, many tries", 3*Point
		}
		if kind == UnknownAccount && string(f.method) == "OPTIONS" {
			kind = Scan
		} else if kind == UnknownAccount && len(f.method) > 0 {
			once = false // a REGISTER or INVITE that comes again is an attempt of its own
		}
	} else if len(l.reasons) > 0 {
		return false
	}
	e.Result, e.Kind, e.Service, e.Channel = Offence, kind, l.service, l.channel
	e.Evidence, e.Points, e.Rule, e.Once = l.evidence, points, id, once
	e.Addr, e.Port = f.addr, f.port
	e.Account, e.Number, e.Session, e.Agent = TextOf(f.account), TextOf(f.dialled), TextOf(f.session), TextOf(f.agent)
	e.Open, e.Twin, e.Before = how == openMatch, l.twin, l.before
	switch {
	case kind == Blind:
		e.Result = Signal
	case l.ours != nil && l.ours(f.text):
		e.Result, e.Doubt = Ambiguous, "Asterisk itself failed here, not the client"
	case l.filtered && (how != fullMatch || !f.filtered()):
		e.Result, e.Doubt = Ambiguous, "the record has characters that this dialplan never writes"
	case l.doubt != "":
		e.Result, e.Doubt = Ambiguous, l.doubt
	case l.unique != nil && bytes.Count(msg, l.unique) > 1:
		e.Result, e.Doubt = Ambiguous, "the record can be read in more than one way"
	}
	if f.proven {
		e.Evidence = Proven
	}
	return true
}

// reasonOf finds the reason that is the whole of text.
func (l *rule) reasonOf(text []byte) (reason, bool) {
	for _, why := range l.reasons {
		rest, ok := bytes.CutPrefix(text, []byte(why.text))
		if ok && (len(rest) == 0 || why.more && isTries(rest)) {
			return why, true
		}
	}
	return reason{}, false
}

var triesForm = newForm(" after <number> tries in <number> ms")

func isTries(b []byte) bool {
	var f found
	return triesForm.match(b, &f) == fullMatch
}

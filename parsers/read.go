package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

// read reads the text of the line at hand.
func (p *Parser) read(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	env := &p.env
	if p.foreign != 0 && env.kind != plainLine && p.program(line, cut, emit) {
		return
	}
	text := env.text
	others := env.kind != plainLine && env.tag == otherTag // another program's, which no record goes on in
	doubted := !others && p.doubted(line, arrived)
	if others {
		p.records.Others++
	}
	if h := p.headHere(text); h == nil || h.is(userMark) || cut {
		p.users.see(text, cut)
	}
	if skippable(text) && len(p.patterns.list) == 0 {
		p.skip(text, doubted, arrived)
		return
	}
	text = trimLine(text)
	if env.kind == plainLine {
		line = text
	}
	r := &p.record
	p.waits = false
	begins := begun
	head := p.readHead(text, env, r)
	if head {
		p.counts.Heads++
		p.records.count(r.level)
		p.headed = true
		begins = p.take(r, line, text, cut, doubted, arrived, emit)
	} else {
		if doubted {
			begins = inDoubt
			p.doubt.pass(p.passed)
		}
		p.headed = p.headed || hasHead(text[:min(len(text), maxStamp+32)]) // a head that a newline ended
	}
	whole := others // or one of our own patterns says what all of the line is
	if len(p.patterns.list) > 0 && !cut && begins == begun && len(text) < maxRecord {
		whole = p.own(line, head, r, emit) || whole
	}
	if head && whole && begins == begun {
		p.sure() // it leaves nothing to a caller
	}
	if !head && !whole && p.headed && (!doubted || !p.doubt.exact || bytes.HasPrefix(text, arrow)) {
		wasExact := p.doubt.exact
		n, exact := headlessReach(text)
		p.goOn(n, exact, arrived, netip.Addr{}, 0)
		p.doubt.exact = exact && (!doubted || wasExact)
	}
}

// skip passes over a line that holds nothing for us. What it tells may hold a newline.
func (p *Parser) skip(text []byte, doubted bool, arrived time.Time) {
	n, r, begins := dumpReach, &p.record, inDoubt
	head := len(text) > 0 && p.readHead(text, &p.env, r)
	if head {
		begins = p.place(r, doubted, isSteady(r))
	}
	if doubted && begins != begun {
		if p.doubt.pass(p.passed); p.doubt.exact {
			return // it is a packet's
		}
	}
	if len(text) == 0 {
		return
	}
	p.counts.Heads++
	p.headed = true
	if head {
		p.tail = tailUnknown
		n, _, _ = p.reach(r, text, false)
	}
	p.goOn(n, false, arrived, netip.Addr{}, 0)
}

// take reads a line that looks like a record, and says whether it is one.
func (p *Parser) take(r *record, line, text []byte, cut, doubted bool, arrived time.Time, emit func(*Event)) place {
	e := &p.event
	*e = Event{}
	known := p.builtin(r, e)
	begins := p.place(r, doubted, known || isSteady(r) || isRead(r) && !doubted || p.isOwn(r))
	if known && string(r.file) == "manager.c" && p.users.exists(r, e, begins == begun, p.counts.Lines) {
		p.tail = 0
	}
	n, strict, exact := p.reach(r, text, e.Open)
	by, evidence := netip.Addr{}, e.Evidence
	if known {
		e.Line = TextOf(line)
		single := !e.Before || e.Addr.IsValid() && !p.short() && p.namesNoOther(r, e.Addr)
		if single && !strict {
			by = e.Addr
		}
		if p.gate(e, text, cut, begins, single) && !single {
			p.compare(e, r)
		}
		if p.env.times > 1 {
			p.repeat(e)
		}
		if e.Result != None {
			e.Time = p.clock.At(r.when())
			p.send(e, emit)
		}
	}
	if doubted && begins != begun {
		if p.doubt.pass(p.passed); p.doubt.exact {
			return begins // it is a packet's
		}
	}
	p.goOn(n, strict, arrived, by, evidence)
	p.doubt.exact = exact && begins == begun
	p.doubt.recipe = begins == begun && isRecipe(r)
	return begins
}

// place is where a line is: at the beginning of a record, or perhaps inside one.
type place uint8

const (
	inDoubt place = iota // nothing shows that a record begins here
	likely               // the thread is known, and can be guessed
	begun                // a record begins here
)

// ownThreads knows the files for which each session or call has a thread of its own.
func ownThreads(file []byte) bool {
	return string(file) == "manager.c" || string(file) == "res_http_websocket.c" || bytes.HasPrefix(file, []byte("Ext. "))
}

// isRecipe knows the lines of the dialplan recipe, "SECURITY[] …": no thread writes them.
func isRecipe(r *record) bool { return r.level == levelSecurity && len(r.file) == 0 && len(r.lwp) == 0 }

// place finds out whether a record begins at the line at hand. look says that
// somebody needs to know.
func (p *Parser) place(r *record, doubted, look bool) place {
	return p.placeOf(mark{
		key: threadKey(r), stamp: r.stamp, kind: r.kind,
		escaped: r.whole && r.kind == plainLine, session: ownThreads(r.file), recipe: isRecipe(r),
	}, doubted, look)
}

// mark is what in a head shows whether a record begins there.
type mark struct {
	key     uint64 // threadKey
	stamp   []byte
	kind    envelopeKind
	escaped bool // a form whose date is always the same
	session bool // ownThreads, of its file
	recipe  bool // isRecipe
}

// dated is a mark with nothing but the date.
func (r *record) dated() *mark {
	return &mark{stamp: r.stamp, kind: r.kind, escaped: r.whole && r.kind == plainLine}
}

func (p *Parser) placeOf(m mark, doubted, look bool) place {
	if p.near.foreignEnvelope(m.kind) {
		return inDoubt
	}
	if !doubted {
		p.sure()
		if look && p.threads.prove(m.key, m.session) {
			p.doubt.fresh = m.key
		}
		p.near.learnDate(&m)
		return begun
	}
	if p.doubt.recipe && m.recipe {
		return begun // its address is only claimed
	}
	if !look || p.near.foreign(&m) || p.doubt.strict && m.key == p.doubt.fresh {
		return inDoubt
	}
	switch p.threads.fits(m.key) {
	case proven:
		p.sure()
		return begun
	case weak:
		if hit := p.doubt.hit; hit != 0 && hit != uint32(m.key) {
			p.sure() // a caller has to guess two numbers at once
			return begun
		}
		p.doubt.hit = uint32(m.key)
		return likely
	case familiar:
		return likely
	}
	p.doubt.hit = 0
	return inDoubt
}

// weight is how much of a doubt a line uses up: what its writer wrote, and nothing
// of what others wrote meanwhile. In a log without envelopes there are none, and a
// line that looks like one is text.
func (p *Parser) weight(line []byte) int {
	switch {
	case p.env.kind == plainLine || p.near.known && p.near.kind == plainLine:
		return len(line) + 1
	case !bytes.Equal(p.env.writer, p.doubter):
		return 0
	}
	return len(p.env.text) + 1
}

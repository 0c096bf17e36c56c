package sensor

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pbxjail/parsers"
)

// day plays honest traffic. Asterisk's part is played by the rules of its two stacks,
// as the real traces show them.
type day struct {
	*lab
	r       *rand.Rand
	hours   map[netip.Addr]map[int64]parsers.Points
	started time.Time // Asterisk: older nonces are not its own
}

// set is one phone.
type set struct {
	at        netip.AddrPort
	user      string
	chanSIP   bool
	keeps     bool // uses its last nonce again
	every     time.Duration
	keepAlive string // "" for none; a method, or bytes
	nonce     string
	nonceAt   time.Time
}

func (d *day) reply(p *set, status int, more ...string) {
	if p.chanSIP {
		d.sipAnswer(status, more...)
	} else {
		d.answer(status, more...)
	}
}

// authenticated sends a request, with a password where it is asked for, and says
// whether it got through.
func (d *day) authenticated(p *set, method, target string, final ...int) {
	d.after(time.Duration(d.r.IntN(50)) * time.Millisecond)
	fresh := func() string {
		d.n++
		p.nonce, p.nonceAt = fmt.Sprint("nonce", d.n), d.now
		return p.nonce
	}
	if p.keeps && p.nonce != "" {
		d.ask(p.at, method, p.user, target, credentials(p.user, p.nonce, "digest of "+p.nonce))
		lives := d.now.Sub(p.nonceAt) < 32*time.Second && p.nonceAt.After(d.started) && !p.chanSIP
		if !lives {
			stale := ",stale=true"
			if p.chanSIP {
				stale = ""
			}
			d.reply(p, 401, challenge(fresh())+stale)
			d.again(credentials(p.user, p.nonce, "digest of "+p.nonce))
		}
	} else {
		d.ask(p.at, method, p.user, target)
		text := d.last.text()
		d.reply(p, 401, challenge(fresh()))
		if d.r.IntN(50) == 0 { // our answer was lost
			d.packet(p.at, false, text)
			d.reply(p, 401, challenge(p.nonce))
		}
		d.again(credentials(p.user, p.nonce, "digest of "+p.nonce))
	}
	for _, status := range final {
		d.after(time.Duration(d.r.IntN(30)) * time.Millisecond)
		d.reply(p, status)
	}
}

// mistypes is a wrong password, once.
func (d *day) mistypes(p *set) {
	d.ask(p.at, "REGISTER", p.user, "")
	d.n++
	nonce := fmt.Sprint("nonce", d.n)
	d.reply(p, 401, challenge(nonce))
	d.again(credentials(p.user, nonce, "wrong"))
	if p.chanSIP {
		d.reply(p, 403)
	} else {
		d.reply(p, 401, challenge(nonce))
	}
}

// inside sends a request of the last call.
func (d *day) inside(p *set, method string, status int) {
	d.last.totag, d.last.method = "5f3c-8a", method
	d.again()
	d.reply(p, status)
}

// weAsk sends a request of ours to a phone or a provider.
func (d *day) weAsk(to netip.AddrPort, method string, status ...int) {
	d.n++
	d.last = request{from: to, method: method, user: "asterisk", target: "x", call: fmt.Sprint("ours", d.n), branch: fmt.Sprint("z9hG4bKours", d.n), tag: "o", cseq: 1, ours: true}
	d.packet(to, true, d.last.text())
	for _, s := range status {
		d.answer(s)
	}
}

func (d *day) call(p *set) {
	switch d.r.IntN(8) {
	case 0: // a number that does not exist
		d.authenticated(p, "INVITE", fmt.Sprint(d.r.IntN(900)), 404)
		return
	case 1:
		d.authenticated(p, "INVITE", "200", 100, 180, 486)
		return
	case 2:
		d.authenticated(p, "INVITE", "200", 100, 180, 487)
		return
	}
	d.authenticated(p, "INVITE", "200", 100, 180, 200)
	d.inside(p, "INVITE", 200) // a re-INVITE, a fax, a transfer
	d.inside(p, "INVITE", 488)
	d.inside(p, "UPDATE", 200)
	d.inside(p, "INFO", 200)
	d.inside(p, "REFER", 202)
	d.inside(p, "NOTIFY", 200)
	if d.r.IntN(3) > 0 { // some calls last forever
		d.inside(p, "BYE", 200)
	}
}

// minute plays what a phone does in a minute.
func (d *day) minute(p *set, n int) {
	if n%int(p.every/time.Minute) == d.r.IntN(2) {
		d.authenticated(p, "REGISTER", "", 200)
	}
	switch p.keepAlive {
	case "":
	case "NOTIFY":
		d.ask(p.at, "NOTIFY", p.user, p.user, "Event: keep-alive")
		d.reply(p, 489)
	case "OPTIONS":
		d.ask(p.at, "OPTIONS", p.user, p.user)
		d.reply(p, []int{200, 404, 401}[d.r.IntN(3)])
	default:
		d.packet(p.at, false, p.keepAlive)
	}
	switch d.r.IntN(60) {
	case 0:
		d.call(p)
	case 1:
		d.authenticated(p, "SUBSCRIBE", fmt.Sprint(200+d.r.IntN(10)), []int{200, 202, 404, 489}[d.r.IntN(4)])
	case 2:
		d.authenticated(p, "PUBLISH", p.user, []int{200, 489}[d.r.IntN(2)])
	case 3:
		d.weAsk(p.at, "INVITE", 100, 180, []int{200, 486, 603}[d.r.IntN(3)])
	case 4:
		d.weAsk(p.at, "NOTIFY", 200)
	case 5:
		d.ask(p.at, "BYE", p.user, "gone") // of a call before the restart
		d.reply(p, 481)
	case 6:
		d.ask(p.at, "INVITE", p.user, "200") // it is switched off before it answers
		d.reply(p, 401, challenge(fmt.Sprint("never", d.n)))
	}
	if d.r.IntN(1440) == 0 {
		d.mistypes(p)
	}
	if n%2 == 0 && d.r.IntN(2) == 0 {
		d.weAsk(p.at, "OPTIONS", 200)
	}
}

// provider plays a minute of a trunk that its address alone admits.
func (d *day) provider(at netip.AddrPort, n int) {
	d.ask(at, "OPTIONS", "ping", "pbx")
	d.answer([]int{200, 404, 401}[d.r.IntN(3)])
	if d.r.IntN(3) == 0 {
		d.ask(at, "INVITE", "+4415160", fmt.Sprint("44151601", d.r.IntN(40)))
		d.answer(100)
		d.answer(183)
		d.answer([]int{200, 200, 486, 480, 487}[d.r.IntN(5)])
	}
	if n%60 == 0 {
		d.weAsk(at, "REGISTER", 401)
		d.again(credentials("us", "theirs", "x"))
		d.answer(200)
		d.weAsk(at, "INVITE", 407)
		d.again(credentials("us", "theirs", "y"))
		d.answer(100)
		d.answer(200)
	}
	if d.r.IntN(200) == 0 {
		d.ask(at, "INVITE", "+4415160", "a number that we gave back")
		d.answer(404)
	}
}

// TestAnHonestDay: 24 hours of phones, trunks and restarts must not come near a ban.
func TestAnHonestDay(t *testing.T) {
	for seed := range uint64(1) {
		d := &day{lab: newLab(t, Options{}), r: rand.New(rand.NewPCG(seed, 1)), hours: map[netip.Addr]map[int64]parsers.Points{}}
		d.quiet = true
		d.started = d.now
		var sets []*set
		for i := range 60 {
			p := &set{
				at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + i)}), 5060), user: fmt.Sprint(1000 + i),
				chanSIP: i%2 == 0, keeps: i%3 == 0, every: []time.Duration{2, 5, 10, 60}[i%4] * time.Minute,
				keepAlive: []string{"", "\r\n\r\n", "\x00\x00\x00\x00", "NOTIFY", "OPTIONS", "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"}[i%6],
			}
			if i >= 40 { // one office behind one address
				p.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, 200}), uint16(10_000+i))
				p.chanSIP = false
			}
			sets = append(sets, p)
		}
		for n := range 24 * 60 {
			if n%480 == 479 { // Asterisk is started again
				d.started = d.now
			}
			if n%700 == 699 { // the power comes back, and all register at once
				for _, p := range sets {
					p.nonce = ""
					d.authenticated(p, "REGISTER", "", 200)
				}
			}
			for _, p := range sets {
				d.minute(p, n)
			}
			d.provider(netip.MustParseAddrPort("203.0.113.1:5060"), n)
			d.ask(netip.MustParseAddrPort("203.0.113.2:5060"), "OPTIONS", "monitor", "ping") // of an unknown address
			d.answer([]int{200, 404, 401, 403}[d.r.IntN(4)])
			for a, points := range d.points {
				hour := d.hours[a]
				if hour == nil {
					hour = map[int64]parsers.Points{}
					d.hours[a] = hour
				}
				hour[int64(n/60)] += points
				delete(d.points, a)
			}
			d.now = seven.Add(time.Duration(n+1) * time.Minute)
		}
		for a, hours := range d.hours {
			for hour, points := range hours {
				if points >= 5*parsers.Point { // all of it wrong passwords, of twenty people at most
					t.Errorf("seed %d: %v made %v points in hour %d", seed, a, points, hour)
				}
			}
		}
		if st := d.s.Stats(); st.Evicted > 0 || st.Events == 0 {
			t.Errorf("got %+v", st)
		}
	}
}

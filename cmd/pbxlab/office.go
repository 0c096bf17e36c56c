package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"pbxjail/cmd/internal/lab"
)

// faster is how much faster the clock of an office's day runs than ours: one minute is one
// hour. The phones' intervals and the times of the jails are divided by it.
const faster = 60

// office is one address with phones behind it. Of IPv6 it is a /64, where each phone has an
// address of its own.
type office struct {
	net    netip.Prefix
	port   uint16 // of the channel driver where its accounts are
	phones []*handset
}

// handset is a phone of an office that registers again and again.
type handset struct {
	addr     netip.Addr
	account  string
	password string
	every    time.Duration
	stale    bool          // its password is changed at the PBX and not here
	retry    time.Duration // how often it tries then
	line     *lab.Sender

	taken, refused, unanswered int
	failed                     error // the first surprise
}

// The states of an office's passwords.
const (
	passwordsAsEver = iota
	passwordsChange // at the PBX, just now: either answer is right
	passwordsChanged
)

// newOffices draws offices as they may be: 1 to 10 phones that stay right, each with an
// interval of 60 s to 1 h, and 1 to 5 that keep an old password, and try each 20 s to 2 min.
func newOffices(r *rand.Rand, version string, n int) (list []*office) {
	drivers := stacks(version)
	for i := range n {
		o := &office{port: drivers[i%len(drivers)].port, net: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + i)}), 32)}
		if i == 2 { // chan_sip of the bench has no IPv6
			o.net, o.port = netip.MustParsePrefix("2001:db8:0ff1:1::/64"), drivers[len(drivers)-1].port
		}
		good, bad := 1+r.IntN(10), 1+r.IntN(5)
		for j := range good + bad {
			account := fmt.Sprint(2000 + 100*i + j)
			h := &handset{
				addr: o.net.Addr(), account: account, password: "old-" + account, stale: j >= good,
				every: time.Duration(60+r.IntN(3541)) * time.Second / faster,
				retry: time.Duration(20+r.IntN(101)) * time.Second / faster,
			}
			if h.addr.Is6() {
				b := h.addr.As16()
				b[15] = byte(1 + j)
				h.addr = netip.AddrFrom16(b)
			}
			o.phones = append(o.phones, h)
		}
		list = append(list, o)
	}
	return list
}

func (o *office) String() string { return o.net.String() }

// stale is how many phones keep an old password.
func (o *office) stale() (n int) {
	for _, h := range o.phones {
		if h.stale {
			n++
		}
	}
	return n
}

// accounts are Asterisk's files with the accounts of offices. changed: those with an old
// password have a new one.
func accounts(version string, offices []*office, changed bool) map[string]string {
	pjsip, sip := "", ""
	for _, o := range offices {
		for _, h := range o.phones {
			password := h.password
			if changed && h.stale {
				password = "new-" + h.account
			}
			pjsip += fmt.Sprintf("[%[1]s](phone)\nauth=%[1]s-login\naors=%[1]s\n[%[1]s-login](login)\nusername=%[1]s\npassword=%[2]s\n[%[1]s](place)\n", h.account, password)
			sip += fmt.Sprintf("[%s](phone)\nsecret=%s\n", h.account, password)
		}
	}
	files := map[string]string{"pjsip-more.conf": pjsip}
	if version == "16" {
		files["sip-more.conf"] = sip
	}
	return files
}

// live registers until ctx ends. now is the state of the passwords.
func (h *handset) live(ctx context.Context, now *atomic.Int32, first time.Duration) {
	wait := time.NewTimer(first)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		before := now.Load()
		status, err := h.line.Register(h.account, h.password)
		if ctx.Err() != nil {
			return
		}
		old := h.stale && before == passwordsChanged
		h.note(status, err, old, h.stale && !old && now.Load() != passwordsAsEver)
		if old {
			wait.Reset(h.retry)
		} else {
			wait.Reset(h.every)
		}
	}
}

// note counts an answer. old: the password is an old one; either: it may be.
func (h *handset) note(status int, err error, old, either bool) {
	switch {
	case err == nil && status == 0:
		h.unanswered++
	case err == nil && status == 200 && (!old || either):
		h.taken++
	case err == nil && (status == 401 || status == 403) && (old || either):
		h.refused++
	case h.failed == nil:
		h.failed = fmt.Errorf("%s registers, old password %t: status %d, error %v", h.account, old, status, err)
	}
}

// deaf reports whether a phone missed more answers than a busy machine explains.
func (h *handset) deaf() bool { return h.unanswered > 2+(h.taken+h.refused)/10 }

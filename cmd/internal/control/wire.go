package control

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Wire is the state of the sensor on the wire.
type Wire struct {
	Enabled    bool       `json:"enabled"`
	Interfaces []string   `json:"interfaces"` // interfaces that are read; empty: all
	Ports      []string   `json:"ports"`      // ports that are read, such as "5060/udp"
	Complete   *time.Time `json:"complete"`   // no packet was missed or skipped since then; null: the sensor does not run
	Packets    uint64     `json:"packets"`    // packets that were read
	Events     uint64     `json:"events"`     // events found in them
	Banned     uint64     `json:"banned"`     // packets of banned addresses, read before the kernel's filter had the ban
	Dropped    uint64     `json:"dropped"`    // packets lost because the kernel's buffer was full
	Sampled    uint64     `json:"sampled"`    // packets skipped because there were too many
	Forged     uint64     `json:"forged"`     // log records that no packet confirmed
	Problem    string     `json:"problem"`    // why the sensor does not run; "" is none
	Hint       string     `json:"hint"`
}

// Transaction is one request and its answer. Log text in it is quoted.
type Transaction struct {
	Time    time.Time      `json:"time"`
	TookMS  float64        `json:"took_ms"` // until the answer
	Remote  netip.AddrPort `json:"remote"`
	Local   netip.AddrPort `json:"local"`
	Service string         `json:"service"`
	TCP     bool           `json:"tcp"`
	Out     bool           `json:"out"` // sent by us, answered by the other side
	Method  string         `json:"method"`
	Account string         `json:"account"`
	Number  string         `json:"number"` // the dialled number
	Agent   string         `json:"agent"`
	Status  int            `json:"status"` // of the answer; 0: no answer, or the protocol has no status numbers
	Answer  string         `json:"answer"`
	Dropped uint64         `json:"dropped"` // transactions lost before this one, because the reader was too slow
}

// Agent is a user agent that was seen on the wire.
type Agent struct {
	Name      string    `json:"name"` // quoted
	Requests  uint64    `json:"requests"`
	LoggedIn  int       `json:"logged_in"` // accounts that logged in with it, counted up to 64
	Accounts  []string  `json:"accounts"`  // the first of them, quoted
	Addresses int       `json:"addresses"` // addresses that used it, counted up to 64
	Last      time.Time `json:"last"`
}

// WireRequest asks for the transactions of one address, or of all.
type WireRequest struct{ Addr netip.Addr }

func (q WireRequest) values() url.Values {
	if !q.Addr.IsValid() {
		return nil
	}
	return url.Values{"addr": {q.Addr.String()}}
}

func (q *WireRequest) read(v url.Values) (err error) {
	text := v.Get("addr")
	if text == "" {
		return nil
	}
	if q.Addr, err = netip.ParseAddr(text); err != nil || q.Addr.Zone() != "" {
		return Refuse(http.StatusBadRequest, "ask for /v1/wire?addr=ADDR, without a zone", "addr is not an address")
	}
	q.Addr = q.Addr.Unmap()
	return nil
}

// Unread says why packets were not read, for people.
func (w *Wire) Unread() string {
	const full, many = "because the buffer for packets was full", "because more came in a second than wire.limit allows"
	switch {
	case w.Sampled == 0:
		return full
	case w.Dropped == 0:
		return many
	}
	return fmt.Sprintf("%d %s, %d %s", w.Dropped, full, w.Sampled, many)
}
